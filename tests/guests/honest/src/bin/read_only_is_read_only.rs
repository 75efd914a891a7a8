//! What is granted to be read is not changed in any way.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};

fn main() {
    let denied = ErrorKind::PermissionDenied;
    assert_eq!(File::create("/in/new").unwrap_err().kind(), denied);
    assert_eq!(File::create("/in/a.md").unwrap_err().kind(), denied);
    assert_eq!(OpenOptions::new().append(true).open("/in/a.md").unwrap_err().kind(), denied);
    assert_eq!(OpenOptions::new().read(true).write(true).open("/in/a.md").unwrap_err().kind(), denied);
    assert_eq!(fs::create_dir("/in/new").unwrap_err().kind(), denied);
    assert_eq!(fs::remove_file("/in/a.md").unwrap_err().kind(), denied);
    assert_eq!(fs::remove_dir("/in/tree").unwrap_err().kind(), denied);
    assert_eq!(fs::rename("/in/a.md", "/in/b.md").unwrap_err().kind(), denied);
    assert_eq!(fs::hard_link("/in/a.md", "/in/b.md").unwrap_err().kind(), denied);
    let mut file = File::open("/in/a.md").unwrap();
    assert!(file.write_all(b"x").is_err());
    assert!(file.set_len(0).is_err());
}
