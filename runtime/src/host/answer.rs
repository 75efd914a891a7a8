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
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue,
};
use wasmtime_wasi::p2::pipe::{ClosedInputStream, SinkOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, ReaddirIterator, StreamError};
use wasmtime_wasi_http::p2::HttpError;
use wasmtime_wasi_http::p2::bindings::http::types as http;

use super::Host;
use super::filesystem_list::Entry;
use super::place::{Held, Place};
use super::stop::Stop;
use super::tape::json_bytes;
use crate::exchange::{Refused, Response};

/// Bytes that an entry of a listing takes besides its name, as JSON.
const ENTRY_BYTES: usize = 24;

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
    /// A response to a request.
    Response(Received),
    /// No response, for this reason.
    Refused(Refused),
    /// An error, by its name in WASI.
    Error(Cow<'static, str>),
    /// That the stream has ended.
    Closed,
    /// That the system failed the stream, with this number.
    Failed(i32),
    /// Nothing: the guest was stopped.
    Stopped(Stop),
}

/// A response. What is bytes is in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A number of up to 64 bits, as decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide(u64);

/// What `stat` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stat {
    kind: u8,
    links: Wide,
    size: Wide,
    accessed: Option<(Wide, u32)>,
    modified: Option<(Wide, u32)>,
    changed: Option<(Wide, u32)>,
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
            Self::Opened(place) => json_bytes(&place.path),
            Self::Response(Received { headers, body, .. }) => {
                headers.iter().map(|(name, value)| json_bytes(name) + value.len() + ENTRY_BYTES).sum::<usize>()
                    + body.len()
            }
            _ => 0,
        }
    }
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

impl Fails for FsError {
    fn keep(self, host: &Host) -> (Answer, &'static str, Self) {
        match self.downcast() {
            Ok(code) => (Answer::Error(code.name().into()), code.name(), code.into()),
            Err(trap) => {
                let stop = Stop::of(&trap, host);
                (Answer::Stopped(stop.clone()), "stopped", Self::stopped(stop))
            }
        }
    }

    fn again(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::Error(name) => match CODES.iter().find(|code| code.name() == name) {
                Some(code) => Ok((*code).into()),
                None => Err(Answer::Error(name)),
            },
            Answer::Stopped(stop) => Ok(Self::stopped(stop)),
            other => Err(other),
        }
    }

    fn stopped(stop: Stop) -> Self {
        Self::trap(stop)
    }
}

impl Fails for HttpError {
    fn keep(self, host: &Host) -> (Answer, &'static str, Self) {
        let trap = match self.downcast() {
            Ok(code) => match Refused::of(&code) {
                Some(refused) => return (Answer::Refused(refused), refused.name(), code.into()),
                None => code.into(),
            },
            Err(trap) => trap,
        };
        let stop = Stop::of(&trap, host);
        (Answer::Stopped(stop.clone()), "stopped", Self::stopped(stop))
    }

    fn again(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::Refused(refused) => Ok(http::ErrorCode::from(refused).into()),
            Answer::Stopped(stop) => Ok(Self::stopped(stop)),
            other => Err(other),
        }
    }

    fn stopped(stop: Stop) -> Self {
        Self::trap(stop)
    }
}

impl Gives for Response {
    fn keep(&self, _host: &Host) -> Answer {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), BASE64_STANDARD.encode(value)));
        Answer::Response(Received {
            status: self.status,
            headers: headers.collect(),
            body: BASE64_STANDARD.encode(&self.body),
        })
    }

    fn again(answer: Answer, _place: Option<&Arc<Place>>, _host: &mut Host) -> Option<Self> {
        let Answer::Response(Received { status, headers, body }) = answer else { return None };
        let headers = headers.into_iter().map(|(name, value)| Some((name, BASE64_STANDARD.decode(value).ok()?)));
        Some(Self { status, headers: headers.collect::<Option<_>>()?, body: BASE64_STANDARD.decode(body).ok()? })
    }
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

