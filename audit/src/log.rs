//! A log: one canonical line an event, appended, each a leaf of one hash tree.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::canonical;
use crate::merkle::Tree;
use crate::secret::temporary;

/// The name of a log in its folder.
pub(crate) const LOG: &str = "log.jsonl";
/// The name of its last signed checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// A log that is written.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    file: File,
    /// Lines that are not written yet.
    pending: Vec<u8>,
    tree: Tree,
    bytes: u64,
}

impl Log {
    /// Makes the log of `folder`, which has none.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(folder.join(LOG))?;
        Ok(Self::resume(folder, file, Tree::default(), 0))
    }

    /// Goes on with a log of so many `bytes`, whose lines hash to `tree`.
    pub(crate) fn resume(folder: &Path, file: File, tree: Tree, bytes: u64) -> Self {
        Self { folder: folder.to_owned(), file, pending: Vec::new(), tree, bytes }
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
    pub(crate) fn append(&mut self, event: &Value, most: u64) -> Result<bool, serde_json::Error> {
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
        if !self.pending.is_empty() {
            self.file.write_all(&self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }

    /// Writes what is pending, and returns once it is on disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        self.file.sync_data()
    }
}

/// Puts `text` in the place of the file `name` of `folder`, whole or not at all.
pub(crate) fn replace(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let (path, temporary) = (folder.join(name), temporary(&folder.join(name))?);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        fs::remove_file(&temporary)?;
    }
    written
}
