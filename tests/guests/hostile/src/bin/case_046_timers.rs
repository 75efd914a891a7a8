//! Polls a hundred thousand timers.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::{Pollable, poll};

fn main() {
    let timers: Vec<Pollable> = (0..100_000).map(subscribe_duration).collect();
    poll(&timers.iter().collect::<Vec<_>>());
}