plain! {
    (): _done => Answer::Done, Answer::Done => Some(());
    u64: number => Answer::Number(Wide(*number)), Answer::Number(Wide(number)) => Some(number);
    bool: truth => Answer::Truth(*truth), Answer::Truth(truth) => Some(truth);
    String: text => Answer::Text(text.clone()), Answer::Text(text) => Some(text);
    DescriptorType: kind => Answer::Kind(*kind as u8), Answer::Kind(number) => kind(number);
    DescriptorFlags: flags => Answer::Flags(bits(*flags)), Answer::Flags(flags) => Some(flags_of(flags));
    DescriptorStat: stat => Answer::Stat(Stat::of(stat)), Answer::Stat(stat) => stat.again();
    MetadataHashValue: hash => Answer::Number(Wide(hash.lower)),
        Answer::Number(Wide(lower)) => Some(MetadataHashValue { lower, upper: 0 });
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

impl Gives for Resource<Descriptor> {
    fn keep(&self, host: &Host) -> Answer {
        match host.places.get(self.rep()) {
            Some(Held::Descriptor(place)) => Answer::Opened(Place::clone(place)),
            _ => Answer::Done,
        }
    }

    fn again(answer: Answer, _place: Option<&Arc<Place>>, host: &mut Host) -> Option<Self> {
        match answer {
            Answer::Opened(place) => host.stand_in(Arc::new(place)).ok(),
            _ => None,
        }
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

impl Gives for Resource<ReaddirIterator> {
    fn keep(&self, host: &Host) -> Answer {
        Answer::Entries(host.entries_of(self))
    }

    fn again(answer: Answer, _place: Option<&Arc<Place>>, host: &mut Host) -> Option<Self> {
        match answer {
            Answer::Entries(entries) => host.hold_listing(entries).ok(),
            _ => None,
        }
    }
}

impl Stat {
    fn of(stat: &DescriptorStat) -> Self {
        let time = |time: &Option<Datetime>| time.as_ref().map(|time| (Wide(time.seconds), time.nanoseconds));
        Self {
            kind: stat.type_ as u8,
            links: Wide(stat.link_count),
            size: Wide(stat.size),
            accessed: time(&stat.data_access_timestamp),
            modified: time(&stat.data_modification_timestamp),
            changed: time(&stat.status_change_timestamp),
        }
    }

    fn again(self) -> Option<DescriptorStat> {
        let time =
            |time: Option<(Wide, u32)>| time.map(|(Wide(seconds), nanoseconds)| Datetime { seconds, nanoseconds });
        Some(DescriptorStat {
            type_: kind(self.kind)?,
            link_count: self.links.0,
            size: self.size.0,
            data_access_timestamp: time(self.accessed),
            data_modification_timestamp: time(self.modified),
            status_change_timestamp: time(self.changed),
        })
    }
}

/// The flags as bits.
pub(super) fn bits(flags: DescriptorFlags) -> u32 {
    flags.as_array().first().copied().unwrap_or_default()
}

fn flags_of(wanted: u32) -> DescriptorFlags {
    FLAGS.into_iter().filter(|flag| bits(*flag) & wanted != 0).fold(DescriptorFlags::empty(), |all, flag| all | flag)
}

/// The type with this number.
pub(super) fn kind(number: u8) -> Option<DescriptorType> {
    KINDS.into_iter().find(|kind| *kind as u8 == number)
}

const FLAGS: [DescriptorFlags; 6] = [
    DescriptorFlags::READ,
    DescriptorFlags::WRITE,
    DescriptorFlags::FILE_INTEGRITY_SYNC,
    DescriptorFlags::DATA_INTEGRITY_SYNC,
    DescriptorFlags::REQUESTED_WRITE_SYNC,
    DescriptorFlags::MUTATE_DIRECTORY,
];

const KINDS: [DescriptorType; 8] = [
    DescriptorType::Unknown,
    DescriptorType::BlockDevice,
    DescriptorType::CharacterDevice,
    DescriptorType::Directory,
    DescriptorType::Fifo,
    DescriptorType::SymbolicLink,
    DescriptorType::RegularFile,
    DescriptorType::Socket,
];

/// Every error of `wasi:filesystem`, to be found by its name.
const CODES: [ErrorCode; 37] = [
    ErrorCode::Access,
    ErrorCode::WouldBlock,
    ErrorCode::Already,
    ErrorCode::BadDescriptor,
    ErrorCode::Busy,
    ErrorCode::Deadlock,
    ErrorCode::Quota,
    ErrorCode::Exist,
    ErrorCode::FileTooLarge,
    ErrorCode::IllegalByteSequence,
    ErrorCode::InProgress,
    ErrorCode::Interrupted,
    ErrorCode::Invalid,
    ErrorCode::Io,
    ErrorCode::IsDirectory,
    ErrorCode::Loop,
    ErrorCode::TooManyLinks,
    ErrorCode::MessageSize,
    ErrorCode::NameTooLong,
    ErrorCode::NoDevice,
    ErrorCode::NoEntry,
    ErrorCode::NoLock,
    ErrorCode::InsufficientMemory,
    ErrorCode::InsufficientSpace,
    ErrorCode::NotDirectory,
    ErrorCode::NotEmpty,
    ErrorCode::NotRecoverable,
    ErrorCode::Unsupported,
    ErrorCode::NoTty,
    ErrorCode::NoSuchDevice,
    ErrorCode::Overflow,
    ErrorCode::NotPermitted,
    ErrorCode::Pipe,
    ErrorCode::ReadOnly,
    ErrorCode::InvalidSeek,
    ErrorCode::TextFileBusy,
    ErrorCode::CrossDevice,
];
