//! The log of all runs of one user on one machine: opened and sealed, so that one that is deleted or replaced shows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Key, MACHINE_ORIGIN};
use crate::error::RecordError;
use crate::event::Status;
use crate::lines::Lines;
use crate::log::{CHECKPOINT, LOG, Log, replace};
use crate::merkle::{Hash, Tree};
use crate::secret::secret;

/// The name of the folder in claw's own, and of the key beside it.
const FOLDER: &str = "machine";
const KEY: &str = "record.key";
/// The name of what its lines hash to, so that they need not be read again to add one.
const TREE: &str = "tree";
/// The most bytes of that: a size, and 64 hashes.
const TREE_BYTES_MAX: u64 = 16 << 10;
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
    /// The last line was cut off in its middle, and has been taken away.
    Cut {
        /// Bytes that it had.
        bytes: u64,
    },
}

/// The machine's log, and the key that signs it and every record.
#[derive(Clone, Debug)]
pub struct Machine {
    folder: PathBuf,
    key: Key,
}

/// What the lines hash to, as it is kept beside them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    bytes: u64,
    size: u64,
    full: Vec<Hash>,
}

impl Machine {
    /// Opens the log in claw's own folder `state`; both it and its key are made on first use, for this user alone.
    ///
    /// # Errors
    /// When they cannot be made, or the key is not this user's alone.
    pub fn open(state: &Path) -> Result<Self, RecordError> {
        let folder = state.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(RecordError::Write)?;
        Ok(Self { folder, key: Key::from_seed(&secret(&state.join(KEY))?) })
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

    /// Adds an event, and gives the checkpoint that is signed after it. When it returns, the event is on disk.
    ///
    /// # Errors
    /// When it cannot be written, or what is there is not what was signed.
    pub fn note(&self, event: &MachineEvent) -> Result<String, RecordError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(self.folder.join(LOG));
        let file = file.map_err(RecordError::Write)?;
        // Until the file is closed, which it is before this returns.
        file.lock().map_err(RecordError::Write)?;
        let mut log = self.resume(file)?;
        log.append(&json(event)?, LINE_BYTES_MAX).map_err(RecordError::Encoding)?;
        log.sync().map_err(RecordError::Write)?;
        let checkpoint = Checkpoint::of(MACHINE_ORIGIN, log.tree()).sign(&self.key);
        let tree = log.tree();
        let kept = Kept { bytes: log.bytes(), size: tree.size(), full: tree.full().to_vec() };
        let kept = serde_json::to_string(&kept).map_err(RecordError::Encoding)?;
        replace(&self.folder, CHECKPOINT, &checkpoint)
            .and_then(|()| replace(&self.folder, TREE, &kept))
            .map_err(RecordError::Write)?;
        Ok(checkpoint)
    }

    /// The log as it is: by what was kept beside it, where that is what was signed, and otherwise line by line.
    fn resume(&self, file: File) -> Result<Log, RecordError> {
        let bytes = file.metadata().map_err(RecordError::Write)?.len();
        let signed = match fs::read_to_string(self.folder.join(CHECKPOINT)) {
            Ok(note) => Some(Checkpoint::open(&note, MACHINE_ORIGIN, self.key.public())?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(RecordError::Write(error)),
        };
        if let (Some(signed), Some(kept)) = (&signed, self.kept())
            && kept.bytes == bytes
            && let Some(tree) = Tree::from_parts(kept.size, kept.full)
            && Checkpoint::of(MACHINE_ORIGIN, &tree) == *signed
        {
            return Ok(Log::resume(&self.folder, file, tree, bytes));
        }
        self.read_again(file, signed)
    }

    fn kept(&self) -> Option<Kept> {
        let mut text = String::new();
        File::open(self.folder.join(TREE)).ok()?.take(TREE_BYTES_MAX).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// A run was cut off between its line and the checkpoint: what was signed has to be a beginning of what is there.
    fn read_again(&self, file: File, signed: Option<Checkpoint>) -> Result<Log, RecordError> {
        let (mut tree, mut bytes) = (Tree::default(), 0);
        let mut reached = false;
        let mut lines = Lines::of(&file, LINE_BYTES_MAX);
        while let Some(line) = lines.next_whole().map_err(RecordError::Write)? {
            tree.push(line);
            bytes += line.len() as u64 + 1;
            reached |= signed.as_ref().is_some_and(|signed| *signed == Checkpoint::of(MACHINE_ORIGIN, &tree));
        }
        // Before the first checkpoint there is one line at most.
        if !reached && (signed.is_some() || tree.size() > 1) {
            return Err(RecordError::Rewritten(self.folder.join(LOG)));
        }
        let torn = file.metadata().map_err(RecordError::Write)?.len() - bytes;
        if torn > 0 {
            file.set_len(bytes).map_err(RecordError::Write)?;
        }
        let mut log = Log::resume(&self.folder, file, tree, bytes);
        if torn > 0 {
            log.append(&json(&MachineEvent::Cut { bytes: torn })?, LINE_BYTES_MAX).map_err(RecordError::Encoding)?;
        }
        Ok(log)
    }
}

fn json(event: &MachineEvent) -> Result<serde_json::Value, RecordError> {
    serde_json::to_value(event).map_err(RecordError::Encoding)
}
