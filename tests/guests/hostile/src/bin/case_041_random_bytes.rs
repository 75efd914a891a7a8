//! Asks for random bytes: of which kind, and how many, is in `/in/attack`.

use wasip2::random::{insecure, random};

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (kind, len) = attack.split_once(' ').expect("a kind and a number");
    let len: u64 = len.parse().expect("a number");
    let bytes = match kind {
        "secure" => random::get_random_bytes(len),
        _ => insecure::get_insecure_random_bytes(len),
    };
    assert_eq!(bytes.len() as u64, len);
}
