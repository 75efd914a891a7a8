//! The host layer: all that a guest can reach, each method in this order: bound it, tape it, call wasmtime's.
//!
//! It runs in a worker, on one thread, and may block it. Nothing here opens a path of the host's or a socket: folders come as
//! descriptors; requests, and all that is done with a connection, go to the parent.

mod answer;
mod answer_files;
mod answer_http;
mod answer_tcp;
mod cli;
mod clocks;
mod draft;
mod filesystem_access;
mod filesystem_change;
mod filesystem_list;
mod filesystem_open;
mod filesystem_preopens;
mod filesystem_types;
mod http_exchange;
mod http_types;
mod io_error;
mod io_poll;
mod io_streams;
mod linked;
mod meter;
pub(crate) mod path;
mod peers;
mod place;
mod random;
mod sockets_network;
mod sockets_tcp;
mod sockets_udp;
mod stop;
mod tape;
mod walk;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::OnceLock;

use claw_policy::Limits;
use globset::GlobSet;
use serde::{Deserialize, Serialize};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::filesystem::{Dir, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::{FsPerms, OpenMode, WasiCtx};

use crate::ask::{Ask, Told};
use crate::connection::{Fault, Given, Operation};
use crate::exchange::{Refused, Request, Response};

pub use answer::Answer;
pub use linked::{LINKED, authority, link};
pub use place::{Denied, Rule};
pub use sockets_udp::with_udp;
pub use stop::{Budget, Limit, Stop};
pub use tape::{Answered, Call, Taped};

/// Characters that are kept of what was refused.
const SUBJECT_CHARS_MAX: usize = 2_000;

/// Bytes that one host call may copy out of a guest, where outputs are short, and at most. wasmtime's own default is 128 MiB.
const HOSTCALL_BYTES_MIN: usize = 8 << 20;
const HOSTCALL_BYTES_MAX: usize = 1 << 30;

/// A granted folder.
#[derive(Debug)]
pub struct Folder {
    /// Where the guest sees it: `/`, or `/<grant>`.
    pub guest_path: String,
    /// The folder itself, opened and checked by the parent. None in a replay, which touches no folder.
    pub dir: Option<File>,
    /// Whether it may be written in; otherwise it is only read.
    pub write: bool,
    /// Whether names that start with a dot may be written.
    pub dotfiles: bool,
    /// What the files that are written have to match, as paths inside the folder (`src/a.md`), if the grant says so.
    /// Build the globs with `literal_separator(true)`: otherwise `*.md` matches `src/a.md` too.
    pub files: Option<GlobSet>,
}

/// What one step runs with.
#[derive(Debug)]
pub struct Settings {
    /// The folders of its grants. None is fine: then the file system is empty.
    pub folders: Vec<Folder>,
    /// Whether it may make TCP connections at all. Otherwise no socket can be made.
    pub connects: bool,
    /// Its limits.
    pub limits: Limits,
    /// Bytes that the session may still write.
    pub written_left: u64,
    /// Files, folders and links that the session may still create.
    pub files_left: u64,
    /// What the guest's wall clock starts at, in milliseconds since 1970.
    pub clock_ms: u64,
    /// What its random numbers come from.
    pub seed: [u8; 32],
    /// In a replay: what its calls were answered.
    pub tape: Option<Vec<Taped>>,
    /// Who does what it asks of the network. None is fine: then all of it is denied.
    pub outside: Option<Outside>,
}

/// Who does what a guest asks of the network: the parent.
pub struct Outside(Box<dyn FnMut(Ask) -> std::io::Result<Told> + Send>);

/// What a step did, as the worker saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The calls with authority, in their order, with what they were answered.
    pub calls: Vec<Taped>,
    /// Calls with authority that came after those in `calls`, which the limit `tape` bounds.
    pub calls_left_out: u64,
    /// What it printed, to both streams, in the order it came; cut at the limit `stdout`.
    pub printed: Vec<u8>,
    /// Whether something of that was dropped.
    pub printed_cut: bool,
    /// Bytes written to files, and holes made in them.
    pub written: u64,
    /// Files, folders and links created.
    pub files: u64,
    /// Most bytes that all memories had together.
    pub peak_memory: u64,
    /// All calls to the host.
    pub host_calls: u64,
    /// The first thing that a rule refused. The guest was told so and may have gone on: it explains a failure.
    pub denied: Option<Denied>,
}

