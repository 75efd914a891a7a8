//! Reads a file of terabytes to its end.

use std::fs::File;
use std::io::Read as _;

fn main() {
    let mut file = File::open("/in/huge").expect("it is a file");
    let mut block = vec![0; 1 << 20];
    while file.read(&mut block).expect("it can be read") > 0 {}
}
