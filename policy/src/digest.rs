//! Digests, as policies and records write them.

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
