//! What is wrong with a record: the first thing that is found, and where.

use std::path::{Path, PathBuf};

/// The first thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {what}", .file.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct Fault {
    /// The file that it is in.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
}

pub(crate) fn fault(file: &Path, line: Option<u64>, what: impl Into<String>) -> Fault {
    Fault { file: file.to_owned(), line, what: what.into() }
}
