//! Files and folders are renamed within one granted folder, also over what is there: how programs write a file at once.

use std::fs;
use std::io::ErrorKind;

fn main() {
    fs::write("/out/new.tmp", "new").unwrap();
    fs::write("/out/file", "old").unwrap();
    fs::rename("/out/new.tmp", "/out/file").unwrap();
    assert_eq!(fs::read_to_string("/out/file").unwrap(), "new");
    assert!(!fs::exists("/out/new.tmp").unwrap());

    fs::create_dir_all("/out/a/b").unwrap();
    fs::rename("/out/file", "/out/a/b/file").unwrap();
    fs::rename("/out/a", "/out/c").unwrap();
    assert_eq!(fs::read_to_string("/out/c/b/file").unwrap(), "new");
    assert_eq!(fs::rename("/out/missing", "/out/x").unwrap_err().kind(), ErrorKind::NotFound);
}
