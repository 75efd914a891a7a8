//! Has every byte that it writes brought to the disk.

use std::fs::File;
use std::io::Write as _;

fn main() {
    let mut file = File::create("/out/file").expect("it can be made");
    for _ in 0..100_000 {
        file.write_all(b"x").expect("it can be written");
        file.sync_all().expect("it can be synced");
    }
}
