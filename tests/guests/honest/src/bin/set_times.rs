//! The times of a file that is written can be set; those of one that is read cannot.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::time::{Duration, UNIX_EPOCH};

fn main() {
    let then = UNIX_EPOCH + Duration::from_secs(86_400);
    let file = File::create("/out/a.md").unwrap();
    file.set_modified(then).unwrap();
    assert_eq!(fs::metadata("/out/a.md").unwrap().modified().unwrap(), then);
    let file = File::open("/in/a.md").unwrap();
    assert_eq!(file.set_modified(then).unwrap_err().kind(), ErrorKind::PermissionDenied);
}
