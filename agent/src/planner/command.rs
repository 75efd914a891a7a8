//! A program of the user's that proposes plans: the prompt on its standard input, the reply on its standard output.
//!
//! It is started for each reply, by its path and without arguments: no shell has a part in it. On its standard input
//! stands one JSON document, and then its end:
//!
//! ```json
//! {
//!   "version": 1,
//!   "system": "the rules for plans, what may be called, and the task",
//!   "turns": [{"from": "user", "text": "…"}, {"from": "planner", "text": "…"}, {"from": "user", "text": "…"}],
//!   "schema": {"the JSON schema of the reply": "…"},
//!   "bounds": {"bytes": 1048576}
//! }
//! ```
//!
//! What stands on its standard output, to its end, is the reply: UTF-8 text of at most `bytes`. The exit code 0 says
//! that it is one; with any other there is none, and the end of what it wrote to standard error is shown to the user. Of
//! the environment it has `PATH`, `HOME` and `LANG`. Its folder is the one that claw was started in. It runs as the
//! user, outside of the sandbox: whoever chooses it trusts it with what they may do themselves.
//!
//! It is in a process group of its own. All of the group is killed when its time or size is up, when the user
//! interrupts, and when the program has ended. `version` counts up when a document of this shape could be misread.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use claw_policy::printable::printable;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde_json::{Value, json};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::choice::CommandPath;
use super::{Bounds, Planner, PlannerError, Progress, Prompt, Reply, Tokens, Turn, wait};

/// The version of the document that a command reads.
pub const COMMAND_PROMPT_VERSION: u32 = 1;

/// The bytes of standard error that are kept: its last.
const STDERR_BYTES_MAX: usize = 2 << 10;

/// The time that is left for the rest of standard error, once a command is killed.
const STDERR_TIME_MAX: Duration = Duration::from_millis(500);

/// The time between two looks at whether a command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a command sees of the environment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `PATH`: where it finds the programs that it starts itself.
    pub path: Option<OsString>,
    /// `HOME`: where its configuration is.
    pub home: Option<OsString>,
    /// `LANG`: the language of its errors.
    pub lang: Option<OsString>,
}

/// A program that is started for each reply.
pub(super) struct CommandPlanner {
    name: String,
    path: CommandPath,
    environment: Environment,
}

impl CommandPlanner {
    pub(super) fn new(name: String, path: CommandPath, environment: Environment) -> Self {
        Self { name, path, environment }
    }

    async fn converse(
        &self,
        prompt: Prompt<'_>,
        bounds: Bounds<'_>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, PlannerError> {
        let broken = |error: io::Error| self.failed(error.to_string(), "see `claw doctor`");
        let (mut running, pipes) = self.start()?;
        let [Some(input), Some(output), Some(errors)] = pipes else {
            return Err(broken(io::Error::other("it has no pipes")));
        };
        // It may write before it has read all.
        tokio::spawn(end_group(Pid::from_child(&running.child)));
        tokio::spawn(feed(Sender::from_owned_fd(input).map_err(broken)?, document(prompt, bounds).to_string()));
        let errors = tokio::spawn(last_words(Receiver::from_owned_fd(errors).map_err(broken)?));
        watch(Progress::Waiting);

        let output = Receiver::from_owned_fd(output).map_err(broken)?;
        let mut text = Vec::new();
        while let Some(piece) = read(&output).await.map_err(broken)? {
            if text.len().saturating_add(piece.len()) > bounds.bytes {
                return Err(PlannerError::TooLarge(bounds.bytes));
            }
            text.extend(piece);
            watch(Progress::Replying(text.len()));
        }
        let status = running.ended().await.map_err(broken)?;
        if !status.success() {
            let errors = tokio::time::timeout(STDERR_TIME_MAX, errors).await;
            let errors = errors.ok().and_then(Result::ok).unwrap_or_default();
            return Err(self.failed(told(status, &errors), "see what it says, and try it by hand"));
        }
        let text = String::from_utf8(text)
            .map_err(|_| self.failed("its reply is not UTF-8 text".to_owned(), "have it write text"))?;
        Ok(Reply { text, cut: false, tokens: Tokens::default() })
    }

