//! Messages over the one socket between parent and worker: frames, with descriptors beside them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most descriptors of one message.
const DESCRIPTORS_MAX: usize = 64;
const HEADER_BYTES: usize = 16;
/// What is read at least, and at most, at once: memory is taken as bytes come, not as the other end announces them.
const READ_BYTES_MIN: usize = 4 << 10;
const READ_BYTES_MAX: usize = 256 << 10;

/// How long an end looks again and again before it sleeps, where the other end can run on another core: most steps are over by
/// then, and being woken up takes longer than many of them.
const AWAKE: Duration = Duration::from_micros(200);

/// One end of the socket.
#[derive(Debug)]
pub(super) struct Channel {
    socket: OwnedFd,
    /// The most bytes of a message that is received, with what comes along.
    pub(super) bytes_max: u64,
    awake: Duration,
    /// A message of which not all that comes along has come.
    begun: Option<(Vec<u8>, usize)>,
    read: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

/// A message as it arrived.
#[derive(Debug)]
pub(super) struct Received<M> {
    pub(super) message: M,
    pub(super) payload: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// Until when a message is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait<'f> {
    /// No longer than this.
    pub(super) until: Option<Instant>,
    /// No longer than until this can be read.
    pub(super) interrupt: Option<BorrowedFd<'f>>,
}

impl Wait<'_> {
    /// Nothing, while there is time.
    ///
    /// # Errors
    /// The deadline has passed, or the user has interrupted.
    pub(super) fn is_over(&self) -> Result<(), ChannelError> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(ChannelError::Deadline);
        }
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let Some(interrupt) = &self.interrupt else { return Ok(()) };
        match poll(&mut [PollFd::new(interrupt, PollFlags::IN)], Some(&now)) {
            Ok(ready) if ready > 0 => Err(ChannelError::Interrupted),
            _ => Ok(()),
        }
    }
}

/// Why no message came.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChannelError {
    /// The deadline passed.
    #[error("no answer in time")]
    Deadline,
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The other end is gone.
    #[error("the other end is closed")]
    Closed,
    /// The other end sent what is no message.
    #[error("what came is no message")]
    Malformed,
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for ChannelError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::PIPE | Errno::CONNRESET => Self::Closed,
            other => Self::Io(other.into()),
        }
    }
}

impl Channel {
    pub(super) fn new(socket: OwnedFd, bytes_max: u64) -> Self {
        let cores = rustix::thread::sched_getaffinity(None).map_or(1, |cores| cores.count());
        let awake = if cores > 1 { AWAKE } else { Duration::ZERO };
        Self { socket, bytes_max, awake, begun: None, read: Vec::new(), descriptors: VecDeque::new() }
    }

