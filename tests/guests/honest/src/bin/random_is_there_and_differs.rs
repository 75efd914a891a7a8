//! Random numbers differ from call to call and from step to step; the seed is in the record.

use wasip2::random::{insecure, insecure_seed, random};

fn main() {
    let (a, b) = (random::get_random_bytes(32), random::get_random_bytes(32));
    assert!(a != b && a.len() == 32);
    assert_ne!(random::get_random_u64(), random::get_random_u64());
    assert_ne!(insecure::get_insecure_random_u64(), insecure::get_insecure_random_u64());
    assert_eq!(insecure_seed::insecure_seed(), insecure_seed::insecure_seed());
    std::fs::write("/out/random", a).unwrap();
}