    fn start(&self) -> Result<(Running, [Option<OwnedFd>; 3]), PlannerError> {
        let Environment { path, home, lang } = &self.environment;
        let variables = [("PATH", path), ("HOME", home), ("LANG", lang)];
        let mut command = Command::new(self.path.as_path());
        command
            .env_clear()
            .envs(variables.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C at a terminal goes to claw alone, which kills it.
            .process_group(0);
        let mut child = command.spawn().map_err(|error| {
            let help =
                "see whether it is there and may be started (`chmod +x`), and begins with `#!` if it is a script";
            self.failed(format!("it cannot be started: {error}"), help)
        })?;
        let pipes = [
            child.stdin.take().map(OwnedFd::from),
            child.stdout.take().map(OwnedFd::from),
            child.stderr.take().map(OwnedFd::from),
        ];
        Ok((Running { child, is_gone: false }, pipes))
    }

    fn failed(&self, why: String, help: &str) -> PlannerError {
        PlannerError::Failed { what: self.name.clone(), why, help: help.to_owned() }
    }
}

impl Planner for CommandPlanner {
    fn name(&self) -> &str {
        &self.name
    }

    /// Nobody knows what it keeps.
    fn remembers(&self) -> bool {
        true
    }

    fn ask(
        &mut self,
        prompt: Prompt<'_>,
        bounds: Bounds<'_>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, PlannerError> {
        wait::within(bounds, self.converse(prompt, bounds, watch))
    }
}

/// A command that runs. Neither it nor what it started in its group outlives this.
struct Running {
    child: Child,
    /// Whether it was waited for. From then on, its id can be another's.
    is_gone: bool,
}

impl Running {
    /// Waits for its end, and ends what it started.
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        end_of(Pid::from_child(&self.child)).await?;
        self.kill()
    }

    fn kill(&mut self) -> io::Result<ExitStatus> {
        if !self.is_gone {
            // It fails if there is nobody left in the group.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        self.is_gone = true;
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Waits for the end of a command, and leaves it to be waited for: until then, its id is nobody else's.
async fn end_of(pid: Pid) -> io::Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while waitid(WaitId::Pid(pid), options)?.is_none() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Once a command has ended, ends what it started: that could keep its standard output open.
async fn end_group(pid: Pid) {
    // Where it was waited for already, its group has been ended.
    if end_of(pid).await.is_ok() {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// What a command reads.
fn document(prompt: Prompt<'_>, bounds: Bounds<'_>) -> Value {
    let turn = |turn: &Turn| match turn {
        Turn::User(text) => json!({"from": "user", "text": text}),
        Turn::Planner(text) => json!({"from": "planner", "text": text}),
    };
    json!({
        "version": COMMAND_PROMPT_VERSION,
        "system": prompt.system,
        "turns": prompt.turns.iter().map(turn).collect::<Vec<_>>(),
        "schema": prompt.schema,
        // Not the time that is left: it would tell how long steps took that the planner may not see.
        "bounds": {"bytes": bounds.bytes},
    })
}

/// Writes the document, as far as it is read: a command may know enough before.
async fn feed(input: Sender, document: String) {
    let mut left = document.as_bytes();
    while !left.is_empty() && input.writable().await.is_ok() {
        match input.try_write(left) {
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// The next bytes of a pipe; none at its end.
async fn read(pipe: &Receiver) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        pipe.readable().await?;
        match pipe.try_read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(count) => {
                buffer.truncate(count);
                return Ok(Some(buffer));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads all of standard error, so that nobody waits to write it, and keeps its last.
async fn last_words(errors: Receiver) -> Vec<u8> {
    let mut last = Vec::new();
    while let Ok(Some(piece)) = read(&errors).await {
        last.extend(piece);
        last.drain(..last.len().saturating_sub(STDERR_BYTES_MAX));
    }
    last
}

/// How a command ended that has no reply.
fn told(status: ExitStatus, errors: &[u8]) -> String {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    };
    match String::from_utf8_lossy(errors).trim() {
        "" => how,
        said => format!("{how}: {}", printable(said)),
    }
}

#[cfg(test)]
mod tests;
