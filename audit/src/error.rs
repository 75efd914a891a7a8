//! Why a record cannot be written.

use std::io;
use std::path::PathBuf;

use crate::fault::Fault;
use crate::secret::SecretError;

/// The record cannot be written: the run stops, since nothing happens unrecorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file could not be made, written or synced.
    #[error("the record cannot be written: {0}")]
    Write(#[source] io::Error),
    /// Another process holds the record.
    #[error("another process is writing this record")]
    Locked,
    /// An event could not be put in its canonical form.
    #[error("an event cannot be recorded: {0}")]
    Encoding(#[source] serde_json::Error),
    /// The log has reached its limit.
    #[error("the record has reached the limit `log` of {0} bytes")]
    Full(u64),
    /// The machine's log is not what was signed.
    #[error("the machine's log `{}` is not what was signed: lines of it were changed or taken away", .0.display())]
    Rewritten(PathBuf),
    /// A line of it, or its checkpoint, is none of ours.
    #[error("the machine's log cannot be used: {0}")]
    Machine(#[source] Fault),
    /// The key that signs cannot be used.
    #[error(transparent)]
    Key(#[from] SecretError),
}
