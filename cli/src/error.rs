//! The few kinds of errors at the door, and the exit code of each.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claw_policy::LoadError;

/// Everything was done, or accepted.
pub(crate) const DONE: u8 = 0;
/// An error of ours, or of the planner's model.
pub(crate) const OURS: u8 = 1;
/// Wrong usage, or a file that cannot be read or does not load.
pub(crate) const UNUSABLE: u8 = 2;
/// A plan was refused, or halted; or a policy got wider.
pub(crate) const REFUSED: u8 = 3;
/// A capability failed or hit a limit.
pub(crate) const FAILED: u8 = 4;
/// A record does not verify.
pub(crate) const UNVERIFIED: u8 = 5;
/// The user interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did nothing, or stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// An error of ours, or of the machine.
    Own { message: String, help: String },
    /// A file or an argument that cannot be used.
    Input(Input),
    /// A policy that does not load.
    Policy { file: PathBuf, text: String, errors: Vec<LoadError> },
}

/// A file or an argument that cannot be used.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) rule: &'static str,
    pub(crate) file: Option<PathBuf>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Error {
    pub(crate) fn own(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Own { message: message.into(), help: help.into() }
    }

    pub(crate) fn input(rule: &'static str, message: impl Into<String>) -> Self {
        Self::Input(Input { rule, file: None, message: message.into(), help: None })
    }

    pub(crate) fn policy_file(rule: &'static str, file: &Path, message: impl Into<String>) -> Self {
        Self::Input(Input { rule, file: Some(file.to_owned()), message: message.into(), help: None })
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Own { help, .. } => *help = text.into(),
            Self::Input(input) => input.help = Some(text.into()),
            Self::Policy { .. } => {}
        }
        self
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Own { .. } => OURS,
            Self::Input(_) | Self::Policy { .. } => UNUSABLE,
        })
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::own(error.to_string(), "see `claw doctor`")
    }
}

impl From<claw_runtime::CacheError> for Error {
    fn from(error: claw_runtime::CacheError) -> Self {
        let help = match error {
            claw_runtime::CacheError::Key(_) => "remove the file: what was compiled is then compiled again",
            _ => "see `claw doctor`",
        };
        Self::own(error.to_string(), help)
    }
}

impl From<claw_runtime::JournalError> for Error {
    fn from(error: claw_runtime::JournalError) -> Self {
        match error {
            claw_runtime::JournalError::Record(error) => error.into(),
            // A run that is no replay has nothing to differ from.
            claw_runtime::JournalError::Replay(end) => Self::own(end.to_string(), "run the plan again"),
        }
    }
}

impl From<claw_runtime::ExecuteError> for Error {
    fn from(error: claw_runtime::ExecuteError) -> Self {
        match error {
            claw_runtime::ExecuteError::Journal(error) => error.into(),
            claw_runtime::ExecuteError::Session(refusal) => Self::own(refusal.to_string(), "run the plan again"),
        }
    }
}

impl From<claw_audit::RecordError> for Error {
    fn from(error: claw_audit::RecordError) -> Self {
        use claw_audit::RecordError::{Key, Machine, Rewritten};
        let help = match error {
            Rewritten(_) | Machine(_) => {
                "see `claw audit verify`; to begin a new log, move the folder `machine` and the records away"
            }
            Key(_) => "make it yours alone, or move it and the records away: what it signed is no longer verified then",
            _ => {
                "nothing is done that is not recorded: make room, or set XDG_STATE_HOME to a folder that can be written"
            }
        };
        Self::own(error.to_string(), help)
    }
}
