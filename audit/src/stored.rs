//! A value as a record has it: in the log, or beside it.

use claw_policy::recorded::from_record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value in the log, or the digest of one beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Stored {
    /// The value itself.
    Inline(#[serde(deserialize_with = "as_it_was")] Value),
    /// `sha256:` and the digest of its canonical JSON, which is a file in `blobs/sha256`.
    Blob(String),
    /// `sha256:` and the digest of a text, or of bytes, which are such a file as they are.
    Raw(String),
}

/// Reads a value back as the one that was put there, though canonical JSON writes it in another way.
fn as_it_was<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    from_record(&mut value);
    Ok(value)
}
