//! Recursion that does not end is a trap, and a thousand calls deep is not.

use std::hint::black_box;

fn main() {
    assert_eq!(depth(1_000), 1_000);
    depth(u64::MAX);
}

fn depth(n: u64) -> u64 {
    if n == 0 { 0 } else { black_box(depth(black_box(n - 1))) + 1 }
}
