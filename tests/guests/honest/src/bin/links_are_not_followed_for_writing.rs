//! Writing follows no link, not even one inside the folder: write to the file itself. A link itself can be removed.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;

fn main() {
    assert_eq!(fs::read_to_string("/out/link").unwrap(), "old");
    assert_eq!(File::create("/out/link").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(OpenOptions::new().append(true).open("/out/link").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::write("/out/folder-link/a.md", "a").unwrap_err().kind(), ErrorKind::PermissionDenied);
    fs::remove_file("/out/link").unwrap();
    assert_eq!(fs::read_to_string("/out/old.md").unwrap(), "old");
}
