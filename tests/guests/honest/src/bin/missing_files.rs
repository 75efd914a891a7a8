//! What is not there is not found, whether the file or a folder on the way to it is missing, or that is none.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

fn main() {
    assert_eq!(File::open("/in/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read("/in/missing/a.md").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::metadata("/in/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read_dir("/in/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::remove_file("/out/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(File::create("/out/missing/a.md").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read("/in/a.md/b.md").unwrap_err().kind(), ErrorKind::NotADirectory);
    assert!(!Path::new("/in/missing").exists() && Path::new("/in/a.md").exists());
    assert!(!fs::exists("/in/missing").unwrap());
}
