//! `wasi:io/streams`: bytes from and to files and peers, and what is printed. With files, what does not block in WASI blocks
//! here, on the worker's one thread, so that how much a call moves depends on nothing but the file.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi_io::bindings::wasi::io::streams::{self, HostInputStream, HostOutputStream};

use super::place::{Held, Place};
use super::stop::{Limit, Stop};
use super::tape::answered;
use super::{Host, same};

/// Bytes that one call reads or writes at most.
pub(super) const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Bytes that one `blocking-write-and-flush` writes at most: WASI's own bound.
const BLOCKING_WRITE_BYTES_MAX: usize = 4096;

macro_rules! input {
    ($method:literal) => {
        concat!("wasi:io/streams#[method]input-stream.", $method)
    };
}
macro_rules! output {
    ($method:literal) => {
        concat!("wasi:io/streams#[method]output-stream.", $method)
    };
}

impl From<Stop> for StreamError {
    fn from(stop: Stop) -> Self {
        Self::Trap(stop.into())
    }
}

/// The result of a future that does its work on this thread and therefore waits for nothing.
fn at_once<T>(future: impl Future<Output = StreamResult<T>>) -> StreamResult<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(StreamError::trap("a stream of the host was not ready")),
    }
}

impl Host {
    /// Reads up to `len` bytes. Nothing is read for a `len` of 0: wasmtime would close the stream.
    fn read_from(&mut self, call: &'static str, stream: &Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        let place = match self.places.get(stream.rep()) {
            Some(Held::Input(place)) => Arc::clone(place),
            Some(&Held::FromPeer(peer)) => return self.receive(call, peer, chunk(len)),
            _ => return self.read_unheld(stream, len),
        };
        let asked = self.ask(call).about(&place, self.subject(&place, "")).numbers([len]);
        answered!(self, asked, self.read_unheld(stream, len))
    }

    fn read_unheld(&mut self, stream: &Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        let len = chunk(len);
        let stream = self.table.get_mut(stream)?;
        if len == 0 {
            return Ok(Vec::new());
        }
        Ok(at_once(stream.blocking_read(len))?.into())
    }

    /// Writes all of `bytes`, to a file once they are taken from the session's budget.
    fn write_to(&mut self, call: &'static str, stream: &Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        if bytes.len() > CHUNK_BYTES_MAX {
            return Err(StreamError::trap("wrote more than `check-write` allows"));
        }
        match self.places.get_mut(stream.rep()) {
            Some(Held::Output { place, gap, .. }) => {
                let (place, gap) = (Arc::clone(place), if bytes.is_empty() { 0 } else { std::mem::take(gap) });
                let asked = self.ask(call).about(&place, self.subject(&place, "")).sends(&bytes);
                let wrote = answered!(self, asked, self.write_file(stream, gap, bytes));
                self.note_closed(stream, &wrote);
                wrote
            }
            Some(Held::Printed) => {
                self.printed.write(&bytes);
                Ok(())
            }
            Some(Held::Sent(draft)) => {
                let left = self.drafted_left.checked_sub(bytes.len() as u64);
                self.drafted_left = left.ok_or(Stop::Limit(Limit::Sent))?;
                Ok(draft.write(&bytes, self.limits.http_bytes)?)
            }
            Some(&mut Held::ToPeer(peer)) => self.send(call, peer, bytes),
            _ => Err(StreamError::trap("a stream that the host did not make")),
        }
    }

    fn write_file(&mut self, stream: &Resource<DynOutputStream>, gap: u64, bytes: Vec<u8>) -> StreamResult<()> {
        self.written.take(gap.saturating_add(bytes.len() as u64))?;
        let stream = self.table.get_mut(stream)?;
        if bytes.is_empty() {
            return stream.check_write().map(drop);
        }
        at_once(stream.blocking_write_and_flush(bytes.into()))
    }

    /// A stream takes nothing more once a write to it has failed.
    fn note_closed(&mut self, stream: &Resource<DynOutputStream>, wrote: &StreamResult<()>) {
        if let (Err(_), Some(Held::Output { closed, .. })) = (wrote, self.places.get_mut(stream.rep())) {
            *closed = true;
        }
    }

    /// How much one write may be. Each to a file is done when it returns, so this and `flush` ask nothing of the system then.
    fn room(&mut self, stream: &Resource<DynOutputStream>) -> StreamResult<u64> {
        match self.places.get(stream.rep()) {
            Some(&Held::ToPeer(peer)) => Ok(self.room_at(peer)? as u64),
            Some(Held::Output { closed: true, .. }) => Err(StreamError::Closed),
            Some(Held::Output { .. } | Held::Printed | Held::Sent(_)) => Ok(CHUNK_BYTES_MAX as u64),
            _ => Err(StreamError::trap("a stream that the host did not make")),
        }
    }

    /// Waits until there is something to be read, or room to write. With files there is.
    fn wait_until_ready<T>(&mut self, stream: &Resource<T>) -> StreamResult<()> {
        let awaited = self.places.get(stream.rep()).and_then(Held::awaited);
        match awaited.filter(|awaited| !self.peers.has(*awaited)) {
            Some(awaited) => self.wait_for_peers(&[awaited], None).map(drop),
            None => Ok(()),
        }
    }

    /// `blocking-write-and-flush`, which WASI bounds lower.
    fn write_bounded(
        &mut self,
        call: &'static str,
        stream: &Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        if bytes.len() > BLOCKING_WRITE_BYTES_MAX {
            return Err(StreamError::trap("wrote more than 4096 bytes at once"));
        }
        self.wait_until_ready(stream)?;
        self.write_to(call, stream, bytes)?;
        self.wait_until_ready(stream)?;
        // What could not be sent after all is no write that was done.
        self.room(stream).map(drop)
    }

    fn splice_now(
        &mut self,
        call: &'static str,
        to: &Resource<DynOutputStream>,
        from: &Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        let room = self.room(to)?;
        let bytes = self.read_from(call, from, len.min(room))?;
        let len = bytes.len() as u64;
        self.write_to(call, to, bytes)?;
        Ok(len)
    }

    /// Notes that `stream`, just made, reads the file at `place`.
    pub(super) fn hold_input(&mut self, stream: &Resource<DynInputStream>, place: Arc<Place>) {
        self.places.hold(stream.rep(), Held::Input(place));
    }

    /// Notes that `stream`, just made, writes the file at `place`, from `gap` bytes after its end.
    pub(super) fn hold_output(&mut self, stream: &Resource<DynOutputStream>, place: Arc<Place>, gap: u64) {
        self.places.hold(stream.rep(), Held::Output { place, gap, closed: false });
    }
}

