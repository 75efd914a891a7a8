//! A log read back: its whole events, up to the first line that a crash left in parts, and its signed checkpoint.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::canonical;
use crate::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint, PublicKey};
use crate::fault::{Fault, fault};
use crate::lines::Lines;
use crate::log::CHECKPOINT;
use crate::merkle::Tree;

/// The most bytes of one line: an opening line holds a policy and its catalogue.
pub(crate) const LINE_BYTES_MAX: u64 = 64 << 20;

/// What was read of a log.
#[derive(Debug)]
pub(crate) struct Read {
    /// What its whole events hash to.
    pub(crate) tree: Tree,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Bytes that come after them: a line without its end, or one that is no JSON and all after it. A crash leaves
    /// such, where only parts of what was written together came to the disk.
    pub(crate) torn: u64,
}

/// Opens a log. A link or a pipe is none.
pub(crate) fn open(log: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    if !fs::symlink_metadata(log)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(log)
}

/// Reads a log line by line from its beginning. Each has to be the one canonical form of an event; `take` is given it with
/// what the lines so far hash to.
///
/// # Errors
/// A line that is whole and no event, and what `take` says of one.
pub(crate) fn read<E: DeserializeOwned + Serialize>(
    log: &Path,
    mut file: &File,
    take: &mut dyn FnMut(E, &Tree) -> Result<(), String>,
) -> Result<Read, Fault> {
    let unreadable = |error: io::Error| fault(log, None, error.to_string());
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let (mut tree, mut bytes, mut form) = (Tree::default(), 0, Vec::new());
    let mut lines = Lines::of(file, LINE_BYTES_MAX);
    let torn = loop {
        let number = tree.size() + 1;
        let wrong = |what: &str| fault(log, Some(number), what);
        let line = match lines.next_whole() {
            Ok(Some(line)) => line,
            Ok(None) => break lines.torn().len() as u64,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(wrong("it is too long for a line"));
            }
            Err(error) => return Err(wrong(&error.to_string())),
        };
        let event: E = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) if matches!(error.classify(), Category::Syntax | Category::Eof) => {
                break file.metadata().map_err(unreadable)?.len().saturating_sub(bytes);
            }
            Err(_) => return Err(wrong("it is no event")),
        };
        form.clear();
        canonical::write(&event, &mut form).map_err(|error| wrong(&error.to_string()))?;
        if form != line {
            return Err(wrong("it is not in its canonical form"));
        }
        tree.push(line);
        bytes += line.len() as u64 + 1;
        take(event, &tree).map_err(|what| wrong(&what))?;
    };
    Ok(Read { tree, bytes, torn })
}

/// The checkpoint in `folder`, if there is one.
pub(crate) fn signed(folder: &Path, origin: &str, key: PublicKey) -> Result<Option<Checkpoint>, Fault> {
    let path = folder.join(CHECKPOINT);
    let mut note = String::new();
    let read = File::open(&path).and_then(|file| file.take(CHECKPOINT_BYTES_MAX).read_to_string(&mut note));
    match read {
        Ok(_) => Checkpoint::open(&note, origin, key).map(Some).map_err(|error| fault(&path, None, error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(&path, None, error.to_string())),
    }
}
