//! Injected secrets taken out of what a response brings back, before a guest, the tape or the record holds it.
//!
//! Found is a secret as it is, in base64 (standard and URL-safe, at each of its three offsets, padded or not) and in
//! hexadecimal (in either case, and mixed); and each of these with any of its characters percent-encoded (RFC 3986; the
//! `%` itself always is) or escaped as in a JSON string (RFC 8259). What a remote encodes otherwise is not found.

use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The fewest bytes of a secret.
///
/// A guest may guess: it has a host echo many texts, and sees which one comes back as [`MARKER`]. One answer of 256 MiB
/// holds every text of four letters and digits, and of five; of eight there are two hundred million million. Shorter
/// secrets would also be found by chance.
pub const SECRET_BYTES_MIN: usize = 8;

/// The most bytes of a secret: what servers take of a header line. It bounds what is kept to find it.
pub const SECRET_BYTES_MAX: usize = 8 << 10;

/// What stands where a secret was.
///
/// It is the same for each secret and each encoding, so its length tells nothing of theirs; and it is no longer than the
/// shortest of them, so that no body grows over a limit that it was held to before. A body can get shorter: who hands it
/// on says its new length, or none, and never passes on a `content-length`.
pub const MARKER: &[u8; SECRET_BYTES_MIN] = b"[secret]";

/// A secret that the host puts into requests. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A secret that could not be found again safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret of {0} bytes cannot be kept from guests: it has to have {SECRET_BYTES_MIN} at least, so that nobody can \
     guess it, and {SECRET_BYTES_MAX} at most"
)]
pub struct SecretLength(usize);

impl Secret {
    /// A secret of [`SECRET_BYTES_MIN`] to [`SECRET_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// Another length.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretLength> {
        let bytes = bytes.into();
        let fits = (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len());
        if fits { Ok(Self(bytes)) } else { Err(SecretLength(bytes.len())) }
    }

    /// Its bytes, for the request that they are put into.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Finds secrets in bodies, in time that grows with the body.
pub struct Redaction {
    /// The secrets, and what of their base64 no other byte has a part in.
    exact: AhoCorasick,
    /// For each pattern of `exact`, whether the characters before and after it share bits with other bytes.
    shared: Vec<(bool, bool)>,
    /// Their hexadecimal, found in either case.
    hex: AhoCorasick,
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redaction(…)")
    }
}

impl Redaction {
    /// Of these secrets.
    ///
    /// # Errors
    /// More of them than an automaton can have: many megabytes.
    pub fn of(secrets: &[Secret]) -> Result<Self, BuildError> {
        let (mut patterns, mut shared, mut hex) = (Vec::new(), Vec::new(), Vec::new());
        for Secret(secret) in secrets {
            patterns.push(secret.clone());
            shared.push((false, false));
            for offset in 0..3 {
                let bytes = [vec![0; offset], secret.clone()].concat();
                // The characters all of whose six bits are the secret's.
                let inner = (offset * 8).div_ceil(6)..bytes.len() * 8 / 6;
                for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                    let text = alphabet.encode(&bytes).into_bytes();
                    patterns.push(text.get(inner.clone()).unwrap_or_default().to_vec());
                    shared.push((offset > 0, bytes.len() % 3 > 0));
                }
            }
            hex.push(secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
        // Not as a table of all transitions, which takes a hundred times the secrets' bytes.
        let mut automaton = AhoCorasick::builder();
        automaton.kind(Some(AhoCorasickKind::ContiguousNFA));
        Ok(Self { exact: automaton.build(patterns)?, shared, hex: automaton.ascii_case_insensitive(true).build(hex)? })
    }

    /// The body with [`MARKER`] in the place of each secret, and how many places that are. Secrets that overlap are one.
    ///
    /// Nothing else is changed, but for base64, where a character at either end of a secret can have bits of what is
    /// beside it too. It takes up to twice the body's bytes, where much of it is secrets.
    pub fn redact(&self, body: Vec<u8>) -> (Vec<u8>, usize) {
        let mut places = self.find(&body);
        for escape in [PERCENT, JSON] {
            if body.contains(&escape.lead) {
                let plain: Vec<u8> = escape.read(&body).map(|(byte, _)| byte).collect();
                places.extend(escape.places(&body, self.find(&plain)));
            }
        }
        places.sort_by_key(|place| place.start);
        let places = places.into_iter().fold(Vec::new(), joined);
        if places.is_empty() {
            return (body, 0);
        }
        let (mut redacted, mut from) = (Vec::with_capacity(body.len()), 0);
        for place in &places {
            redacted.extend_from_slice(body.get(from..place.start).unwrap_or_default());
            redacted.extend_from_slice(MARKER);
            from = place.end;
        }
        redacted.extend_from_slice(body.get(from..).unwrap_or_default());
        (redacted, places.len())
    }

    /// The places of secrets in a text, none of which overlap.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let is_base64 = |at: usize| {
            text.get(at).is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_'))
        };
        let exact = self.exact.find_overlapping_iter(text).map(|found| {
            let (before, after) = self.shared.get(found.pattern().as_usize()).copied().unwrap_or_default();
            let before = before && found.start().checked_sub(1).is_some_and(is_base64);
            let after = after && is_base64(found.end());
            found.start() - usize::from(before)..found.end() + usize::from(after)
        });
        let exact = exact.fold(Vec::new(), joined);
        let hex = self.hex.find_overlapping_iter(text).map(|found| found.range());
        let mut places = hex.fold(Vec::new(), joined);
        places.extend(exact);
        places.sort_by_key(|place| place.start);
        places.into_iter().fold(Vec::new(), joined)
    }
}

