//! All ambient authority of the command line: environment, clock, files by name, terminal, signals.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use claw_policy::Name;
use claw_policy::printable::printable;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::Error;

/// Where claw keeps what it keeps, by the XDG base directory specification.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// The user's home folder.
    pub(crate) home: Option<PathBuf>,
    pub(crate) config: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) cache: PathBuf,
}

impl Home {
    /// Finds them. A relative path in one of the variables is ignored, as the specification says.
    pub(crate) fn find() -> Result<Self, Error> {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let folder = |variable: &str, below_home: &str| {
            absolute(variable)
                .or_else(|| home.as_ref().map(|home| home.join(below_home)))
                .map(|base| base.join("claw"))
                .ok_or_else(|| Error::own(format!("neither `{variable}` nor `HOME` is set"), "set HOME"))
        };
        Ok(Self {
            config: folder("XDG_CONFIG_HOME", ".config")?,
            state: folder("XDG_STATE_HOME", ".local/state")?,
            cache: folder("XDG_CACHE_HOME", ".cache")?,
            home,
        })
    }

    /// The same, for a run: what is there of them has to be its user's alone. Whoever could change them could take away
    /// records, or have their own be read as claw's.
    pub(crate) fn private(self) -> Result<Self, Error> {
        let below = |folder: &Path, name: &str| folder.join(name);
        let (state, cache) = (&self.state, &self.cache);
        let folders = [state.clone(), self.runs(), below(state, "machine"), cache.clone(), below(cache, "components")];
        for folder in folders {
            if let Some(why) = open_to_others(&folder)? {
                let message = format!("claw's own folder `{}` {why}", printable(&folder.to_string_lossy()));
                return Err(Error::input("home.shared", message)
                    .help("give it to the user who runs claw, and run `chmod 700` on it"));
            }
        }
        Ok(self)
    }

    /// The policy that the user names: by a name, which is one of the configuration folder's and never a file of the current
    /// folder's, or by a path.
    pub(crate) fn policy(&self, named: &Path) -> PathBuf {
        match named.to_str().and_then(|name| Name::new(name).ok()) {
            Some(name) => self.config.join("policies").join(format!("{name}.toml")),
            None => named.to_owned(),
        }
    }

    /// The configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Where the records of runs are.
    pub(crate) fn runs(&self) -> PathBuf {
        self.state.join("runs")
    }
}

/// Why another user could change what is in a folder, if one could. A folder that is not there is made for its user alone.
pub(crate) fn open_to_others(folder: &Path) -> io::Result<Option<&'static str>> {
    let metadata = match std::fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let others = metadata.uid() != rustix::process::geteuid().as_raw();
    let written = metadata.mode() & 0o022 != 0;
    Ok(if others { Some("belongs to another user") } else { written.then_some("can be written by others") })
}

/// This program, to be started again as a worker.
///
/// On Linux by the kernel's own link, so that it is the same program even when its file was replaced meanwhile.
pub(crate) fn program() -> Result<PathBuf, Error> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe()
        .map_err(|error| Error::own(format!("this program cannot be found: {error}"), "install claw again"))
}

/// The file of this program, which nothing that is granted may change.
pub(crate) fn program_file() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// Reads a text that the user names, of at most `most` bytes; one byte more tells that it is longer. `-` is standard
/// input.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(most + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Whether somebody else can write a file, or put another in its place: its owner, its group, or anyone.
fn others_write(metadata: &Metadata) -> bool {
    let own = rustix::process::geteuid().as_raw();
    // A group of the user's own, as many systems give each user one, is nobody else; and who is root may do all of it.
    let group_is_own = metadata.gid() == rustix::process::getegid().as_raw();
    let owner_is_own = metadata.uid() == own || metadata.uid() == 0;
    // In a sticky folder, such as `/tmp`, nobody puts a file in the place of another's.
    let is_sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    !owner_is_own || (!is_sticky && (metadata.mode() & 0o002 != 0 || (metadata.mode() & 0o020 != 0 && !group_is_own)))
}

/// A variable of the environment, as text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The most bytes of a file with a secret: what servers take of a header line.
const SECRET_FILE_BYTES_MAX: u64 = 8 << 10;

/// Reads a file that has a secret, which nobody but this user may be able to read.
pub(crate) fn read_secret(path: &Path) -> Result<Vec<u8>, String> {
    let shown = printable(&path.to_string_lossy());
    let failed = |error: io::Error| format!("`{shown}`: {error}");
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(format!("`{shown}` is no file"));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & 0o077 != 0 || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("others can read `{shown}`: make it yours alone, with `chmod 600`"));
    }
    let mut bytes = Vec::new();
    file.take(SECRET_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SECRET_FILE_BYTES_MAX {
        Err(format!("`{shown}` is over {SECRET_FILE_BYTES_MAX} bytes"))
    } else {
        Ok(bytes)
    }
}

