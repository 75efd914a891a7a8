//! Writes one byte, exabytes into a file.

use claw_hostile_guests::granted;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

fn main() {
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let file = granted("/out").open_at(PathFlags::empty(), "far", OpenFlags::CREATE, flags).expect("it can be made");
    for offset in [u64::MAX, i64::MAX as u64, 1 << 60, 1 << 40] {
        let _refused = file.write(b"x", offset);
        if let Ok(stream) = file.write_via_stream(offset) {
            let _refused = stream.blocking_write_and_flush(b"x");
        }
    }
}
