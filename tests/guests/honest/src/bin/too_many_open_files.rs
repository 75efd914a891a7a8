//! Holding more files open than the limit `open-files` ends the step; opening as many one after the other does not.

use std::fs::File;

fn main() {
    for _ in 0..1_000 {
        File::open("/in/a.md").unwrap();
    }
    let mut held = Vec::new();
    loop {
        held.push(File::open("/in/a.md").unwrap());
    }
}