/// A granted folder, as it is handed out.
struct Granted {
    guest_path: String,
    dir: Option<Dir>,
    write: bool,
    dotfiles: bool,
    files: Option<GlobSet>,
}

/// The data of a step's store. Dropped with it after one call.
pub struct Host {
    table: ResourceTable,
    files: WasiFilesystemCtx,
    granted: Vec<Granted>,
    places: place::Places,
    limits: Limits,
    meter: meter::Meter,
    tape: tape::Tape,
    clock: clocks::Clock,
    random: random::Random,
    printed: cli::Printed,
    calls: u64,
    written: Spent,
    created: Spent,
    /// Entries of listings that the guest holds.
    listed: usize,
    /// The numbers that stand for files and folders in `metadata-hash`, by wasmtime's hash.
    identities: BTreeMap<u64, u64>,
    denied: Option<Denied>,
    http: http_types::Http,
    /// The bodies of requests that are not sent yet, by the request's handle.
    drafts: BTreeMap<u32, draft::Draft>,
    connects: bool,
    peers: peers::Peers,
    /// Bytes that it may still send, write into bodies of requests, and be given in bodies of responses. What it holds of
    /// either is no memory of its own.
    sent_left: u64,
    drafted_left: u64,
    given_left: u64,
    outside: Option<Outside>,
}

/// What a step takes from a budget of the session.
#[derive(Debug)]
struct Spent {
    budget: Budget,
    left: u64,
    spent: u64,
}

impl Spent {
    fn new(budget: Budget, left: u64) -> Self {
        Self { budget, left, spent: 0 }
    }

    /// Takes `amount`, before what it is for is done.
    fn take(&mut self, amount: u64) -> Result<(), Stop> {
        self.left = self.left.checked_sub(amount).ok_or(Stop::Budget(self.budget))?;
        self.spent += amount;
        Ok(())
    }

    /// Gives back `amount` of what was taken for something that did not happen.
    fn give_back(&mut self, amount: u64) {
        self.left += amount;
        self.spent = self.spent.saturating_sub(amount);
    }
}

impl Host {
    /// A host for one step. Allows what `settings` say and denies all else: no environment, no arguments, a closed
    /// standard input, no terminal, no network, no real clock, no real randomness. No system call is made.
    pub fn new(settings: Settings) -> Self {
        let Settings { folders, connects, limits, written_left, files_left, clock_ms, seed, tape, outside } = settings;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        Self {
            table,
            files: blocking_files(),
            granted: folders.into_iter().map(Granted::new).collect(),
            places: place::Places::default(),
            meter: meter::Meter::new(limits.memory, limits.tables),
            tape: tape::Tape::new(limits.tape, tape),
            clock: clocks::Clock::new(clock_ms),
            random: random::Random::new(seed),
            printed: cli::Printed::new(limits.stdout),
            calls: 0,
            written: Spent::new(Budget::Written, written_left),
            created: Spent::new(Budget::Files, files_left),
            listed: 0,
            identities: BTreeMap::new(),
            denied: None,
            http: http_types::Http::default(),
            drafts: BTreeMap::new(),
            connects,
            peers: peers::Peers::default(),
            sent_left: limits.sent,
            drafted_left: limits.sent,
            given_left: limits.memory,
            outside,
            limits,
        }
    }

    /// What the step did, once its call has ended, however it ended.
    pub fn report(self) -> Report {
        let (calls, calls_left_out) = self.tape.into_calls();
        let (printed, printed_cut) = self.printed.into_bytes();
        Report {
            calls,
            calls_left_out,
            printed,
            printed_cut,
            written: self.written.spent,
            files: self.created.spent,
            peak_memory: self.meter.peak_memory(),
            host_calls: self.calls,
            denied: self.denied,
        }
    }

