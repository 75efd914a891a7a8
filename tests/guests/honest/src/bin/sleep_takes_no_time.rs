//! Sleeping moves the clocks, and takes no time.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn main() {
    let (monotonic, wall) = (Instant::now(), SystemTime::now());
    thread::sleep(YEAR);
    assert!(monotonic.elapsed() >= YEAR);
    assert!(wall.elapsed().unwrap() >= YEAR);
}