    /// Sends a message, with bytes and descriptors beside it.
    pub(super) fn send(
        &self,
        message: &impl Serialize,
        payload: &[u8],
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<(), ChannelError> {
        let mut frame = vec![0; HEADER_BYTES];
        serde_json::to_writer(&mut frame, message).map_err(io::Error::from)?;
        let length = (frame.len() - HEADER_BYTES) as u64;
        for (slot, byte) in
            frame.iter_mut().zip(length.to_be_bytes().into_iter().chain((payload.len() as u64).to_be_bytes()))
        {
            *slot = byte;
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        let (mut frame, mut payload) = (frame.as_slice(), payload);
        while !(frame.is_empty() && payload.is_empty()) {
            let parts = [IoSlice::new(frame), IoSlice::new(payload)];
            // Not blocking: an end that does not read is not waited for beyond the deadline.
            let sent = match sendmsg(&self.socket, &parts, &mut ancillary, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(sent) => sent,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.ready(PollFlags::OUT, wait)?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            // They went with the first byte.
            ancillary.clear();
            let of_frame = sent.min(frame.len());
            frame = frame.get(of_frame..).unwrap_or_default();
            payload = payload.get(sent - of_frame..).unwrap_or_default();
        }
        Ok(())
    }

    /// Waits for the next message.
    pub(super) fn receive<M: DeserializeOwned>(&mut self, wait: Wait<'_>) -> Result<Received<M>, ChannelError> {
        let (message, bytes) = match self.begun.take() {
            Some(begun) => begun,
            None => self.begin(wait)?,
        };
        if let Err(error) = self.fill(bytes, wait) {
            self.begun = Some((message, bytes));
            return Err(error);
        }
        let message = serde_json::from_slice(&message).map_err(|_| ChannelError::Malformed)?;
        let rest = self.read.split_off(bytes);
        let payload = std::mem::replace(&mut self.read, rest);
        Ok(Received { message, payload, descriptors: self.descriptors.drain(..).collect() })
    }

    /// Waits for a message, and not for what comes along: the message, and the bytes of that.
    fn begin(&mut self, wait: Wait<'_>) -> Result<(Vec<u8>, usize), ChannelError> {
        self.fill(HEADER_BYTES, wait)?;
        let (message, payload) = header(&self.read, self.bytes_max).ok_or(ChannelError::Malformed)?;
        self.fill(HEADER_BYTES + message, wait)?;
        let message = self.read.drain(..HEADER_BYTES + message).skip(HEADER_BYTES).collect();
        Ok((message, payload))
    }

    /// Whether something has come that nobody asked for. An end that cannot be looked at is said to have.
    pub(super) fn has_unread(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut watched = [PollFd::new(&self.socket, PollFlags::IN)];
        self.begun.is_some() || !self.read.is_empty() || poll(&mut watched, Some(&now)).map_or(true, |ready| ready > 0)
    }

    fn fill(&mut self, bytes: usize, wait: Wait<'_>) -> Result<(), ChannelError> {
        let awake = Instant::now() + self.awake;
        let awake = wait.until.map_or(awake, |until| awake.min(until));
        while self.read.len() < bytes {
            let held = self.read.len();
            self.read.resize(held + (bytes - held).clamp(READ_BYTES_MIN, READ_BYTES_MAX), 0);
            let received = self.read_some(held);
            self.read.truncate(held + received.as_ref().copied().unwrap_or(0));
            // No message has more; an end that goes on sending them would use up all that a process may hold.
            if self.descriptors.len() > DESCRIPTORS_MAX {
                return Err(ChannelError::Malformed);
            }
            match received {
                Ok(0) => return Err(ChannelError::Closed),
                // An end that goes on sending is not listened to for longer than one that sends nothing.
                Ok(_) if self.read.len() < bytes => wait.is_over()?,
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if Instant::now() < awake => rustix::thread::sched_yield(),
                Err(Errno::AGAIN) => self.ready(PollFlags::IN, wait)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The bytes that are set aside for what is being received.
    #[cfg(fuzzing)]
    pub(super) fn set_aside(&self) -> usize {
        self.read.capacity()
    }

    fn read_some(&mut self, held: usize) -> Result<usize, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let free = self.read.get_mut(held..).unwrap_or_default();
        let received = recvmsg(
            &self.socket,
            &mut [IoSliceMut::new(free)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
        )?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        Ok(received.bytes)
    }

    /// Returns when the socket can be read, or written.
    fn ready(&self, what: PollFlags, wait: Wait<'_>) -> Result<(), ChannelError> {
        let mut watched = vec![PollFd::new(&self.socket, what)];
        watched.extend(wait.interrupt.as_ref().map(|interrupt| PollFd::new(interrupt, PollFlags::IN)));
        loop {
            let left = wait.until.map(|until| until.saturating_duration_since(Instant::now()));
            let left =
                left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) });
            match poll(&mut watched, left.as_ref()) {
                Ok(0) => return Err(ChannelError::Deadline),
                Ok(_) if watched.get(1).is_some_and(|interrupt| !interrupt.revents().is_empty()) => {
                    return Err(ChannelError::Interrupted);
                }
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The lengths of a message and of what comes with it, where they are within bounds.
fn header(bytes: &[u8], bytes_max: u64) -> Option<(usize, usize)> {
    let length = |range: std::ops::Range<usize>| Some(u64::from_be_bytes(bytes.get(range)?.try_into().ok()?));
    let (message, payload) = (length(0..8)?, length(8..16)?);
    if message.checked_add(payload)? > bytes_max {
        return None;
    }
    Some((usize::try_from(message).ok()?, usize::try_from(payload).ok()?))
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn what_comes_before_it_is_asked_for_is_seen() {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let (mut ours, theirs) = (Channel::new(ours, 1 << 20), Channel::new(theirs, 1 << 20));
        let soon = Wait { until: Some(Instant::now() + Duration::from_secs(5)), interrupt: None };
        assert!(!ours.has_unread());
        theirs.send(&"asked", &[], &[], soon).unwrap();
        theirs.send(&"not asked", &[], &[], soon).unwrap();
        assert_eq!(ours.receive::<String>(soon).unwrap().message, "asked");
        assert!(ours.has_unread());
        assert_eq!(ours.receive::<String>(soon).unwrap().message, "not asked");
        assert!(!ours.has_unread());
    }

    #[test]
    fn a_message_that_was_given_up_on_is_whole_once_all_of_it_has_come() {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let mut ours = Channel::new(ours, 1 << 20);
        let header = [2_u64, 4].map(u64::to_be_bytes);
        let frame = [header.as_flattened(), b"[]", b"1234"].concat();
        let at_once = || Wait { until: Some(Instant::now()), interrupt: None };
        for byte in &frame[..frame.len() - 1] {
            rustix::io::write(&theirs, &[*byte]).unwrap();
            assert!(matches!(ours.receive::<[(); 0]>(at_once()), Err(ChannelError::Deadline)));
        }
        rustix::io::write(&theirs, b"4").unwrap();
        assert_eq!(ours.receive::<[(); 0]>(at_once()).unwrap().payload, b"1234");
    }

    #[test]
    fn an_end_that_sends_a_byte_at_a_time_is_not_listened_to_for_longer() {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let (mut ours, until) = (Channel::new(ours, 1 << 30), Instant::now() + Duration::from_millis(50));
        let header = [&(1_u64 << 29).to_be_bytes()[..], &0_u64.to_be_bytes()].concat();
        rustix::io::write(&theirs, &header).unwrap();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let goes_on = move || matches!(rustix::net::send(&theirs, b" ", flags), Ok(_) | Err(Errno::AGAIN));
        let sending = std::thread::spawn(move || while goes_on() {});
        let received = ours.receive::<()>(Wait { until: Some(until), interrupt: None });
        assert!(matches!(received, Err(ChannelError::Deadline)), "{received:?}");
        drop(ours);
        sending.join().unwrap();
    }

    #[test]
    fn an_end_that_sends_descriptors_without_end_is_not_listened_to() {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let (mut ours, theirs) = (Channel::new(ours, 1 << 20), Channel::new(theirs, 1 << 20));
        let soon = Wait { until: Some(Instant::now() + Duration::from_secs(5)), interrupt: None };
        // A message that is announced and never whole, with 64 descriptors beside each of its bytes.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let descriptors = vec![theirs.socket.as_fd(); DESCRIPTORS_MAX];
        for byte in [0, 0, 0, 0, 0, 0, 1, 0] {
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
            sendmsg(&theirs.socket, &[IoSlice::new(&[byte])], &mut ancillary, SendFlags::empty()).unwrap();
        }
        assert!(matches!(ours.receive::<()>(soon), Err(ChannelError::Malformed)));
        assert!(ours.descriptors.len() <= 2 * DESCRIPTORS_MAX, "{}", ours.descriptors.len());
    }
}
