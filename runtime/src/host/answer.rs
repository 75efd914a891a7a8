//! What calls are answered, in the form that a record keeps: in a replay the guest is given the same again.
//!
//! Numbers that can be beyond 2^53 are strings, since a record's JSON would round them.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::pipe::{ClosedInputStream, SinkOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, StreamError};

use super::Host;
use super::place::Place;
use super::stop::Stop;
use crate::exchange::Refused;

/// Bytes that an entry of a listing takes besides its name, as JSON.
const ENTRY_BYTES: usize = 24;

/// Bytes that the place of something that is ready takes, as JSON.
const WAITED_BYTES: usize = 6;

/// What a call was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// That it is done.
    Done,
    /// How many.
    Number(Wide),
    /// Whether it is so.
    Truth(bool),
    /// A text.
    Text(String),
    /// Bytes, in base64.
    Bytes(String),
    /// Bytes, in base64, and whether they end there.
    Part(String, bool),
    /// Flags, the first one as the lowest bit.
    Flags(u32),
    /// What it is, by its number in WASI.
    Kind(u8),
    /// What is known of it.
    Stat(Stat),
    /// A handle for what stands at a place.
    Opened(Place),
    /// A handle for a stream.
    Stream,
    /// A handle for a listing with these entries.
    Entries(Vec<Entry>),
    /// A response, which the parent has, who received it.
    Response,
    /// No response, for this reason.
    Refused(Refused),
    /// Those of what was waited for that are ready, by their place in the list, and how many nanoseconds it took.
    Waited(Vec<u32>, Wide),
    /// An error, by its name in WASI.
    Error(Cow<'static, str>),
    /// That the stream has ended.
    Closed,
    /// That the system failed the stream, with this number.
    Failed(i32),
    /// Nothing: the guest was stopped.
    Stopped(Stop),
}

/// A name in a folder, and the number of its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// None where it is not UTF-8.
    pub(super) name: Option<String>,
    pub(super) kind: u8,
}

/// A number of up to 64 bits, as decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide(pub(super) u64);

/// What `stat` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stat {
    pub(super) kind: u8,
    pub(super) links: Wide,
    pub(super) size: Wide,
    pub(super) accessed: Option<(Wide, u32)>,
    pub(super) modified: Option<(Wide, u32)>,
    pub(super) changed: Option<(Wide, u32)>,
}

impl Serialize for Wide {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl Answer {
    /// About how many bytes of JSON it is.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Bytes(text) | Self::Part(text, _) => text.len(),
            Self::Text(text) => json_bytes(text),
            Self::Entries(entries) => {
                entries.iter().map(|entry| entry.name.as_deref().map_or(0, json_bytes) + ENTRY_BYTES).sum()
            }
            Self::Waited(ready, _) => ready.len() * WAITED_BYTES,
            Self::Opened(place) => json_bytes(&place.path),
            _ => 0,
        }
    }
}

