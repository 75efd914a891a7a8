//! Folders are made, emptied and removed, whole trees too; one that is not empty is not removed.

use std::fs;
use std::io::ErrorKind;

fn main() {
    fs::create_dir_all("/out/a/b/c").unwrap();
    fs::write("/out/a/b/file", "x").unwrap();
    // The error of a folder that is not empty has no kind in std for WASI.
    assert_eq!(fs::remove_dir("/out/a").unwrap_err().to_string(), "Directory not empty (os error 55)");
    assert_eq!(fs::remove_dir("/out/a/b/file").unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(fs::remove_file("/out/a/b/c").unwrap_err().kind(), ErrorKind::IsADirectory);
    fs::remove_dir("/out/a/b/c").unwrap();
    fs::remove_dir_all("/out/a").unwrap();
    assert!(!fs::exists("/out/a").unwrap());
}
