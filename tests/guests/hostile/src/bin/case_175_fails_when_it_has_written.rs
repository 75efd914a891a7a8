//! Adds a letter to a file and fails: if it were run again, the file would show it.

use std::io::Write as _;

fn main() {
    let mut file = std::fs::File::options().create(true).append(true).open("/out/count").unwrap();
    file.write_all(b"x").unwrap();
    std::process::abort();
}