    /// Counts a call to the host. Every method begins with it.
    fn bound(&mut self) -> Result<(), Stop> {
        if self.calls >= self.limits.host_calls {
            return Err(Stop::Limit(Limit::HostCalls));
        }
        self.calls += 1;
        Ok(())
    }

    /// Remembers what was refused by a rule, where it is the first of the step.
    fn note_denied(&mut self, subject: String, rule: Rule) {
        let cut = || subject.chars().take(SUBJECT_CHARS_MAX).collect();
        self.denied.get_or_insert_with(|| Denied { subject: cut(), rule });
    }

    /// wasmtime's own implementation of `wasi:filesystem`, over the guest's handles.
    fn wasmtime_files(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView { ctx: &mut self.files, table: &mut self.table }
    }
}

impl Outside {
    /// Has it done by `ask`, whose error ends the step.
    pub fn new(ask: impl FnMut(Ask) -> std::io::Result<Told> + Send + 'static) -> Self {
        Self(Box::new(ask))
    }

    fn send(&mut self, request: Request) -> std::io::Result<Result<Response, Refused>> {
        self.ask(Ask::Http(request))
    }

    /// In a replay: what the next request was answered.
    fn recorded(&mut self) -> std::io::Result<Result<Response, Refused>> {
        self.ask(Ask::Recorded)
    }

    fn ask(&mut self, ask: Ask) -> std::io::Result<Result<Response, Refused>> {
        match (self.0)(ask)? {
            Told::Http(answer) => Ok(answer),
            Told::Tcp(_) => Err(std::io::Error::other("the parent answered something else")),
        }
    }

    fn operate(&mut self, operation: Operation) -> std::io::Result<Result<Given, Fault>> {
        match (self.0)(Ask::Tcp(operation))? {
            Told::Tcp(answer) => Ok(answer),
            Told::Http(_) => Err(std::io::Error::other("the parent answered something else")),
        }
    }
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outside")
    }
}

impl Granted {
    fn new(folder: Folder) -> Self {
        let Folder { guest_path, dir, write, dotfiles, files } = folder;
        let (perms, mode) = match write {
            true => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
            false => (FsPerms::ReadOnly, OpenMode::READ),
        };
        let dir = dir.map(|dir| Dir::new(dir, perms, mode, true));
        Self { guest_path, dir, write, dotfiles, files }
    }
}

/// A store for one step, with `host`'s limits set on it. An async one: call into it with `call_async`.
///
/// # Errors
/// The engine does not count fuel: it is not one of [`crate::engine::engine`]'s.
pub fn store(engine: &Engine, host: Host) -> Result<Store<Host>> {
    let Limits { fuel, time, handles, output_bytes, .. } = host.limits;
    let mut store = Store::new(engine, host);
    store.limiter(|host| &mut host.meter);
    store.set_fuel(fuel)?;
    // What a call gives back is counted too, each byte of a list as a value of wasmtime's: so a policy that allows longer
    // outputs allows longer copies. Open: a list of bytes needs an `output-bytes` of some five times its length.
    let output = usize::try_from(output_bytes).unwrap_or(usize::MAX).saturating_mul(8);
    store.set_hostcall_fuel(output.clamp(HOSTCALL_BYTES_MIN, HOSTCALL_BYTES_MAX));
    store.set_max_component_handles(usize::try_from(handles).unwrap_or(usize::MAX));
    store.set_epoch_deadline(crate::engine::epochs(time));
    store.epoch_deadline_trap();
    Ok(store)
}

/// wasmtime's file system context, without folders, that works on the calling thread: a worker has no other to keep free,
/// and hand-offs to tokio's threads cost six times the call. Built once, since its builder asks for random numbers.
fn blocking_files() -> WasiFilesystemCtx {
    static FILES: OnceLock<WasiFilesystemCtx> = OnceLock::new();
    let build = || WasiCtx::builder().allow_blocking_current_thread(true).build().filesystem().clone();
    FILES.get_or_init(build).clone()
}

/// The handle again: methods consume what they are given, and a table entry is found by its number alone.
fn same<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

#[cfg(test)]
mod tests;
