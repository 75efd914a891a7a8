//! The log of all runs of one user on one machine: opened and sealed, so that one that is deleted or replaced shows.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Key, MACHINE_ORIGIN};
use crate::disk::{Disk, System, make_folders, put, put_synced, write_all};
use crate::error::RecordError;
use crate::event::Status;
use crate::log::{CHECKPOINT, LOG, Log};
use crate::merkle::{Hash, Tree};
use crate::reading::{open, read, signed};
use crate::secret::secret_on;

/// The name of the folder in claw's own, and of the key beside it.
const FOLDER: &str = "machine";
const KEY: &str = "record.key";
/// The name of what is kept of its lines, so that they need not be read again to add one.
const KEPT: &str = "tree";
/// The most bytes of that: a size, 64 hashes, and some hundreds of runs that are open. With more, the lines are read.
const KEPT_BYTES_MAX: u64 = 64 << 10;
/// The most bytes of a line.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// What happened to a run, as the machine's log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MachineEvent {
    /// It was opened.
    Opened {
        /// Its id.
        run: String,
        /// Unix time in milliseconds.
        time: u64,
    },
    /// It was sealed.
    Sealed {
        /// Its id.
        run: String,
        /// How it ended.
        status: Status,
        /// Its last checkpoint, signed.
        checkpoint: String,
        /// Unix time in milliseconds.
        time: u64,
    },
    /// Its record was taken away, since it was old.
    Pruned {
        /// Its id.
        run: String,
        /// Unix time in milliseconds.
        time: u64,
    },
    /// The last line was cut off in its middle, and has been taken away.
    Cut {
        /// Bytes that it had.
        bytes: u64,
    },
}

/// The machine's log, and the key that signs it and every record.
#[derive(Clone, Debug)]
pub struct Machine {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    key: Key,
}

/// What is kept of the lines, beside them. It is believed where it is what was signed; which runs are open is not signed,
/// and only says where to look.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    bytes: u64,
    size: u64,
    full: Vec<Hash>,
    open: BTreeSet<String>,
}

impl Machine {
    /// Opens the log in claw's own folder `state`; both it and its key are made on first use, for this user alone.
    ///
    /// # Errors
    /// When they cannot be made, or the key is not this user's alone.
    pub fn open(state: &Path) -> Result<Self, RecordError> {
        Self::on(Arc::new(System), state)
    }

    /// The same, on a disk of the caller's.
    pub(crate) fn on(disk: Arc<dyn Disk>, state: &Path) -> Result<Self, RecordError> {
        let folder = state.join(FOLDER);
        make_folders(&*disk, &folder).map_err(RecordError::Write)?;
        let key = Key::from_seed(&secret_on(&*disk, &state.join(KEY))?);
        Ok(Self { disk, folder, key })
    }

    /// The key that signs.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its last checkpoint is, once there is one.
    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join(CHECKPOINT)
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Adds an event, and gives the checkpoint that is signed after it. When it returns, both are on disk.
    ///
    /// # Errors
    /// When it cannot be written, or what is there is not what was signed.
    pub fn note(&self, event: &MachineEvent) -> Result<String, RecordError> {
        let file = self.lock()?;
        let signed = self.signed()?;
        let mut held = match self.kept(&file, signed.as_ref()) {
            Some((log, open)) => Held { machine: self, log, open },
            None => self.read(file, signed)?,
        };
        held.note(event)
    }

