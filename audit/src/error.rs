//! Why a record cannot be written.

use std::io;

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
}