/// Reads a policy: a regular file that no stranger can write, in a folder where none can put another in its place.
pub(crate) fn read_policy(path: &Path) -> Result<String, Error> {
    let shown = claw_policy::printable::printable(&path.to_string_lossy());
    let unreadable = |why: String| {
        Error::policy_file("policy.read", path, format!("the policy `{shown}` cannot be read: {why}"))
            .help("a bare name is one of `policies` in claw's configuration folder; a file of this folder is `./NAME`")
    };
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is no file".to_owned()));
    }
    let refused = |what: &str, help: String| {
        Err(Error::policy_file("policy.permissions", path, format!("the policy `{shown}` {what}")).help(help))
    };
    if others_write(&metadata) {
        return refused(
            "can be written by others",
            format!("look at what it says, make it yours, and run `chmod go-w {shown}`"),
        );
    }
    // Its folder by the name that was given, and the one that the file is really in.
    for name in [std::path::absolute(path)?, std::fs::canonicalize(path)?] {
        if let Some(folder) = name.parent()
            && others_write(&std::fs::metadata(folder)?)
        {
            return refused(
                "is in a folder that others can write into",
                "move it to a folder of your own, and look at what it says now".to_owned(),
            );
        }
    }
    let most = claw_policy::POLICY_BYTES_MAX;
    let bytes = read(path, most).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > most {
        return Err(Error::policy_file("policy.size", path, format!("the policy `{shown}` is over {most} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))
}

/// 32 bytes of the system's randomness.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::own(format!("the system gives no random numbers: {error}"), "see `claw doctor`"))?;
    Ok(bytes)
}

/// A run's id: when it was opened, and enough randomness to be its own.
pub(crate) fn run_id() -> Result<String, Error> {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let [a, b, c, d] = random::<4>()?;
    Ok(format!("{now}-{a:02x}{b:02x}{c:02x}{d:02x}"))
}

/// The most bytes of a small file that is read whole.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// A small file's text; none where it is not there.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, Error> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(TEXT_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The most bytes of a line that a person types.
const LINE_BYTES_MAX: usize = 1 << 10;

/// Now.
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Now: unix time in milliseconds.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(now().as_millisecond()).unwrap_or(0)
}

/// A descriptor that can be read once the user interrupts: Ctrl-C, or a request to terminate.
pub(crate) fn interrupt() -> Result<OwnedFd, Error> {
    let failed = |error: io::Error| Error::own(format!("signals cannot be watched: {error}"), "see `claw doctor`");
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let again = theirs.try_clone().map_err(failed)?;
    signal_hook::low_level::pipe::register(SIGINT, theirs).map_err(failed)?;
    signal_hook::low_level::pipe::register(SIGTERM, again).map_err(failed)?;
    Ok(ours.into())
}

/// Reads the configuration file, which only this user may be able to write; none where it is not there.
pub(crate) fn read_config(path: &Path) -> Result<Option<String>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let read = read_own(path, TEXT_BYTES_MAX).and_then(|bytes| String::from_utf8(bytes).map_err(|e| e.to_string()));
    read.map(Some).map_err(|why| {
        let shown = printable(&path.to_string_lossy());
        Error::policy_file("config.permissions", path, format!("the configuration file `{shown}`: {why}"))
            .help("look at what it says, make it yours, and run `chmod go-w` on it")
    })
}

/// Reads a file that only this user can write, or put another in the place of: of at most `most` bytes.
pub(crate) fn read_own(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| error.to_string();
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = File::open(path).map_err(failed)?;
    let folder = std::fs::canonicalize(path).map_err(failed)?.parent().map(std::fs::metadata).transpose();
    if others_write(&file.metadata().map_err(failed)?) || folder.map_err(failed)?.is_some_and(|it| others_write(&it)) {
        return Err("others can write it, or put another in its place".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most { Err(format!("it is over {most} bytes")) } else { Ok(bytes) }
}

/// Whether a person can be asked: there is a terminal to ask and to answer at.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// What a person does who is asked.
pub(crate) enum Typed {
    /// Types a line, or nothing more.
    Line(String),
    /// Interrupts.
    Interrupt,
}

/// A line that a person types, until `interrupt` can be read. Not over a buffer, which would keep the next lines.
pub(crate) fn read_line(interrupt: BorrowedFd<'_>) -> Typed {
    let (stdin, mut line) = (io::stdin(), Vec::new());
    while line.len() < LINE_BYTES_MAX && !line.ends_with(b"\n") {
        let mut watched = [PollFd::new(&stdin, PollFlags::IN), PollFd::from_borrowed_fd(interrupt, PollFlags::IN)];
        let interrupted = match poll(&mut watched, None) {
            Ok(_) => watched.iter().skip(1).any(|fd| !fd.revents().is_empty()),
            Err(Errno::INTR) => continue,
            Err(_) => true,
        };
        if interrupted {
            return Typed::Interrupt;
        }
        let mut typed = [0];
        match rustix::io::read(&stdin, &mut typed) {
            Ok(0) => break,
            Ok(_) => line.extend(typed),
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    Typed::Line(String::from_utf8_lossy(&line).into_owned())
}

/// Drops the lines that a person has typed already.
pub(crate) fn drop_typed() {
    let (stdin, now) = (io::stdin(), Timespec { tv_sec: 0, tv_nsec: 0 });
    let mut typed = [0; 1 << 10];
    while poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
        && rustix::io::read(&stdin, &mut typed).is_ok_and(|bytes| bytes > 0)
    {}
}

/// Whether a person watches standard error.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether standard output is for a terminal, where what is printed must not move its cursor.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Sends what claw's own crates trace to standard error: ids and rules, never values. What libraries trace is not claw's to
/// vouch for: a request that one shows has a secret in it.
pub(crate) fn log_to_stderr(verbose: u8) {
    let said = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let level = variable("CLAW_LOG").and_then(|level| level.parse().ok()).unwrap_or(said);
    let shown = layer().with_writer(io::stderr).without_time();
    registry().with(shown).with(Targets::new().with_target("claw", level)).init();
}

/// Has a crash leave no image of this process's memory, which holds keys and secrets, and lets no other process of the user's
/// read it.
pub(crate) fn leave_no_core() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Both are always allowed. What a kernel pipes to a program is not bounded by the limit.
    let _limited = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
