//! The clocks start at the step's time, and move a microsecond each time that one is looked at: nothing takes time.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let before = Instant::now();
    for n in 0..10_000_000 {
        black_box(n);
    }
    assert_eq!(before.elapsed(), Duration::from_micros(1));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(now > Duration::from_secs(1_700_000_000), "it is the time that the step started at");
    assert!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap() > now);
}