    /// Holds the log, so that nobody else adds to it, and reads which runs are open.
    pub(crate) fn hold(&self) -> Result<Held<'_>, RecordError> {
        let file = self.lock()?;
        self.read(file, self.signed()?)
    }

    /// The runs that may be open, by what is kept; nothing where the lines have to be read to know.
    pub(crate) fn may_be_open(&self) -> Option<BTreeSet<String>> {
        let bytes = match self.folder.join(LOG).metadata() {
            Ok(log) => log.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(BTreeSet::new()),
            Err(_) => return None,
        };
        read_kept(&self.folder).filter(|kept| kept.bytes == bytes).map(|kept| kept.open)
    }

    /// Its file, held until it is closed. The first time, it is made.
    fn lock(&self) -> Result<File, RecordError> {
        let path = self.folder.join(LOG);
        let again = || open(&path, OpenOptions::new().read(true).append(true));
        let file = match again() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.disk.create(&path) {
                // Another run made it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => again(),
                // Its name is on disk before that of the checkpoint over it.
                made => made.and_then(|file| self.disk.sync_folder(&self.folder).map(|()| file)),
            },
            opened => opened,
        };
        let file = file.map_err(RecordError::Write)?;
        file.lock().map_err(RecordError::Write)?;
        Ok(file)
    }

    fn signed(&self) -> Result<Option<Checkpoint>, RecordError> {
        signed(&self.folder, MACHINE_ORIGIN, self.key.public()).map_err(RecordError::Machine)
    }

    /// The log as it is, by what is kept, where that is what was signed.
    fn kept(&self, file: &File, signed: Option<&Checkpoint>) -> Option<(Log, BTreeSet<String>)> {
        let kept = read_kept(&self.folder)?;
        let tree = Tree::from_parts(kept.size, kept.full)?;
        let is_signed = kept.bytes == file.metadata().ok()?.len() && signed?.is_of(&tree);
        let file = file.try_clone().ok()?;
        is_signed.then(|| (Log::resume(Arc::clone(&self.disk), &self.folder, file, tree, kept.bytes), kept.open))
    }

    /// The log as it is, line by line. A run may have been cut off while it added one, or before that was signed.
    fn read(&self, file: File, signed: Option<Checkpoint>) -> Result<Held<'_>, RecordError> {
        let path = self.folder.join(LOG);
        let (mut open, mut reached) = (BTreeSet::new(), signed.is_none());
        let read = read(&path, &file, &mut |event: MachineEvent, tree| {
            reached |= signed.as_ref().is_some_and(|signed| signed.is_of(tree));
            event.opens(&mut open);
            Ok(())
        });
        let read = read.map_err(RecordError::Machine)?;
        // Each line is signed before the next one is added.
        let unsigned = read.tree.size().saturating_sub(signed.map_or(0, |signed| signed.size));
        if !reached || unsigned > 1 {
            return Err(RecordError::Rewritten(path));
        }
        let log = Log::resume(Arc::clone(&self.disk), &self.folder, file, read.tree, read.bytes);
        let mut held = Held { machine: self, log, open };
        if read.torn > 0 {
            self.disk.cut(held.log.file(), read.bytes).map_err(RecordError::Write)?;
            held.note(&MachineEvent::Cut { bytes: read.torn })?;
        } else if unsigned > 0 {
            held.sign()?;
        }
        Ok(held)
    }
}

/// The log, held: nobody else adds to it.
#[derive(Debug)]
pub(crate) struct Held<'m> {
    machine: &'m Machine,
    log: Log,
    open: BTreeSet<String>,
}

impl Held<'_> {
    /// The runs that were opened and not sealed.
    pub(crate) fn open(&self) -> &BTreeSet<String> {
        &self.open
    }

    /// Adds an event, as [`Machine::note`] does.
    pub(crate) fn note(&mut self, event: &MachineEvent) -> Result<String, RecordError> {
        self.log.append(event, LINE_BYTES_MAX).map_err(RecordError::Encoding)?;
        event.opens(&mut self.open);
        self.sign()
    }

    fn sign(&mut self) -> Result<String, RecordError> {
        let Self { machine: Machine { disk, folder, key }, log, open } = self;
        log.sync().map_err(RecordError::Write)?;
        let checkpoint = Checkpoint::of(MACHINE_ORIGIN, log.tree()).sign(key);
        put_synced(&**disk, folder, CHECKPOINT, checkpoint.as_bytes()).map_err(RecordError::Write)?;
        let tree = log.tree();
        let kept = Kept { bytes: log.bytes(), size: tree.size(), full: tree.full().to_vec(), open: open.clone() };
        let kept = serde_json::to_vec(&kept).map_err(RecordError::Encoding)?;
        // Not synced, since it is believed only where it is what was signed; without it, the lines are read.
        let _slower = put(&**disk, folder, KEPT, &mut |file| write_all(&**disk, file, &kept));
        Ok(checkpoint)
    }
}

impl MachineEvent {
    /// What it does to the runs that are open.
    fn opens(&self, open: &mut BTreeSet<String>) {
        match self {
            Self::Opened { run, .. } => _ = open.insert(run.clone()),
            Self::Sealed { run, .. } => _ = open.remove(run),
            Self::Pruned { .. } | Self::Cut { .. } => {}
        }
    }
}

fn read_kept(folder: &Path) -> Option<Kept> {
    let mut text = String::new();
    File::open(folder.join(KEPT)).ok()?.take(KEPT_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
