//! What a step asked of the host and what it was answered: every call with authority passes here twice.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use wasmtime_wasi::p2::{FsResult, StreamError, StreamResult};

/// Bytes of all calls that are kept, each with [`CALL_BYTES`] and its paths; once they are, the rest is counted alone.
const TAPE_BYTES_MAX: usize = 16 << 20;

/// Bytes that a call takes without its paths, as JSON.
const CALL_BYTES: usize = 128;

/// One call with authority: on a folder, or on a file's bytes. Clocks, random numbers and what is printed are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Interface and function: `wasi:filesystem/types#[method]descriptor.open-at`.
    pub function: Cow<'static, str>,
    /// What it was about: the path as the guest sees it, from `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The other path: what it is renamed to, the second name of a file, or what a link points to, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The bytes that were read or were to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `ok`, the name of the error that the guest was given, or `stopped`.
    pub outcome: Cow<'static, str>,
}

/// A call that was asked and not answered yet.
#[derive(Debug)]
#[must_use = "what is asked is answered"]
pub(super) struct Asked {
    function: &'static str,
    subject: Option<String>,
    to: Option<String>,
    bytes: Option<u64>,
}

impl Asked {
    /// With the call's other path.
    pub(super) fn to(mut self, to: Option<String>) -> Self {
        self.to = to;
        self
    }

    /// With the number of bytes that the call moved or was to move.
    pub(super) fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes as u64);
        self
    }
}

/// The calls of one step, in their order. A replay would answer in [`Tape::ask`] what [`Tape::answer`] recorded.
#[derive(Debug, Default)]
pub(super) struct Tape {
    calls: Vec<Call>,
    bytes: usize,
    left_out: u64,
}

impl Tape {
    /// Before the call is made.
    pub(super) fn ask(&mut self, function: &'static str, subject: Option<String>) -> Asked {
        Asked { function, subject, to: None, bytes: None }
    }

    /// After it was made, or refused.
    pub(super) fn answer(&mut self, asked: Asked, outcome: &'static str) {
        let Asked { function, subject, to, bytes } = asked;
        let paths = [&subject, &to].map(|path| path.as_ref().map_or(0, String::len));
        let size = paths.iter().sum::<usize>() + CALL_BYTES;
        // Once one is left out, all are: what is kept is the beginning, without a gap.
        if self.left_out > 0 || self.bytes + size > TAPE_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes += size;
        self.calls.push(Call { function: function.into(), subject, to, bytes, outcome: outcome.into() });
    }

    /// The calls that were kept, and the number of those that were not.
    pub(super) fn into_calls(self) -> (Vec<Call>, u64) {
        (self.calls, self.left_out)
    }
}

/// An answer that has a name for the tape.
pub(super) trait Outcome {
    /// `ok`, an error's name, or `stopped`.
    fn outcome(&self) -> &'static str;
}

impl<T> Outcome for FsResult<T> {
    fn outcome(&self) -> &'static str {
        match self {
            Ok(_) => "ok",
            Err(error) => error.downcast_ref().map_or("stopped", |code| code.name()),
        }
    }
}

impl<T> Outcome for StreamResult<T> {
    fn outcome(&self) -> &'static str {
        match self {
            Ok(_) => "ok",
            Err(StreamError::Closed) => "closed",
            Err(StreamError::LastOperationFailed(_)) => "last-operation-failed",
            Err(StreamError::Trap(_)) => "stopped",
        }
    }
}
