//! There is no folder for temporary files, and std's `env::temp_dir` panics: a program makes its own where it can.

use std::fs;
use std::io::ErrorKind;

fn main() {
    assert_eq!(fs::write("/tmp/a", "a").unwrap_err().kind(), ErrorKind::NotFound);
    fs::write("/out/a.tmp", "a").unwrap();
    fs::remove_file("/out/a.tmp").unwrap();
}
