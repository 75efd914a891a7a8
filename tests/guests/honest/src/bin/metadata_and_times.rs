//! Metadata tells what something is, how long, and when it was changed; times are the machine's. There are no modes.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::time::{Duration, UNIX_EPOCH};

fn main() {
    let file = fs::metadata("/in/a.md").unwrap();
    assert!(file.is_file() && !file.is_dir() && !file.is_symlink());
    assert_eq!(file.len(), 19);
    assert_eq!(file.modified().unwrap(), UNIX_EPOCH + Duration::from_secs(1_000_000_000), "as the test has set it");
    assert!(file.accessed().is_ok());
    assert!(fs::metadata("/in/tree").unwrap().is_dir());
    assert!(fs::metadata("/in").unwrap().is_dir());
    assert!(fs::symlink_metadata("/in/link").unwrap().is_symlink());
    assert!(fs::metadata("/in/link").unwrap().is_file());
    let permissions: Permissions = file.permissions();
    fs::write("/out/a.md", "a").unwrap();
    assert_eq!(fs::set_permissions("/out/a.md", permissions).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(fs::canonicalize("/in/tree/../a.md").unwrap().to_str(), Some("/in/a.md"));
}
