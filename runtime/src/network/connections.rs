//! The TCP connections of a step: what is sent and received, waiting for either, and what is noted of each when it ends.
//!
//! Once made, a connection is driven by plain calls of the system that do not block, and by `poll`.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use claw_audit::Exchange;
use claw_policy::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use sha2::{Digest as _, Sha256};

use super::{Network, Traffic, reason};
use crate::connection::{Awaited, Direction, Fault, Given, Operation};
use crate::connector::{Failure, Told};

/// The most bytes that one operation receives, and sends: an honest worker asks for no more.
const RECEIVED_BYTES_MAX: usize = 64 << 10;
const SENT_BYTES_MAX: usize = 64 << 10;

/// What a step has open.
pub(super) struct Connections {
    open: BTreeMap<u32, Connection>,
    most: usize,
    /// Bytes that may still be received over them.
    to_receive: u64,
}

struct Connection {
    socket: OwnedFd,
    /// What the guest sent and the system did not take yet.
    unsent: Vec<u8>,
    /// Why nothing more can be sent.
    failed: Option<Fault>,
    /// The digest of all that the system took.
    sent: Sha256,
    exchange: Exchange,
}

impl Traffic<'_> {
    /// Does something with a connection, within `time`.
    pub(super) fn operate(&mut self, network: &Network, operation: Operation, time: Duration) -> Result<Given, Fault> {
        let until = Instant::now() + time;
        let interrupt = self.interrupt;
        match operation {
            Operation::Connect { number, to } => self.connect(network, number, to, time),
            Operation::Send(_, bytes) if bytes.len() > SENT_BYTES_MAX => Err(Fault::Closed),
            Operation::Send(number, bytes) => {
                self.to_send = self.to_send.checked_sub(bytes.len() as u64).ok_or(Fault::Closed)?;
                self.connections.find(number)?.send(bytes)
            }
            Operation::Flush(number) => self.connections.find(number)?.flush(),
            Operation::Receive(number, most) => self.connections.receive(number, most),
            Operation::Wait(awaited, _) if awaited.len() > self.connections.most.saturating_mul(2) => {
                Err(Fault::Closed)
            }
            Operation::Wait(awaited, time_ns) => {
                let asked = time_ns.and_then(|time| Instant::now().checked_add(Duration::from_nanos(time)));
                self.connections.wait(&awaited, asked.map_or(until, |asked| asked.min(until)), interrupt)
            }
            Operation::Shutdown(number, direction) => self.connections.shut_down(number, direction, until, interrupt),
            Operation::Close(number) => {
                self.connections.drain(number, until, interrupt)?;
                if let Some(connection) = self.connections.open.remove(&number) {
                    self.note(connection.end());
                }
                Ok(Given::Done)
            }
        }
    }

    fn connect(&mut self, network: &Network, number: u32, to: SocketAddr, time: Duration) -> Result<Given, Fault> {
        let Connections { open, most, .. } = &self.connections;
        if open.len() >= *most || open.contains_key(&number) {
            return Err(Fault::TooMany);
        }
        let mut exchange = self.exchange("TCP", &format!("tcp://{to}"));
        let connected = self.unless_interrupted(network, network.connector.connect(self.grants, to, time));
        let failed = match connected {
            Some(Ok((grant, socket))) => {
                exchange.grant = Some(grant.to_string());
                exchange.address = Some(to.to_string());
                let connection = Connection { socket, unsent: Vec::new(), failed: None, sent: Sha256::new(), exchange };
                self.connections.open.insert(number, connection);
                return Ok(Given::Done);
            }
            Some(Err(failure)) => failure,
            None => Failure::Connect(io::ErrorKind::Interrupted.into()),
        };
        exchange.outcome = reason(&failed);
        self.note(exchange);
        Err(match (failed.told(), &failed) {
            (Told::Denied, _) => Fault::Denied,
            (Told::TimedOut, _) => Fault::TimedOut,
            (_, Failure::Connect(error)) => error.raw_os_error().map_or(Fault::Unreachable, Fault::Failed),
            _ => Fault::Unreachable,
        })
    }
}

impl Connections {
    /// None yet, within `limits`.
    pub(super) fn within(limits: &Limits) -> Self {
        let most = usize::try_from(limits.open_files).unwrap_or(usize::MAX);
        Self { open: BTreeMap::new(), most, to_receive: limits.http_bytes }
    }

    /// What is noted of those that are still open.
    pub(super) fn end(&mut self) -> impl Iterator<Item = Exchange> + use<> {
        std::mem::take(&mut self.open).into_values().map(Connection::end)
    }

    fn find(&mut self, number: u32) -> Result<&mut Connection, Fault> {
        self.open.get_mut(&number).ok_or(Fault::Closed)
    }

    fn receive(&mut self, number: u32, most: u32) -> Result<Given, Fault> {
        let connection = self.open.get_mut(&number).ok_or(Fault::Closed)?;
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(RECEIVED_BYTES_MAX);
        if most == 0 {
            return Ok(Given::Bytes(Vec::new()));
        }
        // One more than is left, to see whether there is more.
        let left = usize::try_from(self.to_receive).unwrap_or(usize::MAX);
        let mut bytes = vec![0; most.min(left.saturating_add(1))];
        let read = match recv(&connection.socket, bytes.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(Fault::Closed),
            Ok((read, _)) => read,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(error) => return Err(failed(error)),
        };
        connection.exchange.received += read as u64;
        self.to_receive = self.to_receive.checked_sub(read as u64).ok_or(Fault::TooMuch)?;
        bytes.truncate(read);
        Ok(Given::Bytes(bytes))
    }