/// How many bytes of JSON a text is, at most.
pub(super) fn json_bytes(text: &str) -> usize {
    let escaped = |byte| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

/// What a call gives when it does not fail.
pub(super) trait Gives: Sized {
    /// In the form that is kept.
    fn keep(&self, host: &Host) -> Answer;

    /// The same again, for a call about `place`; nothing where `answer` is none that it gives.
    fn again(answer: Answer, place: Option<&Arc<Place>>, host: &mut Host) -> Option<Self>;

    /// How many bytes it moved.
    fn bytes(&self) -> Option<u64> {
        None
    }
}

/// How a call fails.
pub(super) trait Fails: Sized {
    /// In the form that is kept, with its name, and the same error.
    fn keep(self, host: &Host) -> (Answer, &'static str, Self);

    /// The same again.
    ///
    /// # Errors
    /// An answer that is no failure of it, unchanged.
    fn again(answer: Answer) -> Result<Self, Answer>;

    /// The guest is stopped.
    fn stopped(stop: Stop) -> Self;
}

impl Fails for StreamError {
    fn keep(self, host: &Host) -> (Answer, &'static str, Self) {
        match self {
            Self::Closed => (Answer::Closed, "closed", Self::Closed),
            Self::LastOperationFailed(error) => {
                let number = error.downcast_ref().and_then(io::Error::raw_os_error).unwrap_or_default();
                (Answer::Failed(number), "last-operation-failed", Self::LastOperationFailed(error))
            }
            Self::Trap(trap) => {
                let stop = Stop::of(&trap, host);
                (Answer::Stopped(stop.clone()), "stopped", Self::stopped(stop))
            }
        }
    }

    fn again(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::Closed => Ok(Self::Closed),
            Answer::Failed(number) => Ok(Self::LastOperationFailed(io::Error::from_raw_os_error(number).into())),
            Answer::Stopped(stop) => Ok(Self::stopped(stop)),
            other => Err(other),
        }
    }

    fn stopped(stop: Stop) -> Self {
        Self::Trap(stop.into())
    }
}

/// A plain value: what it is kept as, and how it is had again.
macro_rules! plain {
    ($($given:ty: $value:ident => $kept:expr, $answer:pat => $again:expr;)*) => {
        $(impl Gives for $given {
            fn keep(&self, _host: &Host) -> Answer {
                let $value = self;
                $kept
            }

            fn again(answer: Answer, _place: Option<&Arc<Place>>, _host: &mut Host) -> Option<Self> {
                match answer {
                    $answer => $again,
                    _ => None,
                }
            }
        })*
    };
}
pub(super) use plain;

plain! {
    (): _done => Answer::Done, Answer::Done => Some(());
    u64: number => Answer::Number(Wide(*number)), Answer::Number(Wide(number)) => Some(number);
    bool: truth => Answer::Truth(*truth), Answer::Truth(truth) => Some(truth);
    String: text => Answer::Text(text.clone()), Answer::Text(text) => Some(text);
}

impl Gives for Vec<u8> {
    fn keep(&self, _host: &Host) -> Answer {
        Answer::Bytes(BASE64_STANDARD.encode(self))
    }

    fn again(answer: Answer, _place: Option<&Arc<Place>>, _host: &mut Host) -> Option<Self> {
        match answer {
            Answer::Bytes(text) => BASE64_STANDARD.decode(text).ok(),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<u64> {
        Some(self.len() as u64)
    }
}

impl Gives for (Vec<u8>, bool) {
    fn keep(&self, _host: &Host) -> Answer {
        Answer::Part(BASE64_STANDARD.encode(&self.0), self.1)
    }

    fn again(answer: Answer, _place: Option<&Arc<Place>>, _host: &mut Host) -> Option<Self> {
        match answer {
            Answer::Part(text, end) => Some((BASE64_STANDARD.decode(text).ok()?, end)),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}

impl Gives for Resource<DynInputStream> {
    fn keep(&self, _host: &Host) -> Answer {
        Answer::Stream
    }

    fn again(answer: Answer, place: Option<&Arc<Place>>, host: &mut Host) -> Option<Self> {
        let (Answer::Stream, Some(place)) = (answer, place) else { return None };
        let closed: DynInputStream = Box::new(ClosedInputStream);
        let stream = host.table.push(closed).ok()?;
        host.hold_input(&stream, Arc::clone(place));
        Some(stream)
    }
}

impl Gives for Resource<DynOutputStream> {
    fn keep(&self, _host: &Host) -> Answer {
        Answer::Stream
    }

    fn again(answer: Answer, place: Option<&Arc<Place>>, host: &mut Host) -> Option<Self> {
        let (Answer::Stream, Some(place)) = (answer, place) else { return None };
        let sink: DynOutputStream = Box::new(SinkOutputStream);
        let stream = host.table.push(sink).ok()?;
        host.hold_output(&stream, Arc::clone(place), 0);
        Some(stream)
    }
}
