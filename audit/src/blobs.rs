//! Big values: in the log as digests, their bytes beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use claw_policy::recorded::{from_record, to_record};
use serde_json::Value;

use crate::error::RecordError;
use crate::event::Stored;

/// The most bytes of a value that stand in the log itself.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// The most bytes of a blob.
pub(crate) const BLOB_BYTES_MAX: u64 = 1 << 30;

/// The form of a value in an event, and the bytes of its blob where it is one.
fn form(mut value: Value) -> Result<(Stored, Option<Vec<u8>>), RecordError> {
    to_record(&mut value);
    let bytes = serde_json::to_vec(&value).map_err(RecordError::Encoding)?;
    if bytes.len() <= INLINE_BYTES_MAX {
        return Ok((Stored::Inline(value), None));
    }
    Ok((Stored::Blob(claw_policy::digest(&bytes)), Some(bytes)))
}

/// The form that a value has in an event, and nothing is written.
///
/// # Errors
/// What has no JSON.
pub fn stored(value: Value) -> Result<Stored, RecordError> {
    form(value).map(|(stored, _)| stored)
}

/// The value that the record in `record` stores as `stored`.
///
/// # Errors
/// A blob that cannot be read, or is no JSON.
pub fn stored_value(record: &Path, stored: &Stored) -> io::Result<Value> {
    match stored {
        Stored::Inline(value) => Ok(value.clone()),
        Stored::Blob(digest) => {
            let mut value = serde_json::from_slice(&blob(record, digest)?)?;
            from_record(&mut value);
            Ok(value)
        }
    }
}

/// The bytes of the blob with `digest` of the record in `record`, which are those that it names.
///
/// # Errors
/// When it cannot be read, or is not what its name says.
pub fn blob(record: &Path, digest: &str) -> io::Result<Vec<u8>> {
    let path = Blobs::in_record(record).path(digest);
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    let metadata = fs::symlink_metadata(&path)?;
    if !metadata.is_file() || metadata.len() > BLOB_BYTES_MAX {
        return Err(io::Error::other("it is no blob"));
    }
    let bytes = fs::read(&path)?;
    if claw_policy::digest(&bytes) == *digest {
        Ok(bytes)
    } else {
        Err(io::Error::other("it is not what its name says"))
    }
}

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
    pub(crate) fn store(&self, value: Value) -> Result<Stored, RecordError> {
        let (stored, bytes) = form(value)?;
        bytes.map_or(Ok(()), |bytes| self.write(&bytes).map(drop))?;
        Ok(stored)
    }

    /// Where the blob with `digest` is.
    pub(crate) fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(digest.trim_start_matches("sha256:"))
    }

    /// Writes bytes under their digest.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<String, RecordError> {
        let digest = claw_policy::digest(bytes);
        let path = self.path(&digest);
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