    /// Waits until something of `awaited` is there, or `until`, or until `interrupt` can be read.
    fn wait(&mut self, awaited: &[Awaited], until: Instant, interrupt: Option<BorrowedFd<'_>>) -> Result<Given, Fault> {
        loop {
            let mut ready: Vec<u32> = Vec::new();
            let mut watched = Vec::with_capacity(awaited.len());
            for (place, awaited) in (0..).zip(awaited) {
                let (Awaited::Bytes(number) | Awaited::Room(number)) = awaited;
                match self.open.get_mut(number) {
                    Some(connection) if matches!(awaited, Awaited::Room(_)) => match connection.flush() {
                        Ok(Given::Full) => watched.push((place, *number, PollFlags::OUT)),
                        Ok(_) | Err(_) => ready.push(place),
                    },
                    Some(_) => watched.push((place, *number, PollFlags::IN)),
                    // What is closed never has to be waited for.
                    None => ready.push(place),
                }
            }
            let until = if ready.is_empty() { until } else { Instant::now() };
            let polled: Vec<(u32, PollFlags, &OwnedFd)> = watched
                .iter()
                .filter_map(|(place, number, flags)| Some((*place, *flags, &self.open.get(number)?.socket)))
                .collect();
            let seen = ready_of(&polled, until, interrupt)?;
            let (bytes, room): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(_, flags)| *flags == PollFlags::IN);
            ready.extend(bytes.into_iter().map(|(place, _)| place));
            ready.sort_unstable();
            // Where there is room, what is left is sent first.
            if !ready.is_empty() || room.is_empty() {
                return Ok(Given::Ready(ready));
            }
        }
    }

    fn shut_down(
        &mut self,
        number: u32,
        direction: Direction,
        until: Instant,
        interrupt: Option<BorrowedFd<'_>>,
    ) -> Result<Given, Fault> {
        let how = match direction {
            Direction::Receive => Shutdown::Read,
            Direction::Send => Shutdown::Write,
            Direction::Both => Shutdown::Both,
        };
        if how != Shutdown::Read {
            self.drain(number, until, interrupt)?;
        }
        let connection = self.find(number)?;
        shutdown(&connection.socket, how).map_err(failed)?;
        Ok(Given::Done)
    }

    /// Waits until all is sent.
    fn drain(&mut self, number: u32, until: Instant, interrupt: Option<BorrowedFd<'_>>) -> Result<(), Fault> {
        self.find(number)?;
        self.wait(&[Awaited::Room(number)], until, interrupt).map(drop)
    }
}

impl Connection {
    /// Takes bytes, to be sent: as many at once as the system takes.
    fn send(&mut self, bytes: Vec<u8>) -> Result<Given, Fault> {
        let given = self.flush()?;
        if bytes.is_empty() {
            return Ok(given);
        }
        if given == Given::Full {
            // An honest worker asks for room first, and so no more than one write is ever kept.
            return Err(Fault::Closed);
        }
        self.unsent = bytes;
        self.flush()
    }

    /// Sends as much of what is left as the system takes.
    fn flush(&mut self) -> Result<Given, Fault> {
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        while !self.unsent.is_empty() {
            match send(&self.socket, &self.unsent, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(taken) => {
                    let taken = taken.min(self.unsent.len());
                    self.sent.update(self.unsent.get(..taken).unwrap_or_default());
                    self.exchange.sent += taken as u64;
                    self.unsent.drain(..taken);
                }
                Err(Errno::AGAIN) => return Ok(Given::Full),
                Err(Errno::INTR) => {}
                Err(error) => {
                    let fault = failed(error);
                    self.failed = Some(fault);
                    return Err(fault);
                }
            }
        }
        Ok(Given::Done)
    }

    fn end(mut self) -> Exchange {
        self.exchange.body = claw_policy::digest_text(&self.sent.finalize().into());
        self.exchange.outcome = match (self.failed, self.unsent.len()) {
            (None, 0) => "ok".to_owned(),
            (None, left) => format!("it ended with {left} bytes not sent"),
            (Some(Fault::Failed(number)), left) => {
                format!("sending failed with {left} bytes left: {}", io::Error::from_raw_os_error(number))
            }
            (Some(_), left) => format!("the peer was gone with {left} bytes left"),
        };
        self.exchange
    }
}

/// Those of `polled` that are ready, with what for; none, where it is `until`, or `interrupt` can be read.
fn ready_of(
    polled: &[(u32, PollFlags, &OwnedFd)],
    until: Instant,
    interrupt: Option<BorrowedFd<'_>>,
) -> Result<Vec<(u32, PollFlags)>, Fault> {
    let mut fds: Vec<PollFd<'_>> = polled.iter().map(|(_, flags, socket)| PollFd::new(*socket, *flags)).collect();
    fds.extend(interrupt.as_ref().map(|interrupt| PollFd::new(interrupt, PollFlags::IN)));
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let seen = polled.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
    Ok(seen.map(|((place, flags, _), _)| (*place, *flags)).collect())
}

fn failed(error: Errno) -> Fault {
    match error {
        Errno::PIPE => Fault::Closed,
        error => Fault::Failed(error.raw_os_error()),
    }
}
