//! What a planner is: a conversation goes in as text, a reply comes out as text, and neither is trusted.

mod choice;
mod command;
mod http;
mod key;
mod open;
mod wait;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use serde_json::Value;

pub use choice::{Choice, ChoiceError, CommandPath, ModelName, Service};
pub use command::{COMMAND_PROMPT_VERSION, Environment};
pub use http::AddressError;
pub use key::{Key, KeyError};
pub use open::{OpenError, Settings, open};

/// What a planner is asked: one conversation, and what its next reply should be like.
#[derive(Clone, Copy, Debug)]
pub struct Prompt<'a> {
    /// The rules for plans, what may be called, and the task.
    pub system: &'a str,
    /// What was said so far, oldest first. The last is the user's.
    pub turns: &'a [Turn],
    /// The JSON schema of a reply, for services that take one. What comes back is checked all the same.
    pub schema: &'a Value,
}

/// One side's words in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Claw's: the task, or what came of the last plan.
    User(String),
    /// The planner's.
    Planner(String),
}

/// What bounds one reply.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// For all of it, tries again included.
    pub time: Duration,
    /// The most bytes of the reply's text.
    pub bytes: usize,
    /// One end of a pair of sockets, readable when the user interrupts.
    pub interrupt: Option<BorrowedFd<'a>>,
}

/// What a planner said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its words.
    pub text: String,
    /// Whether the service says that it stopped before its end.
    pub cut: bool,
    /// What the service counted.
    pub tokens: Tokens,
}

/// Tokens, as a service counted them; `None` where it did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompt.
    pub prompt: Option<u64>,
    /// Of the reply.
    pub reply: Option<u64>,
}

/// What is going on while a planner is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The request is sent, and nothing came back yet.
    Waiting,
    /// So many bytes of the reply are there.
    Replying(usize),
    /// It is tried again after so long, for this reason.
    Retrying(Duration, &'a str),
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlannerError {
    /// The service, or the command, could not be reached or did not work.
    #[error("{what}: {why}")]
    Failed {
        /// What was tried, such as `POST http://127.0.0.1:11434/v1/chat/completions`. Never with a key in it.
        what: String,
        /// Why it failed.
        why: String,
        /// What to do.
        help: String,
    },
    /// The reply is larger than its bound.
    #[error("the reply is over {0} bytes")]
    TooLarge(usize),
    /// It took too long.
    #[error("no reply within {0:?}")]
    TimedOut(Duration),
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
}

/// Whatever proposes plans.
pub trait Planner {
    /// Its name as the user chose it, such as `ollama:llama3.2`: what is on record.
    fn name(&self) -> &str;

    /// Whether it may remember earlier sessions. Then what it was once shown is known to it for good (rule 7).
    fn remembers(&self) -> bool;

    /// Asks for the next reply.
    ///
    /// # Errors
    /// See [`PlannerError`].
    fn ask(
        &mut self,
        prompt: Prompt<'_>,
        bounds: Bounds<'_>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, PlannerError>;
}
