//! Reads a file of terabytes into memory, at once and then piece by piece.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};

fn main() {
    assert_eq!(fs::read("/in/huge").expect_err("it does not fit").kind(), ErrorKind::OutOfMemory);
    let mut file = File::open("/in/huge").expect("it is a file");
    let (mut all, mut block) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut block).expect("it can be read");
        all.extend_from_slice(&block[..read]);
    }
}
