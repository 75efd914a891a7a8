//! Loading compiled components: the one file of the workspace with `unsafe` in it.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads a compiled component from bytes whose origin the caller has authenticated.
///
/// Danger: the bytes are native code. Whoever can choose them runs code in this process. The parent checks their MAC,
/// over these very bytes, before it sends them; nothing that a user or a planner gives ever gets here.
///
/// # Errors
/// An artefact of another engine, version or machine.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot check native code, so its `deserialize` is unsafe; see the MAC in `cache.rs`"
)]
pub(crate) fn load_authenticated(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes were made by `Component::serialize` of this program, in a worker of its own user, and have not
    // changed since: their HMAC-SHA256 was checked over exactly these bytes with a key that only that user can read.
    unsafe { Component::deserialize(engine, bytes) }
}
