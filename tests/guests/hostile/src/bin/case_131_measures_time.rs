//! Measures how long things take, with every clock there is.

use wasip2::clocks::{monotonic_clock, wall_clock};

fn main() {
    let resolution = monotonic_clock::resolution();
    assert!(resolution >= 1_000, "finer than a microsecond");
    // Much work and none take as long as each other: one tick a look.
    let mut differences = Vec::new();
    let mut buffer = vec![0_u8; 1 << 20];
    for n in 0..200_u32 {
        let before = monotonic_clock::now();
        if n % 2 == 0 {
            for (index, byte) in buffer.iter_mut().enumerate() {
                *byte = byte.wrapping_add(std::hint::black_box(index as u8));
            }
            let _ = std::fs::read("/in/notes.md");
        }
        differences.push(monotonic_clock::now() - before);
    }
    differences.dedup();
    assert_eq!(differences, [resolution]);
    let wall = |t: wall_clock::Datetime| u128::from(t.seconds) * 1_000_000_000 + u128::from(t.nanoseconds);
    let (a, b) = (wall(wall_clock::now()), wall(wall_clock::now()));
    assert_eq!(b - a, u128::from(resolution));
    // It begins at a whole millisecond, and where it said it would.
    assert!(a % 1_000_000 < 1_000_000 / 2, "{a}");
}
