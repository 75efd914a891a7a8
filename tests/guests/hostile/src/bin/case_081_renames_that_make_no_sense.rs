//! Moves a folder into itself, a file over an open one, a folder over a file: each is done or refused, and nothing breaks.

use std::fs::{self, File};
use std::io::Read as _;

fn main() {
    fs::create_dir_all("/out/a/b").expect("folders can be made");
    assert!(fs::rename("/out/a", "/out/a/b/c").is_err(), "into itself");
    assert!(fs::rename("/out/a", "/out/a/b").is_err(), "into itself");
    fs::write("/out/x", "x").expect("files can be made");
    fs::write("/out/y", "yy").expect("files can be made");
    let mut open = File::open("/out/y").expect("it can be read");
    fs::rename("/out/x", "/out/y").expect("over an open file");
    let mut text = String::new();
    open.read_to_string(&mut text).expect("what is open stays open");
    assert_eq!((text.as_str(), fs::read("/out/y").expect("it is there")), ("yy", b"x".to_vec()));
    assert!(fs::rename("/out/a", "/out/y").is_err(), "a folder over a file");
    assert!(fs::rename("/out/y", "/out/a").is_err(), "a file over a folder");
    assert!(fs::rename("/out", "/out/a/out").is_err(), "the granted folder");
    assert!(fs::rename("/out/.", "/out/z").is_err() && fs::rename("/out/a", "/out/..").is_err());
}
