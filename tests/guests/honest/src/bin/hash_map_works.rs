//! Hash maps work, and their order differs from step to step as everywhere.

use std::collections::{HashMap, HashSet};

fn main() {
    let squares: HashMap<u64, u64> = (0..100_000).map(|n| (n, n * n)).collect();
    assert_eq!(squares.len(), 100_000);
    assert_eq!(squares[&99_999], 9_999_800_001);
    assert_eq!(squares.values().map(|n| n % 10).collect::<HashSet<_>>().len(), 6);
}
