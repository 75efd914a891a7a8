//! A request of a guest and what comes back, as worker and parent say them to each other.

use serde::{Deserialize, Serialize};

/// A request. Nothing of it is believed: it is a guest's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// `GET`, or another.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Names and values.
    #[serde(with = "fields")]
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of the body. It goes beside the message.
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl Request {
    /// How many bytes it is: its method, URL, headers and body. What is claw's own to send is not counted.
    pub(crate) fn bytes(&self) -> u64 {
        let headers = self.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        let line = self.method.len().saturating_add(self.url.len());
        headers.fold(line.saturating_add(self.body.len()), usize::saturating_add) as u64
    }
}

/// A response, as a guest may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Names, in small letters, and values, in their order.
    #[serde(with = "fields")]
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of the body. It goes beside the message.
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl Response {
    /// How many bytes it is: its headers and body.
    pub(crate) fn bytes(&self) -> u64 {
        let headers = self.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        headers.fold(self.body.len(), usize::saturating_add) as u64
    }
}

/// Why there is no response, as far as a guest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// It is not allowed, for whatever reason.
    Denied,
    /// It is allowed, and no request.
    Malformed,
    /// The host is allowed, and was not reached.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The response is larger than it may be.
    TooLarge,
    /// The response is none.
    Broken,
}

impl Refused {
    /// Its name on record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::TooLarge => "too-large",
            Self::Broken => "broken",
        }
    }
}

/// Header values in base64: they are bytes.
mod fields {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(fields: &[(String, Vec<u8>)], serializer: S) -> Result<S::Ok, S::Error> {
        let encoded: Vec<(&str, String)> =
            fields.iter().map(|(name, value)| (name.as_str(), BASE64_STANDARD.encode(value))).collect();
        encoded.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Vec<u8>)>, D::Error> {
        let encoded = Vec::<(String, String)>::deserialize(deserializer)?;
        let decoded = encoded.into_iter().map(|(name, value)| match BASE64_STANDARD.decode(value) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(serde::de::Error::custom(error)),
        });
        decoded.collect()
    }
}
