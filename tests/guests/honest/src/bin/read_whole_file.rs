//! A file that is granted is read whole, as bytes and as text.

use std::fs;
use std::io::ErrorKind;

fn main() {
    assert_eq!(fs::read_to_string("/in/a.md").unwrap(), "first\nsecond\nthird\n");
    assert_eq!(fs::read("/in/bytes").unwrap(), [0, 255, 10, 128]);
    assert_eq!(fs::read("/in/empty").unwrap(), []);
    assert_eq!(fs::read_to_string("/in/bytes").unwrap_err().kind(), ErrorKind::InvalidData);
}
