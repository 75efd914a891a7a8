//! The peers of a guest's TCP connections: all that is done with one is asked of the parent.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use wasmtime::Result;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::p2::{SocketError, SocketResult, StreamError, StreamResult};

use super::Host;
use super::answer_tcp::Waited;
use super::place::Rule;
use super::stop::{Limit, Stop};
use super::tape::answered;
use crate::connection::{Awaited, Direction, Fault, Given, Operation};

/// The connections that a step has, by the numbers that it gives them.
#[derive(Debug, Default)]
pub(super) struct Peers {
    next: u32,
    open: BTreeMap<u32, Peer>,
}

#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    /// Whether not all that was written is sent yet.
    is_full: bool,
    /// Whether sending has failed, so that nothing more can be sent.
    is_closed: bool,
    /// Whether the guest wants to receive nothing more.
    is_deaf: bool,
}

impl Peers {
    /// How many connections there are.
    pub(super) fn count(&self) -> u64 {
        self.open.len() as u64
    }

    /// Its address.
    pub(super) fn address(&self, peer: u32) -> Option<SocketAddr> {
        self.open.get(&peer).map(|peer| peer.address)
    }

    /// Whether what is waited for is there without asking anybody.
    pub(super) fn has(&self, awaited: Awaited) -> bool {
        matches!(awaited, Awaited::Room(peer) if self.open.get(&peer).is_none_or(|peer| !peer.is_full))
    }
}

impl From<Fault> for SocketError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Denied => ErrorCode::AccessDenied.into(),
            Fault::Unreachable => ErrorCode::RemoteUnreachable.into(),
            Fault::TimedOut => ErrorCode::Timeout.into(),
            Fault::TooMany => ErrorCode::NewSocketLimit.into(),
            Fault::TooMuch => Stop::Limit(Limit::HttpBytes).into(),
            Fault::Closed => ErrorCode::InvalidState.into(),
            Fault::Failed(number) => ErrorCode::from(io::Error::from_raw_os_error(number)).into(),
        }
    }
}

impl From<Fault> for StreamError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooMuch => Stop::Limit(Limit::HttpBytes).into(),
            Fault::Failed(number) => Self::LastOperationFailed(io::Error::from_raw_os_error(number).into()),
            Fault::Denied | Fault::Unreachable | Fault::TimedOut | Fault::TooMany | Fault::Closed => Self::Closed,
        }
    }
}

impl Host {
    /// Connects to `to`; gives the number of the peer.
    pub(super) fn connect(&mut self, to: SocketAddr) -> SocketResult<u32> {
        if self.places.open() + self.peers.count() >= self.limits.open_files {
            return Err(ErrorCode::NewSocketLimit.into());
        }
        let number = self.peers.next;
        let asked = self.ask("wasi:sockets/tcp#[method]tcp-socket.start-connect").on(format!("tcp://{to}"));
        let connected: SocketResult<()> = answered!(self, asked, self.connect_now(number, to));
        connected?;
        self.peers.next += 1;
        self.peers.open.insert(number, Peer { address: to, is_full: false, is_closed: false, is_deaf: false });
        Ok(number)
    }

    fn connect_now(&mut self, number: u32, to: SocketAddr) -> SocketResult<()> {
        let answer = self.operate(Operation::Connect { number, to }).map_err(SocketError::trap)?;
        if answer == Err(Fault::Denied) {
            self.note_denied(to.to_string(), Rule::Connection);
        }
        Ok(answer.map(drop)?)
    }

    /// Up to `len` of the bytes that are there.
    pub(super) fn receive(&mut self, call: &'static str, peer: u32, len: usize) -> StreamResult<Vec<u8>> {
        if self.peers.open.get(&peer).is_none_or(|peer| peer.is_deaf) {
            return Err(StreamError::Closed);
        }
        let asked = self.ask(call).on(self.peer(peer)).numbers([len as u64]);
        let most = u32::try_from(len).unwrap_or(u32::MAX);
        answered!(
            self,
            asked,
            match self.stream(Operation::Receive(peer, most)) {
                Ok(Given::Bytes(bytes)) => Ok(bytes),
                Ok(_) => Err(StreamError::trap("the parent gave something else")),
                Err(error) => Err(error),
            }
        )
    }

    /// Takes all of `bytes`, to be sent.
    pub(super) fn send(&mut self, call: &'static str, peer: u32, bytes: Vec<u8>) -> StreamResult<()> {
        let room = self.room_at(peer)?;
        if bytes.is_empty() {
            return Ok(());
        }
        if room == 0 {
            return Err(StreamError::trap("wrote more than `check-write` allows"));
        }
        self.sent_left = self.sent_left.checked_sub(bytes.len() as u64).ok_or(Stop::Limit(Limit::Sent))?;
        let asked = self.ask(call).on(self.peer(peer)).sends(&bytes);
        let sent: StreamResult<bool> =
            answered!(self, asked, self.stream(Operation::Send(peer, bytes)).map(|given| given == Given::Done));
        self.note_sent(peer, sent)
    }

