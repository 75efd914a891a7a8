//! There is nothing outside of the granted folders: a path that leads out of one is refused, any other is not found.

use std::fs;
use std::io::ErrorKind;

fn main() {
    for path in ["/in/../secret", "/in/../../../../etc/passwd", "/in/tree/../../secret"] {
        assert_eq!(fs::read(path).unwrap_err().kind(), ErrorKind::PermissionDenied, "{path}");
    }
    for path in ["/etc/passwd", "/", "secret", "/input", "/proc/self/environ"] {
        assert_eq!(fs::read(path).unwrap_err().kind(), ErrorKind::NotFound, "{path}");
    }
    assert_eq!(fs::read_to_string("/in/tree/../a.md").unwrap().len(), 19, "what stays inside is fine");
    assert_eq!(fs::read_to_string("/in/./tree//two.md").unwrap(), "two.md");
}
