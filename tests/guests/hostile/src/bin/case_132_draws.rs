//! Draws from every source of randomness, and adds what it got to a list.

use std::io::Write as _;

use wasip2::random::{insecure, insecure_seed, random};

fn main() {
    let mut list = std::fs::File::options().create(true).append(true).open("/out/drawn").unwrap();
    let mut line = |number: u128| writeln!(list, "{number:032x}").unwrap();
    let bytes = |bytes: Vec<u8>| u128::from_le_bytes(bytes.try_into().unwrap());
    line(bytes(random::get_random_bytes(16)));
    line(bytes(insecure::get_insecure_random_bytes(16)));
    let (low, high) = insecure_seed::insecure_seed();
    line(u128::from(low) | u128::from(high) << 64);
    for _ in 0..8 {
        line(u128::from(random::get_random_u64()) | u128::from(insecure::get_insecure_random_u64()) << 64);
    }
}
