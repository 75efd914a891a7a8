//! A file that is written is cut and grown, with zeroes at its end.

use std::fs::{self, OpenOptions};

fn main() {
    fs::write("/out/a", "0123456789").unwrap();
    let file = OpenOptions::new().write(true).open("/out/a").unwrap();
    file.set_len(3).unwrap();
    assert_eq!(fs::read("/out/a").unwrap(), b"012");
    file.set_len(5).unwrap();
    assert_eq!(fs::read("/out/a").unwrap(), b"012\0\0");
}
