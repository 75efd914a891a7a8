//! A worker process, from the parent's side: started, given descriptors, asked, and killed at the deadline.

mod channel;
mod effort;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod protocol;
mod serve;
mod wall;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use claw_policy::Limits;
use claw_policy::catalogue::Component;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde_json::Value;

use channel::{Channel, ChannelError, Received, Wait};
use protocol::{Reply, Request};

use crate::ask::{Ask, Told};
use crate::engine::Allocation;

pub(crate) use effort::Effort;
pub(crate) use protocol::{Call, CallFailure, Ended, FolderUse, Preparation};
pub use serve::serve;
pub use wall::Wall;

/// The argument that makes the program a worker. Nothing else about a worker is on its command line or in its environment.
pub const WORKER_ARGUMENT: &str = "__worker";

/// How long a worker may take to load and link what it is given.
const LOAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How many replies that it is ready a worker may owe.
const UNREADY_MAX: usize = 64;
/// The most bytes of a compiled component.
const ARTEFACT_BYTES_MAX: u64 = 1 << 30;
/// What a reply has besides: fuel, the paths of its calls, what was printed.
const REPORT_BYTES_MAX: u64 = 64 << 20;

/// A worker process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    channel: Channel,
    /// How many requests it has not said yet that it is ready after. It is told the next meanwhile.
    unready: usize,
}

/// A worker that is started before there is anything to run, so that it is up by then: starting a process takes as long as
/// loading a policy.
#[derive(Debug)]
pub struct Spare(pub(crate) Worker);

impl Spare {
    /// Starts the program `program` again as a worker. It does nothing until it is told to.
    ///
    /// # Errors
    /// When no process can be started.
    ///
    /// # Ambient Authority
    /// Starts a process.
    pub fn start(program: &Path) -> io::Result<Self> {
        Worker::start(program, REPORT_BYTES_MAX).map(Self)
    }
}

/// Who attends to a call while it goes on.
pub(crate) trait Attendant {
    /// The worker has the call and is at work, and nothing that its guest asks for has been done yet.
    fn called(&mut self);
    /// Does what the guest asks for, within the time that is left.
    fn answer(&mut self, ask: Ask, left: Duration) -> Told;
    /// The worker was told this, and is at work again.
    fn told(&mut self, told: Told);
}

/// A worker that did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerFault {
    /// The deadline passed, and it was killed.
    #[error("it was killed at its deadline")]
    Deadline,
    /// The user interrupted, and it was killed.
    #[error("it was interrupted")]
    Interrupted,
    /// It ended by itself.
    #[error("its process ended: {0}")]
    Died(String),
    /// It refused what it was given.
    #[error("{0}")]
    Refused(String),
    /// It could not be started, or what it said is no answer.
    #[error("its process does not work: {0}")]
    Broken(String),
}

