//! What calls on files and folders are answered, kept and had again.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue,
};
use wasmtime_wasi::p2::{FsError, ReaddirIterator};

use super::Host;
use super::answer::{Answer, Fails, Gives, Stat, Wide, plain};
use super::place::{Held, Place};
use super::stop::Stop;

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

plain! {
    DescriptorType: kind => Answer::Kind(*kind as u8), Answer::Kind(number) => kind(number);
    DescriptorFlags: flags => Answer::Flags(bits(*flags)), Answer::Flags(flags) => Some(flags_of(flags));
    DescriptorStat: stat => Answer::Stat(Stat::of(stat)), Answer::Stat(stat) => stat.again();
    MetadataHashValue: hash => Answer::Number(Wide(hash.lower)),
        Answer::Number(Wide(lower)) => Some(MetadataHashValue { lower, upper: 0 });
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
