//! A program while it runs: what it and its workers take, and how it ends.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long an attack may take. The longest limit that one sets is far below.
const TIME_MAX: Duration = Duration::from_secs(90);
/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(3);
/// How long a worker may outlive its parent.
const ORPHAN_TIME_MAX: Duration = Duration::from_secs(5);

/// The most that the processes of a run had.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peak {
    /// Resident bytes of the program.
    pub(crate) parent_bytes: u64,
    /// Resident bytes of its largest worker.
    pub(crate) worker_bytes: u64,
    /// Threads of either.
    pub(crate) threads: u64,
}

/// Runs `command` to its end, and has `meanwhile` look at it: it gets the process, and its workers.
pub(crate) fn watch(command: &mut Command, meanwhile: &mut dyn FnMut(u32, &[u32])) -> (Option<Output>, Peak) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let mut peak = Peak::default();
    let until = Instant::now() + TIME_MAX;
    let status = loop {
        let workers = children(child.id());
        peak.look(child.id(), &workers);
        meanwhile(child.id(), &workers);
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break Some(status),
            None if Instant::now() > until => break kill(&mut child),
            None => thread::sleep(LOOK),
        }
    };
    let collect = |reader: thread::JoinHandle<Vec<u8>>| reader.join().expect("a reader ends");
    let (stdout, stderr) = (collect(out), collect(err));
    (status.map(|status| Output { status, stdout, stderr }), peak)
}

fn kill(child: &mut Child) -> Option<std::process::ExitStatus> {
    child.kill().and_then(|()| child.wait()).expect("a child can be killed");
    None
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.expect("it is piped").read_to_end(&mut bytes).expect("it can be read");
        bytes
    })
}

impl Peak {
    fn look(&mut self, parent: u32, workers: &[u32]) {
        let (bytes, threads) = status(parent);
        self.parent_bytes = self.parent_bytes.max(bytes);
        self.threads = self.threads.max(threads);
        for worker in workers {
            let (bytes, threads) = status(*worker);
            self.worker_bytes = self.worker_bytes.max(bytes);
            self.threads = self.threads.max(threads);
        }
    }
}

/// The peak of the resident bytes of a process, and its threads; nothing of one that is gone.
fn status(process: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let number = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    (number("VmHWM:").unwrap_or(0) << 10, number("Threads:").unwrap_or(0))
}

/// The processes that a process has started.
pub(crate) fn children(process: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    listed.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// Workers that nobody waits for, once they have had time to end: those of this user whose parent is gone.
pub(crate) fn orphans() -> Vec<u32> {
    let until = Instant::now() + ORPHAN_TIME_MAX;
    loop {
        let found: Vec<u32> = fs::read_dir("/proc")
            .expect("it can be listed")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|process| is_worker(*process) && parent(*process) == Some(1))
            .collect();
        if found.is_empty() || Instant::now() > until {
            return found;
        }
        thread::sleep(LOOK);
    }
}

/// Whether a process has taken processor time for more than starting, and is no worker that compiles, which has no ticker: then it
/// runs a guest.
pub(crate) fn is_busy(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = after_name.split_ascii_whitespace().nth(11).and_then(|ticks| ticks.parse::<u64>().ok());
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let mut names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    ticks.is_some_and(|ticks| ticks > 10) && names.any(|name| name.trim() == "epochs")
}

/// Sends a signal, by its name.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill(1) runs");
    assert!(sent.success(), "{process} could not be sent {name}");
}

fn is_worker(process: u32) -> bool {
    fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.ends_with(b"claw\0__worker\0"))
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}
