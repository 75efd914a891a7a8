//! What a guest does with TCP connections and what comes of it, as worker and parent say them to each other.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Something to do with one of a step's connections, which the worker numbers. Nothing of it is believed: it is a guest's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Makes a connection, and gives it a number that none had.
    Connect {
        /// The number.
        number: u32,
        /// Where to.
        to: SocketAddr,
    },
    /// Sends bytes, which go beside the message: as many at once as the peer takes, the rest later.
    Send(u32, #[serde(skip)] Vec<u8>),
    /// Sends what is left of earlier bytes, as much as the peer takes.
    Flush(u32),
    /// Takes up to so many of the bytes that are there.
    Receive(u32, u32),
    /// Waits until one of these is ready, for so many nanoseconds at most.
    Wait(Vec<Awaited>, Option<u64>),
    /// Sends, receives, or does both no more.
    Shutdown(u32, Direction),
    /// Ends a connection, once what is left is sent.
    Close(u32),
}

/// What a guest waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awaited {
    /// Bytes that can be received, or their end.
    Bytes(u32),
    /// That all was sent, so that more can be.
    Room(u32),
}

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the peer.
    Receive,
    /// To the peer.
    Send,
    /// Either.
    Both,
}

/// What an operation gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// It is done: connected, sent, shut down, closed.
    Done,
    /// Not all is sent yet.
    Full,
    /// The bytes that were there, which go beside the message; none, where none came yet.
    Bytes(#[serde(skip)] Vec<u8>),
    /// Those of what was waited for that are ready, by their place in the list; none, where the time was up.
    Ready(Vec<u32>),
}

/// Why an operation gave nothing, as far as a guest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is not allowed, for whatever reason.
    Denied,
    /// Nobody was reached at an address that is allowed.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The step has as many connections as it may have files.
    TooMany,
    /// More came than the step may receive.
    TooMuch,
    /// Nothing more comes, or can be sent.
    Closed,
    /// The system failed it, with this number.
    Failed(i32),
}
