//! Links can be made where they point inside their own folder, and hard links to files that may be written.

#![expect(deprecated, reason = "the one function of std that makes links here")]

use std::fs;
use std::io::ErrorKind;

fn main() {
    fs::write("/out/a.md", "a").unwrap();
    fs::soft_link("a.md", "/out/new-link").unwrap();
    assert_eq!(fs::read_to_string("/out/new-link").unwrap(), "a");
    fs::hard_link("/out/a.md", "/out/second-name").unwrap();
    fs::write("/out/second-name", "b").unwrap();
    assert_eq!(fs::read_to_string("/out/a.md").unwrap(), "b");
    for leads_out in ["../a.md", "/out/a.md", "sub/../../a.md"] {
        assert_eq!(fs::soft_link(leads_out, "/out/bad-link").unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}
