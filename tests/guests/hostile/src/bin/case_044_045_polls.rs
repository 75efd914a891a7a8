//! Polls one pollable many times over in one call; `/in/attack` says how often.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::poll;

fn main() {
    let count: usize = std::fs::read_to_string("/in/attack").expect("it is there").parse().expect("a number");
    let pollable = subscribe_duration(1);
    assert_eq!(poll(&vec![&pollable; count]).len(), count);
}
