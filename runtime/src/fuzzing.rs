//! Entry points for `fuzz/`: what it needs of the inside, in a build that fuzzes and in no other.

use claw_policy::catalogue::Component;
use globset::GlobSet;
use serde_json::Value;
use wasmtime::component::{Type, Val};

pub use crate::worker::fuzzing::{Heard, replies, requests};

/// What a component exports and imports; or why it is none.
///
/// # Errors
/// What is no component, in words.
pub fn signature(bytes: &[u8]) -> Result<Component, String> {
    crate::signature::read(bytes, claw_policy::digest(bytes))
}

/// The path from `base` to what `path` names, both inside a folder.
pub fn join(base: &str, path: &str) -> Option<String> {
    crate::host::path::join(base, path)
}

/// Whether some name in `path` starts with a dot.
pub fn hidden(path: &str) -> bool {
    crate::host::path::hidden(path)
}

/// A grant's `files`, as the worker matches them.
///
/// # Errors
/// A pattern that is none.
pub fn globs(patterns: &[String]) -> Result<Option<GlobSet>, globset::Error> {
    crate::worker::fuzzing::globs(patterns)
}

/// A component's value made of JSON.
///
/// # Errors
/// JSON that is not of the type, in words.
pub fn to_val(value: &Value, ty: &Type) -> Result<Val, String> {
    crate::value::to_val(value, ty).map_err(|fault| fault.to_string())
}

/// JSON made of a component's value.
///
/// # Errors
/// A value that has no JSON, in words.
pub fn to_json(val: &Val, ty: &Type) -> Result<Value, String> {
    crate::value::to_json(val.clone(), ty).map_err(|fault| fault.to_string())
}
