//! Pipes, sockets and devices are listed and looked at, and not opened: nothing waits for the other end.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;

fn main() {
    assert!(!fs::metadata("/in/pipe").unwrap().is_file());
    assert_eq!(File::open("/in/pipe").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::read("/in/socket").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(OpenOptions::new().write(true).open("/out/pipe").unwrap_err().kind(), ErrorKind::PermissionDenied);
}
