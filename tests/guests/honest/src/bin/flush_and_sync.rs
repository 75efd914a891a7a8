//! Flushing and syncing work; locks and duplicates of a file do not.

use std::fs::File;
use std::io::{ErrorKind, Write};

fn main() {
    let mut file = File::create("/out/a").unwrap();
    file.write_all(b"a").unwrap();
    file.flush().unwrap();
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    assert_eq!(file.try_clone().unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(file.lock().unwrap_err().kind(), ErrorKind::Unsupported);
}
