//! Granted folders are file systems of their own: nothing is renamed or linked from one to the other, only copied.

use std::fs;
use std::io::ErrorKind;

fn main() {
    fs::write("/out/a.md", "a").unwrap();
    assert_eq!(fs::rename("/out/a.md", "/spare/a.md").unwrap_err().kind(), ErrorKind::CrossesDevices);
    assert_eq!(fs::hard_link("/out/a.md", "/spare/a.md").unwrap_err().kind(), ErrorKind::CrossesDevices);
    fs::copy("/out/a.md", "/spare/a.md").unwrap();
    fs::remove_file("/out/a.md").unwrap();
    assert_eq!(fs::read_to_string("/spare/a.md").unwrap(), "a");
    // Taking something out of a folder changes it, and that one is for reading.
    assert_eq!(fs::rename("/in/a.md", "/out/a.md").unwrap_err().kind(), ErrorKind::PermissionDenied);
}
