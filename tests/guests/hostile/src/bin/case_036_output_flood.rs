//! Prints ten gigabytes.

use std::io::Write as _;

fn main() {
    let block = [b'x'; 64 << 10];
    for _ in 0..160_000 {
        let _dropped = std::io::stdout().write_all(&block);
    }
}
