//! `wasi:clocks`: a clock of the step's own that starts where the run says and moves only when the guest looks or waits.
//!
//! So run and replay cannot differ, and a guest learns nothing from how long things take. Nobody ever really sleeps:
//! waiting moves the clock.

use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};

use super::Host;
use super::io_poll::Wait;

/// What the clocks move each time that one is looked at, and their resolution, in nanoseconds.
const TICK_NS: u64 = 1_000;

/// A step's time. Authority: none.
#[derive(Debug)]
pub(super) struct Clock {
    base_ms: u64,
    now_ns: u64,
}

impl Clock {
    /// The monotonic clock starts at 0, the wall clock at `base_ms` milliseconds since 1970.
    pub(super) fn new(base_ms: u64) -> Self {
        Self { base_ms, now_ns: 0 }
    }

    /// The time in nanoseconds since the step began, and one tick passes.
    pub(super) fn look(&mut self) -> u64 {
        let now = self.now_ns;
        self.now_ns = now.saturating_add(TICK_NS);
        now
    }

    /// The time in nanoseconds, and none passes.
    pub(super) fn now(&self) -> u64 {
        self.now_ns
    }

    /// Makes it `instant`, if it is not that late already.
    pub(super) fn wait_until(&mut self, instant: u64) {
        self.now_ns = self.now_ns.max(instant);
    }

    fn wall(&mut self) -> wall_clock::Datetime {
        let now = Duration::from_millis(self.base_ms).saturating_add(Duration::from_nanos(self.look()));
        wall_clock::Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() }
    }
}

impl monotonic_clock::Host for Host {
    fn now(&mut self) -> Result<u64> {
        self.bound()?;
        Ok(self.clock.look())
    }

    fn resolution(&mut self) -> Result<u64> {
        self.bound()?;
        Ok(TICK_NS)
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        self.bound()?;
        self.pollable(Wait::Until(when))
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        self.bound()?;
        let when = self.clock.now().saturating_add(duration);
        self.pollable(Wait::Until(when))
    }
}

impl wall_clock::Host for Host {
    fn now(&mut self) -> Result<wall_clock::Datetime> {
        self.bound()?;
        Ok(self.clock.wall())
    }

    fn resolution(&mut self) -> Result<wall_clock::Datetime> {
        self.bound()?;
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: TICK_NS as u32 })
    }
}