/// How many of `len` bytes one call moves.
fn chunk(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX)
}

/// `len` zeroes, if one call may write that many.
fn zeroes(len: u64, most: usize) -> StreamResult<Vec<u8>> {
    match usize::try_from(len) {
        Ok(len) if len <= most => Ok(vec![0; len]),
        _ => Err(StreamError::trap("wrote more zeroes than one call may")),
    }
}

impl streams::Host for Host {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        streams::Host::convert_stream_error(&mut self.table, error)
    }
}

impl HostInputStream for Host {
    fn read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.bound()?;
        self.read_from(input!("read"), &stream, len)
    }

    async fn blocking_read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.bound()?;
        self.wait_until_ready(&stream)?;
        self.read_from(input!("blocking-read"), &stream, len)
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.bound()?;
        Ok(self.read_from(input!("skip"), &stream, len)?.len() as u64)
    }

    async fn blocking_skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.bound()?;
        self.wait_until_ready(&stream)?;
        Ok(self.read_from(input!("blocking-skip"), &stream, len)?.len() as u64)
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        self.bound()?;
        self.pollable_of(&stream)
    }

    async fn drop(&mut self, stream: Resource<DynInputStream>) -> Result<()> {
        self.bound()?;
        let rep = stream.rep();
        HostInputStream::drop(&mut self.table, stream).await?;
        self.places.release(rep);
        Ok(())
    }
}

impl HostOutputStream for Host {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.bound()?;
        self.room(&stream)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.bound()?;
        self.write_to(output!("write"), &stream, bytes)
    }

    async fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.bound()?;
        self.write_bounded(output!("blocking-write-and-flush"), &stream, bytes)
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.bound()?;
        self.write_to(output!("write-zeroes"), &stream, zeroes(len, CHUNK_BYTES_MAX)?)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        len: u64,
    ) -> StreamResult<()> {
        self.bound()?;
        let zeroes = zeroes(len, BLOCKING_WRITE_BYTES_MAX)?;
        self.write_bounded(output!("blocking-write-zeroes-and-flush"), &stream, zeroes)
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.bound()?;
        self.room(&stream).map(drop)
    }

    async fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.bound()?;
        self.wait_until_ready(&stream)?;
        self.room(&stream).map(drop)
    }

    fn splice(&mut self, to: Resource<DynOutputStream>, from: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.bound()?;
        self.splice_now(output!("splice"), &to, &from, len)
    }

    async fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        self.bound()?;
        self.wait_until_ready(&to)?;
        self.wait_until_ready(&from)?;
        self.splice_now(output!("blocking-splice"), &to, &from, len)
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        self.bound()?;
        self.pollable_of(&same(&stream))
    }

    async fn drop(&mut self, stream: Resource<DynOutputStream>) -> Result<()> {
        self.bound()?;
        let rep = stream.rep();
        HostOutputStream::drop(&mut self.table, stream).await?;
        self.places.release(rep);
        Ok(())
    }
}
