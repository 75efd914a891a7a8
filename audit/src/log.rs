//! A log: one canonical line an event, appended, each a leaf of one hash tree.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::canonical;
use crate::disk::{Disk, write_all};
use crate::merkle::Tree;

/// The name of a log in its folder.
pub(crate) const LOG: &str = "log.jsonl";
/// The name of its last signed checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// A log that is written.
#[derive(Debug)]
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    file: File,
    /// Lines that are not written yet.
    pending: Vec<u8>,
    tree: Tree,
    bytes: u64,
    /// Whether it could not be written or synced once. What is on disk is not known then: half a line, or less than a sync
    /// that succeeds later would say. So nothing more is written; the next start cuts off what is not whole.
    failed: bool,
}

impl Log {
    /// Makes the log of `folder`, which has none.
    pub(crate) fn create(disk: Arc<dyn Disk>, folder: &Path) -> io::Result<Self> {
        let file = disk.create(&folder.join(LOG))?;
        Ok(Self::resume(disk, folder, file, Tree::default(), 0))
    }

    /// Goes on with a log of so many `bytes`, whose lines hash to `tree`.
    pub(crate) fn resume(disk: Arc<dyn Disk>, folder: &Path, file: File, tree: Tree, bytes: u64) -> Self {
        Self { disk, folder: folder.to_owned(), file, pending: Vec::new(), tree, bytes, failed: false }
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// What its lines hash to, those that are pending too.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Bytes of all its lines.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes an event, if its line is at most so many bytes. It is written with the next [`write`](Self::write) or
    /// [`sync`](Self::sync). False where it is longer.
    pub(crate) fn append(&mut self, event: &impl Serialize, most: u64) -> Result<bool, serde_json::Error> {
        let start = self.pending.len();
        // RFC 8785: one byte form for one event. It would round integers beyond 2^53, so `Blobs::store` has made them strings.
        canonical::write(event, &mut self.pending)?;
        let line = self.pending.get(start..).unwrap_or_default();
        let length = line.len() as u64 + 1;
        if length > most {
            self.pending.truncate(start);
            return Ok(false);
        }
        self.tree.push(line);
        self.pending.push(b'\n');
        self.bytes += length;
        Ok(true)
    }

    /// Writes what is pending, in one `write`.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.unless_failed(|log| write_all(&*log.disk, &log.file, &pending))?;
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    /// Writes what is pending, and returns once it is on disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        self.unless_failed(|log| log.disk.sync(&log.file))
    }

    fn unless_failed(&mut self, act: impl FnOnce(&Self) -> io::Result<()>) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("it could not be written or synced before"));
        }
        let done = act(self);
        self.failed = done.is_err();
        done
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::faulty::{Fault, Faulty};

    #[test]
    fn after_a_write_or_a_sync_that_failed_nothing_more_is_written() {
        // It is made, written and synced: the second or the third of these fails, once.
        for (fails, written) in [(1, 0), (2, 2)] {
            let folder = tempfile::tempdir().unwrap();
            let mut log = Log::create(Arc::new(Faulty::with(Fault::Io, fails)), folder.path()).unwrap();
            assert!(log.append(&Value::from(1), 9).unwrap());
            assert!(log.sync().is_err());
            assert!(log.append(&Value::from(2), 9).unwrap());
            assert!(log.sync().is_err(), "the disk is well again, and what it has of the log is not known");
            assert_eq!(std::fs::read(folder.path().join(LOG)).unwrap().len(), written);
        }
    }
}
