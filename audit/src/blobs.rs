//! Big values: in the log as digests, their bytes beside it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::disk::{Disk, make_folders, put_synced};
use crate::error::RecordError;
use crate::event::Stored;

/// The most bytes of a value that stand in the log itself.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Makes integers beyond 2^53 strings: canonical JSON writes every number as a double, and would change them.
fn exact(value: &mut Value) {
    match value {
        Value::Number(number) if !number.is_f64() => {
            let magnitude = number.as_i64().map_or(u64::MAX, i64::unsigned_abs);
            if magnitude > claw_policy::types::EXACT_INTEGER_MAX {
                *value = Value::String(number.to_string());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(exact),
        Value::Object(fields) => fields.values_mut().for_each(exact),
        _ => {}
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
        let folder = record.join("blobs").join("sha256");
        make_folders(&*disk, &folder).map_err(RecordError::Write)?;
        Ok(Self { disk, folder, loose: RefCell::default() })
    }

    /// Stores a value: in the log where it is small, else as a blob that is on disk when this returns.
    pub(crate) fn store(&self, mut value: Value) -> Result<Stored, RecordError> {
        exact(&mut value);
        let bytes = serde_json::to_vec(&value).map_err(RecordError::Encoding)?;
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Stored::Inline(value));
        }
        self.write(&bytes).map(Stored::Blob)
    }

    /// Writes bytes under their digest. They are on disk when this returns, and under no name until they are.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<String, RecordError> {
        let digest = claw_policy::digest(bytes);
        let name = name(&digest);
        let written = if self.folder.join(name).exists() {
            self.disk.sync_folder(&self.folder)
        } else {
            self.loose.borrow_mut().insert(digest.clone());
            put_synced(&*self.disk, &self.folder, name, bytes)
        };
        written.map_err(RecordError::Write)?;
        Ok(digest)
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

/// The name of a blob's file.
fn name(digest: &str) -> &str {
    digest.trim_start_matches("sha256:")
}
