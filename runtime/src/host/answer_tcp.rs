//! What connecting and waiting are answered, kept and had again.

use std::sync::Arc;

use wasmtime_wasi::p2::SocketError;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

use super::Host;
use super::answer::{Answer, Fails, Gives, Wide, plain};
use super::place::Place;
use super::stop::Stop;

/// The errors that guests are given of connections, by their names in WASI.
const CODES: [(ErrorCode, &str); 16] = [
    (ErrorCode::AccessDenied, "access-denied"),
    (ErrorCode::NotSupported, "not-supported"),
    (ErrorCode::InvalidArgument, "invalid-argument"),
    (ErrorCode::OutOfMemory, "out-of-memory"),
    (ErrorCode::Timeout, "timeout"),
    (ErrorCode::ConcurrencyConflict, "concurrency-conflict"),
    (ErrorCode::WouldBlock, "would-block"),
    (ErrorCode::InvalidState, "invalid-state"),
    (ErrorCode::NewSocketLimit, "new-socket-limit"),
    (ErrorCode::AddressNotBindable, "address-not-bindable"),
    (ErrorCode::AddressInUse, "address-in-use"),
    (ErrorCode::RemoteUnreachable, "remote-unreachable"),
    (ErrorCode::ConnectionRefused, "connection-refused"),
    (ErrorCode::ConnectionReset, "connection-reset"),
    (ErrorCode::ConnectionAborted, "connection-aborted"),
    (ErrorCode::Unknown, "unknown"),
];

/// What came of waiting: those that are ready, by their place in the list, and how long it took.
pub(super) struct Waited {
    pub(super) ready: Vec<u32>,
    pub(super) time_ns: u64,
}

plain! {
    Waited: waited => Answer::Waited(waited.ready.clone(), Wide(waited.time_ns)),
        Answer::Waited(ready, Wide(time_ns)) => Some(Waited { ready, time_ns });
}

impl Fails for SocketError {
    fn keep(self, host: &Host) -> (Answer, &'static str, Self) {
        match self.downcast() {
            Ok(code) => {
                let named = CODES.into_iter().find(|(named, _)| *named == code);
                let (code, name) = named.unwrap_or((ErrorCode::Unknown, "unknown"));
                (Answer::Error(name.into()), name, code.into())
            }
            Err(trap) => {
                let stop = Stop::of(&trap, host);
                (Answer::Stopped(stop.clone()), "stopped", Self::stopped(stop))
            }
        }
    }

    fn again(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::Error(name) => match CODES.into_iter().find(|(_, named)| *named == name) {
                Some((code, _)) => Ok(code.into()),
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
