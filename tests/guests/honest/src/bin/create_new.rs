//! A file that is to be new is refused where one is, link or not; creating truncates.

use std::fs::{self, File};
use std::io::ErrorKind;

fn main() {
    File::create_new("/out/new").unwrap();
    assert_eq!(File::create_new("/out/new").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::create_dir("/out/new").unwrap_err().kind(), ErrorKind::AlreadyExists);
    fs::write("/out/new", "longer").unwrap();
    fs::write("/out/new", "short").unwrap();
    assert_eq!(fs::read_to_string("/out/new").unwrap(), "short");
    assert!(matches!(File::create("/out").unwrap_err().kind(), ErrorKind::IsADirectory));
}