impl Worker {
    /// Starts the program `program` again as a worker: no environment, no arguments, no descriptors but its socket.
    ///
    /// # Ambient Authority
    /// Starts a process.
    pub(crate) fn start(program: &Path, reply_bytes_max: u64) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let mut command = Command::new(program);
        command.arg(WORKER_ARGUMENT).env_clear().current_dir("/").stdin(Stdio::from(theirs)).stdout(Stdio::null());
        command.stderr(Stdio::null());
        // A group of its own: Ctrl-C at a terminal goes to the parent, which kills the worker and seals the record.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn()?;
        Ok(Self { child, channel: Channel::new(ours, reply_bytes_max), unready: 0 })
    }

    /// Reads and compiles a component in a worker of its own.
    pub(crate) fn compile(program: &Path, bytes: &[u8], digest: &str) -> Result<(Component, Vec<u8>), WorkerFault> {
        let mut worker =
            Self::start(program, ARTEFACT_BYTES_MAX).map_err(|error| WorkerFault::Broken(error.to_string()))?;
        let request = Request::Compile { digest: digest.to_owned() };
        match worker.ask(&request, bytes, &[], within(Effort::of(bytes.len()).time()))? {
            (Reply::Compiled(component), artefact) => Ok((*component, artefact)),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Hands over the folders that its guests may be given, in the order in which [`Preparation`] counts them. `said_max` is
    /// the most bytes of what a step's guest can make it say: output, tape, and the body of a request.
    pub(crate) fn open(
        &mut self,
        allocation: Allocation,
        folders: &[BorrowedFd<'_>],
        said_max: u64,
    ) -> Result<(), WorkerFault> {
        self.channel.bytes_max = said_max.saturating_add(REPORT_BYTES_MAX);
        self.begin(&Request::Open { allocation }, &[], folders)
    }

    /// Hands over a compiled component whose bytes are authenticated.
    pub(crate) fn load(&mut self, digest: &str, artefact: &[u8]) -> Result<(), WorkerFault> {
        self.begin(&Request::Load { digest: digest.to_owned() }, artefact, &[])
    }

    /// Makes a capability ready to be called.
    pub(crate) fn prepare(&mut self, preparation: Preparation) -> Result<(), WorkerFault> {
        self.begin(&Request::Prepare(preparation), &[], &[])
    }

    /// Waits until all that it was told is ready, and has it give up all that calling that does not need. From here on,
    /// nothing else can be loaded.
    pub(crate) fn enclose(&mut self) -> Result<Wall, WorkerFault> {
        self.say(&Request::Enclose, &[], &[], within(LOAD_TIME_MAX)).map_err(loading)?;
        self.hear_ready()?;
        match self.hear(within(LOAD_TIME_MAX)).map_err(loading)? {
            (Reply::Enclosed(wall), _) => Ok(wall),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Calls a capability, and kills the worker when the time is up, or when it asks for more than its guest can. One that did
    /// not answer, or something else, is not to be asked again.
    pub(crate) fn call(
        &mut self,
        call: Call,
        limits: &Limits,
        interrupt: Option<BorrowedFd<'_>>,
        attendant: &mut dyn Attendant,
    ) -> Result<Ended<Value>, WorkerFault> {
        let wait = Wait { until: Some(Instant::now() + limits.step_time()), interrupt };
        if self.channel.has_unread() {
            self.kill();
            return Err(WorkerFault::Broken("it spoke before it was asked".to_owned()));
        }
        self.say(&Request::Call(call), &[], &[], wait)?;
        attendant.called();
        // The time is the step's: what is put on disk for it takes none of it.
        let mut until = Instant::now() + limits.step_time();
        let mut answer = self.hear(Wait { until: Some(until), interrupt })?;
        // A call of a guest's asks for a few things at most.
        let mut asks_left = limits.host_calls.saturating_mul(4);
        loop {
            answer = match answer {
                (Reply::Ended(ended), output) => {
                    let Ended { result, fuel, report } = *ended;
                    let no_output = || WorkerFault::Broken("what it gave is no output".to_owned());
                    let result = match result {
                        Ok(_) if output.len() as u64 > limits.output_bytes => return Err(no_output()),
                        Ok(form) => Ok(form.read(output).ok_or_else(no_output)?),
                        Err(failure) => Err(failure),
                    };
                    return Ok(Ended { result, fuel, report });
                }
                (Reply::Asks(_), _) if asks_left == 0 => {
                    self.kill();
                    return Err(WorkerFault::Broken("it asked for more than its guest may".to_owned()));
                }
                (Reply::Asks(mut ask), bytes) => {
                    asks_left -= 1;
                    if let Some(beside) = ask.beside() {
                        *beside = bytes;
                    }
                    // A guest that asks again and again may leave no other time to see it.
                    let wait = Wait { until: Some(until), interrupt };
                    wait.is_over().map_err(|error| self.fault(error))?;
                    let mut told = attendant.answer(ask, until.saturating_duration_since(Instant::now()));
                    wait.is_over().map_err(|error| self.fault(error))?;
                    let bytes = told.beside().map(std::mem::take).unwrap_or_default();
                    let tells = Request::Tells(told);
                    self.say(&tells, &bytes, &[], wait)?;
                    if let Request::Tells(mut told) = tells {
                        if let Some(beside) = told.beside() {
                            *beside = bytes;
                        }
                        let began = Instant::now();
                        attendant.told(told);
                        until += began.elapsed();
                    }
                    self.hear(Wait { until: Some(until), interrupt })?
                }
                (other, _) => return Err(unexpected(other)),
            };
        }
    }

    /// Tells it something that it is ready after. What comes of it is heard once it is enclosed.
    fn begin(&mut self, request: &Request, payload: &[u8], folders: &[BorrowedFd<'_>]) -> Result<(), WorkerFault> {
        // More replies than the socket holds would leave both ends waiting for the other to read.
        if self.unready >= UNREADY_MAX {
            self.hear_ready()?;
        }
        self.unready += 1;
        self.say(request, payload, folders, within(LOAD_TIME_MAX)).map_err(loading)
    }

    fn hear_ready(&mut self) -> Result<(), WorkerFault> {
        for _ in 0..std::mem::take(&mut self.unready) {
            match self.hear(within(LOAD_TIME_MAX)).map_err(loading)? {
                (Reply::Ready, _) => {}
                (other, _) => return Err(unexpected(other)),
            }
        }
        Ok(())
    }

    fn ask(
        &mut self,
        request: &Request,
        payload: &[u8],
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<(Reply, Vec<u8>), WorkerFault> {
        self.say(request, payload, descriptors, wait)?;
        self.hear(wait)
    }

    fn say(
        &mut self,
        request: &Request,
        payload: &[u8],
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<(), WorkerFault> {
        self.channel.send(request, payload, descriptors, wait).map_err(|error| self.fault(error))
    }

    fn hear(&mut self, wait: Wait<'_>) -> Result<(Reply, Vec<u8>), WorkerFault> {
        // A worker sends no descriptors; what it sent all the same is closed here.
        let Received { message, payload, .. } = self.channel.receive(wait).map_err(|error| self.fault(error))?;
        Ok((message, payload))
    }

    /// What it means that no message went or came, after which it is killed.
    fn fault(&mut self, error: ChannelError) -> WorkerFault {
        let died = matches!(error, ChannelError::Closed).then(|| self.exit_status());
        self.kill();
        match error {
            ChannelError::Deadline => WorkerFault::Deadline,
            ChannelError::Interrupted => WorkerFault::Interrupted,
            ChannelError::Closed => WorkerFault::Died(died.unwrap_or_default()),
            ChannelError::Malformed | ChannelError::Io(_) => WorkerFault::Broken(error.to_string()),
        }
    }

    /// Has it end, and does not wait for that.
    pub(crate) fn dismiss(&mut self) {
        // It may have ended by itself, and then there is nothing to kill.
        let _already_gone = self.child.kill();
    }

    /// How its process ended; it has closed its socket, so this is about to be known.
    fn exit_status(&mut self) -> String {
        for _ in 0..50 {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Err(error) => return error.to_string(),
            }
        }
        "it closed its socket".to_owned()
    }

    fn kill(&mut self) {
        self.dismiss();
        let _reaped = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn within(time: Duration) -> Wait<'static> {
    Wait { until: Some(Instant::now() + time), interrupt: None }
}

/// A fault of a worker that no step has called yet: the time that is up is no step's.
fn loading(fault: WorkerFault) -> WorkerFault {
    match fault {
        WorkerFault::Deadline => WorkerFault::Broken(format!("it did not load within {} s", LOAD_TIME_MAX.as_secs())),
        other => other,
    }
}

fn unexpected(reply: Reply) -> WorkerFault {
    match reply {
        Reply::Refused(why) => WorkerFault::Refused(why),
        _ => WorkerFault::Broken("it answered something else".to_owned()),
    }
}

/// The socket that a worker has as its standard input.
///
/// # Errors
/// When standard input cannot be had.
pub fn worker_socket() -> io::Result<OwnedFd> {
    use std::os::fd::AsFd as _;
    io::stdin().as_fd().try_clone_to_owned()
}
