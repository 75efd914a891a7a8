//! Files are copied by name and by stream.

use std::fs::{self, File};
use std::io;

fn main() {
    assert_eq!(fs::copy("/in/a.md", "/out/copy").unwrap(), 19);
    assert_eq!(fs::read("/out/copy").unwrap(), fs::read("/in/a.md").unwrap());
    let (mut from, mut to) = (File::open("/in/a.md").unwrap(), File::create("/out/stream").unwrap());
    assert_eq!(io::copy(&mut from, &mut to).unwrap(), 19);
    assert_eq!(fs::read("/out/stream").unwrap(), fs::read("/in/a.md").unwrap());
}
