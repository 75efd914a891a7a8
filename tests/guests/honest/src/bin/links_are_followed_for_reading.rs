//! Links that stay inside their granted folder are followed to read, and read as links; others are refused.

use std::fs;
use std::io::ErrorKind;

fn main() {
    assert_eq!(fs::read_to_string("/in/link").unwrap(), "first\nsecond\nthird\n");
    assert_eq!(fs::read_to_string("/in/folder-link/two.md").unwrap(), "two.md");
    assert_eq!(fs::read_link("/in/link").unwrap().to_str(), Some("a.md"));
    assert_eq!(fs::read("/in/dangling").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read("/in/leads-out").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::metadata("/in/leads-out").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(fs::symlink_metadata("/in/leads-out").unwrap().is_symlink());
}
