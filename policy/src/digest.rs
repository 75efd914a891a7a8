//! Digests, as policies and records write them.

use std::io;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// `sha256:` and the hexadecimal SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    digest_text(&Sha256::digest(bytes).into())
}

/// The digest that is the SHA-256 `hash`.
pub fn digest_text(hash: &[u8; 32]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    let digits = hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
    "sha256:".chars().chain(digits).collect()
}

/// The SHA-256 of a value's JSON, which is hashed as it is written, and not kept. Of a text, that of a quotation mark and the
/// text as it is: no JSON of another value begins so, and nothing has to be escaped.
pub(crate) fn digest_of_value(value: &Value) -> [u8; 32] {
    struct Hashing(Sha256);
    impl io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    if let Value::String(text) = value {
        return Sha256::new_with_prefix(b"\"").chain_update(text).finalize().into();
    }
    let mut hashing = Hashing(Sha256::new());
    // Every value has JSON, and a hash takes all of it.
    let _always = serde_json::to_writer(&mut hashing, value);
    hashing.0.finalize().into()
}