    /// How many bytes can be taken, to be sent.
    pub(super) fn room_at(&mut self, peer: u32) -> StreamResult<usize> {
        match self.peers.open.get(&peer) {
            Some(Peer { is_closed: false, is_full: false, .. }) => return Ok(super::io_streams::CHUNK_BYTES_MAX),
            Some(Peer { is_closed: false, is_full: true, .. }) => {}
            _ => return Err(StreamError::Closed),
        }
        let asked = self.ask("wasi:io/streams#[method]output-stream.check-write").on(self.peer(peer));
        let sent: StreamResult<bool> =
            answered!(self, asked, self.stream(Operation::Flush(peer)).map(|given| given == Given::Done));
        let is_full = sent.as_ref().is_ok_and(|is_sent| !is_sent);
        self.note_sent(peer, sent)?;
        Ok(if is_full { 0 } else { super::io_streams::CHUNK_BYTES_MAX })
    }

    /// Waits until something of `awaited` is there, or the step's clock would be at `until`: those that are, by their place
    /// in the list. The clock moves by the time that it takes.
    pub(super) fn wait_for_peers(&mut self, awaited: &[Awaited], until: Option<u64>) -> StreamResult<Vec<u32>> {
        if awaited.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let time = until.map(|until| until.saturating_sub(now));
        let asked = awaited.iter().fold(self.ask("wasi:io/poll#poll"), |asked, awaited| match awaited {
            Awaited::Bytes(peer) => asked.numbers([0, u64::from(*peer)]),
            Awaited::Room(peer) => asked.numbers([1, u64::from(*peer)]),
        });
        let asked = asked.numbers([time.unwrap_or(u64::MAX)]);
        let waited: StreamResult<Waited> = answered!(self, asked, self.watch(awaited, time));
        let Waited { ready, time_ns } = waited?;
        self.clock.wait_until(now.saturating_add(time_ns));
        Ok(ready)
    }

    fn watch(&mut self, awaited: &[Awaited], time: Option<u64>) -> StreamResult<Waited> {
        let began = Instant::now();
        match self.stream(Operation::Wait(awaited.to_vec(), time))? {
            Given::Ready(ready) => {
                Ok(Waited { ready, time_ns: u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX) })
            }
            _ => Err(StreamError::trap("the parent gave something else")),
        }
    }

    /// Sends, receives, or does both no more.
    pub(super) fn shut_down(&mut self, peer: u32, direction: Direction) -> SocketResult<()> {
        let asked =
            self.ask("wasi:sockets/tcp#[method]tcp-socket.shutdown").on(self.peer(peer)).numbers([direction as u64]);
        let done: SocketResult<()> = answered!(self, asked, self.shut_down_now(peer, direction));
        done?;
        if let Some(peer) = self.peers.open.get_mut(&peer) {
            peer.is_closed |= direction != Direction::Receive;
            peer.is_deaf |= direction != Direction::Send;
        }
        Ok(())
    }

    fn shut_down_now(&mut self, peer: u32, direction: Direction) -> SocketResult<()> {
        let answer = self.operate(Operation::Shutdown(peer, direction)).map_err(SocketError::trap)?;
        Ok(answer.map(drop)?)
    }

    /// Ends a connection. Whatever comes of it, there is nothing to tell the guest.
    pub(super) fn hang_up(&mut self, peer: u32) -> Result<()> {
        self.peers.open.remove(&peer);
        if !self.tape.plays() {
            let _told = self.operate(Operation::Close(peer))?;
        }
        Ok(())
    }

    fn note_sent(&mut self, peer: u32, sent: StreamResult<bool>) -> StreamResult<()> {
        if let Some(peer) = self.peers.open.get_mut(&peer) {
            peer.is_full = sent.as_ref().is_ok_and(|is_sent| !is_sent);
            peer.is_closed = sent.is_err();
        }
        sent.map(drop)
    }

    /// Where a peer is, as it is on the tape.
    fn peer(&self, peer: u32) -> String {
        self.peers.address(peer).map_or_else(|| "tcp:".to_owned(), |address| format!("tcp://{address}"))
    }

    /// What a stream's operation gave.
    fn stream(&mut self, operation: Operation) -> StreamResult<Given> {
        Ok(self.operate(operation).map_err(|error| StreamError::Trap(error.into()))??)
    }

    /// Has the parent do it. An error ends the step.
    fn operate(&mut self, operation: Operation) -> io::Result<Result<Given, Fault>> {
        match &mut self.outside {
            Some(outside) => outside.operate(operation),
            None => Ok(Err(Fault::Denied)),
        }
    }
}
