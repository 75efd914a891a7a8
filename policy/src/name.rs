//! Names: steps, capabilities, grants, labels and inputs, in one small ASCII grammar.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most characters a name may have.
const NAME_CHARS_MAX: usize = 64;

/// A name of the grammar `[a-z][a-z0-9_-]{0,63}`.
///
/// ASCII alone, so that no two names look alike: a Cyrillic `а` is no letter here.
///
/// Shared, since labels are sets of names, and every value has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// A text that is no [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no name: a name is `[a-z][a-z0-9_-]{{0,63}}`, plain ASCII",
    crate::printable::printable(.0)
)]
pub struct NameError(String);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// When `text` is outside the grammar.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let mut bytes = text.bytes();
        let starts = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let goes_on = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if starts && goes_on && text.len() <= NAME_CHARS_MAX {
            Ok(Self(text.into()))
        } else {
            Err(NameError(text.chars().take(NAME_CHARS_MAX).collect()))
        }
    }

    /// A name that this crate itself writes down, and so is known to be one.
    pub(crate) fn builtin(text: &'static str) -> Self {
        debug_assert!(Self::new(text).is_ok(), "{text}");
        Self(text.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_160_confusable_names_are_no_names() {
        for text in ["reаd", "ｒead", "rea\u{200b}d", "\u{202e}daer", "Read", "read.file", "", "1st", "-x", "a b"] {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
        assert!(Name::new(&"a".repeat(65)).is_err());
        for text in ["a", "read-file", "week_47", &"a".repeat(64)] {
            assert!(Name::new(text).is_ok(), "{text:?}");
        }
    }
}
