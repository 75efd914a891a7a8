//! Big values: in the log as digests, their bytes beside it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use claw_policy::recorded::{from_record, recorded};
use serde_json::Value;

use crate::canonical;
use crate::disk::{Disk, make_folders, put_synced};
use crate::error::RecordError;
use crate::stored::Stored;

/// The most bytes of a value that stand in the log itself.
const INLINE_BYTES_MAX: u64 = 64 << 10;

/// The same of bytes, which are some server's: the log is bounded, and its room is for what was decided and done.
const INLINE_RAW_BYTES_MAX: usize = 16 << 10;

/// The most bytes of a blob.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// The form of a value in an event. Where it is large, `put` takes its bytes, and gives their digest.
fn form(value: &Value, put: impl FnOnce(&[u8]) -> Result<String, RecordError>) -> Result<Stored, RecordError> {
    let value = recorded(value);
    if claw_policy::json::fits(&value, INLINE_BYTES_MAX) {
        return Ok(Stored::Inline(value.into_owned()));
    }
    if let Value::String(text) = &*value {
        return put(text.as_bytes()).map(Stored::Raw);
    }
    let mut bytes = Vec::new();
    canonical::write(&*value, &mut bytes).map_err(RecordError::Encoding)?;
    put(&bytes).map(Stored::Blob)
}

/// The form that a value has in an event, and nothing is written.
///
/// # Errors
/// What has no JSON.
pub fn stored(value: &Value) -> Result<Stored, RecordError> {
    form(value, |bytes| Ok(claw_policy::digest(bytes)))
}

/// The value that the record in `record` stores as `stored`.
///
/// # Errors
/// A blob that cannot be read, or is no JSON, in words.
pub fn stored_value(record: &Path, stored: &Stored) -> Result<Value, String> {
    match stored {
        Stored::Inline(value) => Ok(value.clone()),
        Stored::Raw(digest) => {
            let bytes = blob(record, digest).map_err(|error| error.to_string())?;
            String::from_utf8(bytes).map(Value::String).map_err(|error| error.to_string())
        }
        Stored::Blob(digest) => {
            let bytes = blob(record, digest).map_err(|error| error.to_string())?;
            let mut value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            from_record(&mut value);
            Ok(value)
        }
    }
}

/// The bytes that the record in `record` stores as `stored`.
///
/// # Errors
/// A blob that cannot be read, or a value that is none of bytes, in words.
pub fn stored_bytes(record: &Path, stored: &Stored) -> Result<Vec<u8>, String> {
    match stored {
        Stored::Inline(Value::String(text)) => BASE64_STANDARD.decode(text).map_err(|error| error.to_string()),
        Stored::Inline(_) | Stored::Blob(_) => Err("it is a value, and no bytes".to_owned()),
        Stored::Raw(digest) => blob(record, digest).map_err(|error| error.to_string()),
    }
}

/// The bytes of the blob with `digest` of the record in `record`, which are those that it names.
///
/// # Errors
/// When it cannot be read, or is not what its name says.
pub fn blob(record: &Path, digest: &str) -> io::Result<Vec<u8>> {
    let path = blob_path(record, digest);
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
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Those that no event refers to yet: one may not fit into the log, or a blob not onto the disk.
    loose: RefCell<BTreeSet<String>>,
}

impl Blobs {
    /// Makes the folder.
    pub(crate) fn create(disk: Arc<dyn Disk>, record: &Path) -> Result<Self, RecordError> {
        let folder = blob_folder(record);
        make_folders(&*disk, &folder).map_err(RecordError::Write)?;
        Ok(Self { disk, folder, loose: RefCell::default() })
    }

    /// Stores a value: in the log where it is small, else as a blob that is on disk when this returns.
    pub(crate) fn store(&self, value: &Value) -> Result<Stored, RecordError> {
        form(value, |bytes| self.write(bytes))
    }

    /// Stores bytes: in the log, in base64, where they are few, else as a blob that is on disk when this returns.
    pub(crate) fn store_bytes(&self, bytes: &[u8]) -> Result<Stored, RecordError> {
        match bytes.len() > INLINE_RAW_BYTES_MAX {
            true => self.write(bytes).map(Stored::Raw),
            false => Ok(Stored::Inline(Value::String(BASE64_STANDARD.encode(bytes)))),
        }
    }

