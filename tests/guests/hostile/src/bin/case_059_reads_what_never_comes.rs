//! Reads its input to the end, and waits for it to be ready, without end if there is none.

use std::io::Read as _;

fn main() {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).expect("an input that is closed ends");
    assert!(input.is_empty());
    let stdin = wasip2::cli::stdin::get_stdin();
    stdin.subscribe().block();
    assert!(stdin.blocking_read(1).is_err());
    assert!(stdin.read(u64::MAX).is_err());
}
