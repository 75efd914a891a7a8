//! `wasi:io/poll`: waiting for the step's own clock, and for the peers of connections. All else is ready at once, since the
//! host blocks.

use std::collections::{BTreeMap, BTreeSet};

use wasmtime::component::Resource;
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::{DynPollable, StreamError};
use wasmtime_wasi_io::bindings::wasi::io::poll;

use super::Host;
use super::peers::Peers;
use super::place::Held;
use super::stop::{Limit, Stop};
use crate::connection::Awaited;

/// What a pollable waits for. It stands in the table where wasmtime would have a `DynPollable`: no pollable of
/// wasmtime's is ever made, since those start reads on other threads, and when they are ready depends on those.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Nothing: it is a stream's of a file, and those are ready.
    Ready,
    /// A peer.
    Peer(Awaited),
    /// The step's clock to reach this many nanoseconds.
    Until(u64),
}

impl Wait {
    /// When it is over, in nanoseconds of the step's clock, where that is known.
    fn instant(self, peers: &Peers) -> Option<u64> {
        match self {
            Self::Ready => Some(0),
            Self::Peer(awaited) => peers.has(awaited).then_some(0),
            Self::Until(instant) => Some(instant),
        }
    }
}

impl Host {
    /// A pollable for `wait`.
    pub(super) fn pollable(&mut self, wait: Wait) -> Result<Resource<DynPollable>> {
        Ok(Resource::new_own(self.table.push(wait)?.rep()))
    }

    /// A pollable for `stream`, which cannot be dropped before it: ready, where it is none of a peer's.
    pub(super) fn pollable_of<T: 'static>(&mut self, stream: &Resource<T>) -> Result<Resource<DynPollable>> {
        let wait = self.places.get(stream.rep()).and_then(Held::awaited).map_or(Wait::Ready, Wait::Peer);
        Ok(Resource::new_own(self.table.push_child(wait, stream)?.rep()))
    }

    /// Waits until one of `waits` is over: those that are, by their place. Where only the clock is waited for, it moves to
    /// when the first will be, and no time passes.
    fn wait_for(&mut self, waits: &[Wait]) -> Result<Vec<u32>> {
        let instants: Vec<Option<u64>> = waits.iter().map(|wait| wait.instant(&self.peers)).collect();
        let first = instants.iter().flatten().min().copied();
        // Each is asked for once, however often a guest lists it.
        let mut places = BTreeMap::<Awaited, Vec<u32>>::new();
        for (place, wait) in (0..).zip(waits.iter().zip(&instants)) {
            if let (Wait::Peer(awaited), None) = wait {
                places.entry(*awaited).or_default().push(place);
            }
        }
        let awaited: Vec<Awaited> = places.keys().copied().collect();
        let there = self.wait_for_peers(&awaited, first).map_err(trapped)?;
        if let (true, Some(first)) = (there.is_empty(), first) {
            self.clock.wait_until(first);
        }
        let now = self.clock.now();
        let there = there.into_iter().filter_map(|place| places.get(awaited.get(place as usize)?)).flatten().copied();
        let over = (0..).zip(instants).filter(|(_, instant)| instant.is_some_and(|instant| instant <= now));
        let over: BTreeSet<u32> = over.map(|(place, _)| place).chain(there).collect();
        Ok(over.into_iter().collect())
    }

    fn wait(&self, pollable: &Resource<DynPollable>) -> Result<Wait> {
        Ok(*self.table.get(&Resource::<Wait>::new_borrow(pollable.rep()))?)
    }
}

/// Waiting is stopped, or does not fail.
fn trapped(error: StreamError) -> wasmtime::Error {
    match error {
        StreamError::Trap(trap) => trap,
        StreamError::Closed | StreamError::LastOperationFailed(_) => wasmtime::Error::msg("the parent does not wait"),
    }
}

impl poll::Host for Host {
    /// Those that are ready, once one is.
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.bound()?;
        if pollables.is_empty() {
            bail!("polled an empty list");
        }
        if pollables.len() as u64 > self.limits.handles {
            return Err(Stop::Limit(Limit::Handles).into());
        }
        let waits = pollables.iter().map(|pollable| self.wait(pollable)).collect::<Result<Vec<_>>>()?;
        self.wait_for(&waits)
    }
}

impl poll::HostPollable for Host {
    /// Whether it is; a look at the clock, so that a guest that spins on it gets there.
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        self.bound()?;
        let wait = self.wait(&pollable)?;
        let now = self.clock.look();
        match (wait, wait.instant(&self.peers)) {
            (Wait::Peer(awaited), None) => Ok(!self.wait_for_peers(&[awaited], Some(now)).map_err(trapped)?.is_empty()),
            (_, instant) => Ok(instant.is_some_and(|instant| instant <= now)),
        }
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.bound()?;
        let wait = self.wait(&pollable)?;
        self.wait_for(&[wait]).map(drop)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<Wait>::new_own(pollable.rep()))?;
        Ok(())
    }
}