/// Adds a place to those that come before it, by where they start or by where they end; it is joined with those that it
/// overlaps.
fn joined(mut places: Vec<Range<usize>>, mut place: Range<usize>) -> Vec<Range<usize>> {
    while let Some(last) = places.pop_if(|last| last.end > place.start) {
        place = last.start.min(place.start)..last.end.max(place.end);
    }
    places.push(place);
    places
}

/// A way to write a byte as several.
#[derive(Clone, Copy)]
struct Escape {
    /// What each escape starts with.
    lead: u8,
    /// The byte that a text starts with an escape of, and the escape's length.
    byte: fn(&[u8]) -> Option<(u8, usize)>,
}

/// `%2F` (RFC 3986, section 2.1).
const PERCENT: Escape = Escape {
    lead: b'%',
    byte: |text| match text {
        [b'%', high, low, ..] => Some((digit(*high)? << 4 | digit(*low)?, 3)),
        _ => None,
    },
};

/// `\/`, `\n`, `\u002f` (RFC 8259, section 7), where they are ASCII.
const JSON: Escape = Escape {
    lead: b'\\',
    byte: |text| match text {
        [b'\\', b'u', b'0', b'0', high @ b'0'..=b'7', low, ..] => Some((digit(*high)? << 4 | digit(*low)?, 6)),
        [b'\\', b'b', ..] => Some((0x08, 2)),
        [b'\\', b'f', ..] => Some((0x0c, 2)),
        [b'\\', b'n', ..] => Some((b'\n', 2)),
        [b'\\', b'r', ..] => Some((b'\r', 2)),
        [b'\\', b't', ..] => Some((b'\t', 2)),
        [b'\\', c @ (b'"' | b'\\' | b'/'), ..] => Some((*c, 2)),
        _ => None,
    },
};

fn digit(c: u8) -> Option<u8> {
    char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl Escape {
    /// The bytes that a text stands for, each with its place in it.
    fn read(self, text: &[u8]) -> impl Iterator<Item = (u8, Range<usize>)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = text.get(at..)?;
            let (byte, length) = (self.byte)(rest).or_else(|| Some((*rest.first()?, 1)))?;
            let place = at..at + length;
            at = place.end;
            Some((byte, place))
        })
    }

    /// Where in a text what it stands for has these places, which are in order.
    fn places(self, text: &[u8], plain: Vec<Range<usize>>) -> Vec<Range<usize>> {
        let mut bytes = self.read(text).map(|(_, place)| place).enumerate();
        let mut find = |wanted: usize| bytes.find(|(at, _)| *at == wanted).map(|(_, place)| place);
        // No secret is a single byte, so that the last byte of one comes after its first.
        plain.iter().filter_map(|place| Some(find(place.start)?.start..find(place.end - 1)?.end)).collect()
    }
}

#[cfg(test)]
mod tests;
