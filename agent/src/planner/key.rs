//! The key of a service: a secret that is sent, and never shown.

use std::fmt;

use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// The most bytes of a key: what servers take of a header line.
const KEY_BYTES_MAX: usize = 8 << 10;

/// What stands in a text in the place of a key.
const HIDDEN: &str = "[key]";

/// A service's key. It is neither printed nor compared, and its memory is overwritten when it is dropped; the copy in a
/// request's head is not, for as long as the request lives.
pub struct Key(Zeroizing<String>);

/// Why a text is no key. It shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is nothing, or only white space.
    #[error("the key is empty")]
    Empty,
    /// It is too long.
    #[error("the key is over {KEY_BYTES_MAX} bytes")]
    TooLong,
    /// It has something else than visible ASCII characters inside.
    #[error("the key has a character that no key has: look for spaces, quotes of a word processor, or a second line")]
    Malformed,
}

impl Key {
    /// Takes a key as it stands in a file or in a variable. White space around it, such as a file's last line break, is
    /// left away.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(text: &str) -> Result<Self, KeyError> {
        match text.trim() {
            "" => Err(KeyError::Empty),
            key if key.len() > KEY_BYTES_MAX => Err(KeyError::TooLong),
            key if !key.bytes().all(|byte| byte.is_ascii_graphic()) => Err(KeyError::Malformed),
            key => Ok(Self(Zeroizing::new(key.to_owned()))),
        }
    }

    /// It as the value of a header, after `prefix`.
    pub(super) fn header(&self, prefix: &str) -> Option<HeaderValue> {
        let line = Zeroizing::new(format!("{prefix}{}", *self.0));
        let mut value = HeaderValue::from_str(&line).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A text of the service's, without the key, should it repeat it.
    pub(super) fn hide(&self, text: &str) -> String {
        text.replace(self.0.as_str(), HIDDEN)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = Key::new(" sk-secret\n").unwrap();
        assert_eq!(format!("{key:?}"), "[key]");
        assert_eq!(key.hide("no sk-secret, nor sk-secret"), "no [key], nor [key]");
        let header = key.header("Bearer ").unwrap();
        assert_eq!(header.as_bytes(), b"Bearer sk-secret");
        assert!(!format!("{header:?}").contains("secret"));
    }

    #[test]
    fn what_cannot_be_sent_is_no_key() {
        assert_eq!(Key::new(" \n").unwrap_err(), KeyError::Empty);
        assert_eq!(Key::new("sk\r\nx-evil: 1").unwrap_err(), KeyError::Malformed);
        assert_eq!(Key::new("“sk”").unwrap_err(), KeyError::Malformed);
        assert_eq!(Key::new(&"k".repeat(8193)).unwrap_err(), KeyError::TooLong);
    }
}
