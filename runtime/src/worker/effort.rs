//! What reading and compiling a component may take: in proportion to its size, so that a small one that is made to be
//! compiled without end is stopped soon, and a large one that is honest is not.

use std::fmt;
use std::time::Duration;

use claw_policy::limits::{Quantity, Unit};

/// Bytes of a component that allow so much more.
const SHARE_BYTES: u64 = 1 << 20;
/// Seconds of processor time: for each component, for each share of it, and at most. An honest one takes a
/// second or two a megabyte.
const SECONDS: (u64, u64, u64) = (5, 4, 240);
/// Bytes of memory, the same. An honest one takes about 20 to 30 times its size.
const BYTES: (u64, u64, u64) = (256 << 20, 24 << 20, 4 << 30);
/// How many times its processor time it may take, on a machine that does other things.
const WAITING: u32 = 3;

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort {
    /// Seconds of processor time, of all threads.
    pub(crate) cpu_seconds: u64,
    /// Bytes of memory of its own.
    pub(crate) memory_bytes: u64,
}

impl Effort {
    /// For a component of so many bytes.
    pub(crate) fn of(component_bytes: usize) -> Self {
        let shares = (component_bytes as u64).div_ceil(SHARE_BYTES);
        let allowed =
            |(least, share, most): (u64, u64, u64)| shares.saturating_mul(share).saturating_add(least).min(most);
        Self { cpu_seconds: allowed(SECONDS), memory_bytes: allowed(BYTES) }
    }

    /// When it is killed, however little it did.
    pub(crate) fn time(self) -> Duration {
        Duration::from_secs(self.cpu_seconds).saturating_mul(WAITING)
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = Quantity(Unit::Bytes, self.memory_bytes);
        write!(f, "{} s of processor time and {memory} of memory", self.cpu_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_component_may_take_more_and_none_takes_all() {
        assert_eq!(Effort::of(0), Effort { cpu_seconds: 5, memory_bytes: 256 << 20 });
        assert_eq!(Effort::of(1), Effort { cpu_seconds: 9, memory_bytes: 280 << 20 });
        assert_eq!(Effort::of(20 << 20), Effort { cpu_seconds: 85, memory_bytes: 736 << 20 });
        assert_eq!(Effort::of(100 << 20), Effort { cpu_seconds: 240, memory_bytes: 2656 << 20 });
        assert_eq!(Effort::of(usize::MAX), Effort { cpu_seconds: 240, memory_bytes: 4 << 30 });
        assert_eq!(Effort::of(1).to_string(), "9 s of processor time and 280 MiB of memory");
    }
}
