//! Sets times that are before and after everything, and reads them again.

use claw_hostile_guests::granted;
use wasip2::filesystem::types::{Datetime, NewTimestamp, PathFlags};

fn main() {
    let dir = granted("/out");
    std::fs::write("/out/file", "x").expect("files can be made");
    for seconds in [0, 1, 253_402_300_800, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        for nanoseconds in [0, 999_999_999, 1_000_000_000, u32::MAX] {
            let time = NewTimestamp::Timestamp(Datetime { seconds, nanoseconds });
            let _refused = dir.set_times_at(PathFlags::empty(), "file", time, time);
            let _refused = dir.stat_at(PathFlags::empty(), "file").map(|stat| stat.data_modification_timestamp);
            let _refused = std::fs::metadata("/out/file").and_then(|metadata| metadata.modified());
        }
    }
}
