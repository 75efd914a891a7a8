//! Entry points for `fuzz/`: each end of the socket, told whatever the fuzzer makes up in the place of the other end.

use std::io;
use std::time::Instant;

use globset::GlobSet;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::REPORT_BYTES_MAX;
use super::channel::{Channel, ChannelError, Received, Wait};
use super::protocol::{Reply, Request};
use super::serve::{self, REQUEST_BYTES_MAX, Stage};

/// What one end made of what came.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    /// Each message, as JSON, with what came along.
    pub messages: Vec<(String, Vec<u8>)>,
    /// What was said or shown because of them.
    pub said: Vec<String>,
    /// Why no more came.
    pub end: String,
}

/// A grant's `files`, as the worker matches them.
pub(crate) fn globs(patterns: &[String]) -> Result<Option<GlobSet>, globset::Error> {
    serve::globs(Some(patterns))
}

/// What the parent makes of a worker's `pieces`, and the most bytes that it has set aside for them.
///
/// # Errors
/// When there is no socket.
pub fn replies(pieces: &[&[u8]]) -> io::Result<(Heard, usize)> {
    let mut said = Vec::new();
    let (mut heard, held) = hear(pieces, REPORT_BYTES_MAX, |received: Received<Reply>| match received.message {
        Reply::Ended(ended) => said.push(match ended.result {
            Ok(form) => form.read(received.payload).map(|output| output.to_string()).unwrap_or_default(),
            Err(failure) => failure.to_string(),
        }),
        Reply::Enclosed(wall) => said.extend(wall.missing().into_iter().map(str::to_owned)),
        _ => {}
    })?;
    heard.said = said;
    Ok((heard, held))
}

/// What a worker makes of its parent's `pieces`, and the most bytes that it has set aside for them.
///
/// What would change this process is not done: it compiles nothing, encloses itself without a wall, and what it loads is
/// `artefact` in the place of what came, since the parent vouches for native code.
///
/// # Errors
/// When there is no socket.
pub fn requests(pieces: &[&[u8]], artefact: &[u8]) -> io::Result<(Heard, usize)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut stage, mut said) = (Some(Stage::new().map_err(io::Error::other)?), Vec::new());
    let (mut heard, held) = hear(pieces, REQUEST_BYTES_MAX, |mut received: Received<Request>| {
        let Some(before) = stage.take() else { return };
        match (&received.message, before) {
            (Request::Compile { .. }, before) => stage = Some(before),
            (Request::Enclose, Stage::Loading(worker)) => stage = Some(Stage::Enclosed(worker)),
            (_, before) => {
                received.payload = artefact.to_vec();
                match before.answer(received, &runtime, None) {
                    Ok((after, reply, _)) => {
                        stage = Some(after);
                        said.extend(serde_json::to_string(&reply));
                    }
                    // A worker ends there, as `serve` does.
                    Err(error) => said.push(error.to_string()),
                }
            }
        }
    })?;
    heard.said = said;
    Ok((heard, held))
}

/// Sends each piece when all before it has been read, and closes the socket after the last.
fn hear<M>(pieces: &[&[u8]], bytes_max: u64, mut take: impl FnMut(Received<M>)) -> io::Result<(Heard, usize)>
where
    M: Serialize + DeserializeOwned,
{
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let (mut channel, mut theirs, mut pieces) = (Channel::new(ours, bytes_max), Some(theirs), pieces.iter());
    let (mut messages, mut held) = (Vec::new(), 0);
    loop {
        let received = channel.receive::<M>(Wait { until: Some(Instant::now()), interrupt: None });
        held = held.max(channel.set_aside());
        match received {
            Ok(received) => {
                messages.push((serde_json::to_string(&received.message)?, received.payload.clone()));
                take(received);
            }
            Err(ChannelError::Deadline) => match (pieces.next(), &theirs) {
                (Some(piece), Some(socket)) => drop(rustix::io::write(socket, piece)?),
                _ => theirs = None,
            },
            Err(error) => return Ok((Heard { messages, said: Vec::new(), end: error.to_string() }, held)),
        }
    }
}