    /// Writes bytes under their digest. They are on disk when this returns, and under no name until they are.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<String, RecordError> {
        let digest = claw_policy::digest(bytes);
        self.put(&digest, bytes)?;
        Ok(digest)
    }

    fn put(&self, digest: &str, bytes: &[u8]) -> Result<(), RecordError> {
        let written = if self.folder.join(name(digest)).exists() {
            self.disk.sync_folder(&self.folder)
        } else {
            self.loose.borrow_mut().insert(digest.to_owned());
            put_synced(&*self.disk, &self.folder, name(digest), bytes)
        };
        written.map_err(RecordError::Write)
    }

    /// Takes note that an event refers to these.
    pub(crate) fn refer<'d>(&self, digests: impl Iterator<Item = &'d str>) {
        let mut loose = self.loose.borrow_mut();
        if !loose.is_empty() {
            digests.for_each(|digest| _ = loose.remove(digest));
        }
    }

    /// Takes away what no event refers to: the record ends.
    pub(crate) fn remove_loose(&self) -> Result<(), RecordError> {
        for digest in self.loose.take() {
            match self.disk.remove(&self.folder.join(name(&digest))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(RecordError::Write)?,
            }
        }
        Ok(())
    }
}

/// The folder of a record's blobs.
pub(crate) fn blob_folder(record: &Path) -> PathBuf {
    record.join("blobs").join("sha256")
}

/// Where a record has the blob with `digest`.
pub(crate) fn blob_path(record: &Path, digest: &str) -> PathBuf {
    blob_folder(record).join(name(digest))
}

/// The name of a blob's file.
fn name(digest: &str) -> &str {
    digest.trim_start_matches("sha256:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crashes::{ALL, folder};
    use crate::faulty::{Fault, Faulty};

    #[test]
    fn a_large_text_and_the_same_bytes_are_one_file_and_a_small_one_none() {
        let record = folder();
        let blobs = Blobs::create(Arc::new(crate::disk::System), record.path()).unwrap();
        let text = "a \"line\"\n".repeat(10_000);
        let value = Value::from(text.as_str());
        let stored = blobs.store(&value).unwrap();
        assert_eq!(stored, Stored::Raw(claw_policy::digest(text.as_bytes())));
        assert_eq!(blobs.store_bytes(text.as_bytes()).unwrap(), stored);
        assert_eq!(stored_value(record.path(), &stored).unwrap(), value);
        assert_eq!(stored_bytes(record.path(), &stored).unwrap(), text.as_bytes());
        assert_eq!(fs::read_dir(blob_folder(record.path())).unwrap().count(), 1);
        let small = blobs.store_bytes(b"\xff").unwrap();
        assert_eq!(stored_bytes(record.path(), &small).unwrap(), b"\xff");
        // What is no text is no value, and a value is no bytes.
        let bytes = blobs.store_bytes(&[0xff; 100_000]).unwrap();
        assert!(stored_value(record.path(), &bytes).is_err());
        let list = blobs.store(&Value::from(vec![1.5; 50_000])).unwrap();
        assert!(matches!(list, Stored::Blob(_)) && stored_bytes(record.path(), &list).is_err());
        assert_eq!(stored_value(record.path(), &list).unwrap(), Value::from(vec![1.5; 50_000]));
    }

    #[test]
    fn a_blob_whose_name_was_not_synced_is_synced_when_it_is_stored_again() {
        let record = folder();
        // Two folders are made and synced; the blob is made, written, synced and renamed. Its folder is synced ninth.
        let disk = Arc::new(Faulty::with(Fault::Io, 8));
        let blobs = Blobs::create(Arc::clone(&disk) as Arc<dyn Disk>, record.path()).unwrap();
        assert!(blobs.write(b"bytes").is_err());
        let digest = blobs.write(b"bytes").unwrap();
        let left = folder();
        disk.left(disk.done(), record.path(), left.path(), &mut { ALL });
        assert_eq!(blob(left.path(), &digest).unwrap(), b"bytes");
    }
}
