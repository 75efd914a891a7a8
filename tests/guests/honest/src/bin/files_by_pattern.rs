//! Where a grant has `files`, only what matches is written, and everything is read.

use std::fs::{self, File};
use std::io::ErrorKind;

fn main() {
    fs::create_dir("/notes/sub").unwrap();
    fs::write("/notes/sub/a.md", "a").unwrap();
    assert_eq!(File::create("/notes/sub/a.txt").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::rename("/notes/sub/a.md", "/notes/a.txt").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::read_to_string("/notes/there.txt").unwrap(), "there");
    assert_eq!(fs::remove_file("/notes/there.txt").unwrap_err().kind(), ErrorKind::PermissionDenied);
}
