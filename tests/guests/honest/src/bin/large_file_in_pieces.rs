//! A file of 8 MiB is written and read in pieces of any size.

use std::fs::File;
use std::io::{Read, Write};

const LEN: usize = 8 << 20;

fn main() {
    let bytes: Vec<u8> = (0..LEN).map(|at| (at % 251) as u8).collect();
    File::create("/out/large").unwrap().write_all(&bytes).unwrap();
    let mut file = File::open("/out/large").unwrap();
    let (mut read, mut piece) = (Vec::new(), vec![0; 100_001]);
    loop {
        match file.read(&mut piece).unwrap() {
            0 => break,
            len => read.extend_from_slice(&piece[..len]),
        }
    }
    assert!(read == bytes);
}
