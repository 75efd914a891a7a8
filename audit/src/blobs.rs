//! Big values: in the log as digests, their bytes beside it.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use claw_policy::recorded::to_record;
use serde_json::Value;

use crate::error::RecordError;
use crate::event::Stored;

/// The most bytes of a value that stand in the log itself.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// The folder `blobs/sha256` of a record.
#[derive(Debug)]
pub(crate) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    pub(crate) fn in_record(record: &Path) -> Self {
        Self { folder: record.join("blobs").join("sha256") }
    }

    /// Stores a value: in the log where it is small, else as a blob that is on disk when this returns.
    pub(crate) fn store(&self, mut value: Value) -> Result<Stored, RecordError> {
        to_record(&mut value);
        let bytes = serde_json::to_vec(&value).map_err(RecordError::Encoding)?;
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Stored::Inline(value));
        }
        self.write(&bytes).map(Stored::Blob)
    }

    /// Writes bytes under their digest.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<String, RecordError> {
        let digest = claw_policy::digest(bytes);
        let path = self.folder.join(digest.trim_start_matches("sha256:"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(RecordError::Write)?;
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(digest),
            Err(error) => return Err(RecordError::Write(error)),
        };
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(RecordError::Write)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(RecordError::Write)?;
        Ok(digest)
    }
}
