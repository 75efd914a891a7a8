//! Bounds and measures the memories and tables of a store, all of them together.

use wasmtime::{ResourceLimiter, Result};

use super::stop::Limit;
use crate::engine::INSTANCES_MAX;

/// One sum over the whole store: how much there is, was at most, and may be.
#[derive(Debug)]
struct Sum {
    now: u64,
    peak: u64,
    most: u64,
    /// The last growth that was allowed, to be taken back should it fail.
    last: u64,
}

impl Sum {
    fn new(most: u64) -> Self {
        Self { now: 0, peak: 0, most, last: 0 }
    }

    /// Whether one of the summed may grow from `current` to `desired`; if so, it is counted.
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let growth = desired.saturating_sub(current) as u64;
        let Some(sum) = self.now.checked_add(growth).filter(|sum| *sum <= self.most) else { return false };
        self.last = growth;
        self.now = sum;
        self.peak = self.peak.max(sum);
        true
    }

    fn grow_failed(&mut self) {
        self.now = self.now.saturating_sub(std::mem::take(&mut self.last));
    }
}

/// The store's [`ResourceLimiter`]. Growth over a limit is refused, not trapped (`memory.grow` gives −1), and remembered.
#[derive(Debug)]
pub(super) struct Meter {
    memory: Sum,
    tables: Sum,
    refused: Option<Limit>,
}

impl Meter {
    /// `memory` is in bytes, `tables` in elements.
    pub(super) fn new(memory: u64, tables: u64) -> Self {
        Self { memory: Sum::new(memory), tables: Sum::new(tables), refused: None }
    }

    /// The limit that a growth was last refused for.
    pub(super) fn refused(&self) -> Option<Limit> {
        self.refused
    }

    /// The most bytes that all memories had together.
    pub(super) fn peak_memory(&self) -> u64 {
        self.memory.peak
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let granted = self.memory.grow(current, desired);
        if !granted {
            self.refused = Some(Limit::Memory);
        }
        Ok(granted)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        self.memory.grow_failed();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let granted = self.tables.grow(current, desired);
        if !granted {
            self.refused = Some(Limit::Tables);
        }
        Ok(granted)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        self.tables.grow_failed();
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        INSTANCES_MAX as usize
    }

    fn memories(&self) -> usize {
        INSTANCES_MAX as usize
    }
}
