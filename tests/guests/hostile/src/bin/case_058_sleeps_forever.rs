//! Sleeps for longer than anything lasts, in each of the ways that there are.

use wasip2::clocks::monotonic_clock::{subscribe_duration, subscribe_instant};

fn main() {
    std::thread::sleep(std::time::Duration::MAX);
    subscribe_duration(u64::MAX).block();
    subscribe_instant(u64::MAX).block();
    wasip2::io::poll::poll(&[&subscribe_duration(u64::MAX), &subscribe_instant(u64::MAX)]);
}
