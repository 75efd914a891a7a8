//! `wasi:io/poll`: waiting for the step's own clock. All else is ready at once, since the host blocks.

use wasmtime::component::Resource;
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll;

use super::Host;
use super::stop::{Limit, Stop};

/// What a pollable waits for. It stands in the table where wasmtime would have a `DynPollable`: no pollable of
/// wasmtime's is ever made, since those start reads on other threads, and when they are ready depends on those.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Nothing: it is a stream's, and streams are ready.
    Ready,
    /// The step's clock to reach this many nanoseconds.
    Until(u64),
}

impl Wait {
    fn is_over(self, now: u64) -> bool {
        match self {
            Self::Ready => true,
            Self::Until(instant) => instant <= now,
        }
    }

    /// When it is over, in nanoseconds of the step's clock.
    fn instant(self) -> u64 {
        match self {
            Self::Ready => 0,
            Self::Until(instant) => instant,
        }
    }
}

impl Host {
    /// A pollable for `wait`.
    pub(super) fn pollable(&mut self, wait: Wait) -> Result<Resource<DynPollable>> {
        Ok(Resource::new_own(self.table.push(wait)?.rep()))
    }

    /// A pollable that is ready, for `stream`, which cannot be dropped before it.
    pub(super) fn pollable_of<T: 'static>(&mut self, stream: &Resource<T>) -> Result<Resource<DynPollable>> {
        Ok(Resource::new_own(self.table.push_child(Wait::Ready, stream)?.rep()))
    }

    fn wait(&self, pollable: &Resource<DynPollable>) -> Result<Wait> {
        Ok(*self.table.get(&Resource::<Wait>::new_borrow(pollable.rep()))?)
    }
}

impl poll::Host for Host {
    /// Those that are ready; if none is, the clock moves to when the first will be.
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.bound()?;
        if pollables.is_empty() {
            bail!("polled an empty list");
        }
        if pollables.len() as u64 > self.limits.handles {
            return Err(Stop::Limit(Limit::Handles).into());
        }
        let waits = pollables.iter().map(|pollable| self.wait(pollable)).collect::<Result<Vec<_>>>()?;
        let first = waits.iter().map(|wait| wait.instant()).min().unwrap_or(0);
        self.clock.wait_until(first);
        let now = self.clock.now();
        Ok((0..).zip(waits).filter(|(_, wait)| wait.is_over(now)).map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for Host {
    /// Whether it is; a look at the clock, so that a guest that spins on it gets there.
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        self.bound()?;
        let wait = self.wait(&pollable)?;
        Ok(wait.is_over(self.clock.look()))
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.bound()?;
        let wait = self.wait(&pollable)?;
        self.clock.wait_until(wait.instant());
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<Wait>::new_own(pollable.rep()))?;
        Ok(())
    }
}
