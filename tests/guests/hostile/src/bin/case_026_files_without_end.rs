//! Opens a file until it cannot, and holds all that it got: `/in/attack` says how many, and then it goes on computing.

use std::fs::File;
use std::mem::forget;

fn main() {
    let most = std::fs::read_to_string("/in/attack").expect("it is there").parse().expect("a number");
    for _ in 0..most {
        forget(File::open("/in/notes.md").expect("it is there"));
    }
    loop {
        std::hint::black_box(());
    }
}
