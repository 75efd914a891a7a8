//! The current folder is `/`, which holds the granted folders and cannot be listed.

use std::env;
use std::fs;
use std::io::ErrorKind;

fn main() {
    assert_eq!(env::current_dir().unwrap().to_str(), Some("/"));
    assert_eq!(fs::read_to_string("in/a.md").unwrap().len(), 19);
    assert_eq!(fs::read_dir("/").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::create_dir("/new").unwrap_err().kind(), ErrorKind::NotFound);
}
