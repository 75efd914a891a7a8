//! Opens all that is no file and no folder, many times and in every way: opening a FIFO waits for its other end.

use std::fs::{self, File, OpenOptions};

fn main() {
    for folder in ["/in", "/out"] {
        for name in ["fifo", "socket", "device", "link-to-fifo"] {
            let path = format!("{folder}/{name}");
            for _ in 0..100 {
                assert!(File::open(&path).is_err(), "{path} could be opened");
                assert!(OpenOptions::new().write(true).open(&path).is_err(), "{path} could be opened to write");
                assert!(OpenOptions::new().read(true).append(true).create(true).open(&path).is_err());
                assert!(fs::read(&path).is_err() && fs::write(&path, "x").is_err());
                assert!(fs::copy(&path, "/out/copy").is_err() && fs::read_dir(&path).is_err());
            }
        }
    }
    assert_eq!(fs::read("/in/notes.md").expect("what is a file can still be read").len(), 19);
}
