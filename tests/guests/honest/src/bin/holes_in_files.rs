//! What is written beyond a file's end leaves zeroes before it.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};

fn main() {
    let mut file = File::create("/out/holes").unwrap();
    file.seek(SeekFrom::Start(100_000)).unwrap();
    file.write_all(b"end").unwrap();
    let bytes = fs::read("/out/holes").unwrap();
    assert_eq!(bytes.len(), 100_003);
    assert!(bytes[..100_000].iter().all(|byte| *byte == 0) && bytes.ends_with(b"end"));
}
