//! Why a guest was stopped: limits, budgets, its own exit, or a trap.

use serde::{Deserialize, Serialize};
use wasmtime::Trap;
use wasmtime::component::ResourceTableError;

use super::Host;

/// Characters of a trap's text that are kept.
const TRAP_TEXT_MAX: usize = 300;

/// A limit of a step that only the worker can see being reached. The others are the parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Units of fuel.
    Fuel,
    /// Wall time: the epoch, which comes later than the parent's own deadline.
    Time,
    /// Bytes of all memories of the store.
    Memory,
    /// Elements of all tables of the store.
    Tables,
    /// Handles held at once.
    Handles,
    /// Files and folders held open at once.
    OpenFiles,
    /// Calls to the host.
    HostCalls,
    /// Bytes of a request's body.
    HttpBytes,
    /// Bytes of all requests.
    Sent,
}

impl Limit {
    /// Its name in a policy's `[limits]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Tables => "tables",
            Self::Handles => "handles",
            Self::OpenFiles => "open-files",
            Self::HostCalls => "host-calls",
            Self::HttpBytes => "http-bytes",
            Self::Sent => "sent",
        }
    }
}

/// A budget of a session; one that runs out halts it, and is no step's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Bytes written to files.
    Written,
    /// Files, folders and links created.
    Files,
}

impl Budget {
    /// Its name in a policy's `[limits]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Files => "files",
        }
    }

    /// The rule that it halts a session by.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Written => "budget.written",
            Self::Files => "budget.files",
        }
    }
}

/// What ended a call into a guest before it returned. Host functions raise it as a trap; [`Stop::of`] finds it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The step reached one of its limits.
    #[error("the step reached its limit `{}`", .0.name())]
    Limit(Limit),
    /// A budget of the session would have been exceeded; what would have was not done.
    #[error("the session's budget `{}` is used up", .0.name())]
    Budget(Budget),
    /// It called `exit`, with this code. Only 0 is no failure, and only of a function that gives nothing.
    #[error("the component exited with code {0}")]
    Exited(u8),
    /// In a replay: it asked for something else than when it was recorded.
    #[error("the component asks for something else than it did when it was recorded")]
    Differs,
    /// It called itself too deep.
    #[error("the component's call stack is exhausted")]
    StackOverflow,
    /// It trapped; what for, without frames and without anything of the host's.
    #[error("the component trapped: {0}")]
    Trapped(String),
}

impl Stop {
    /// What `error`, which instantiating a component or calling it returned, was about. `host` tells whether a memory or
    /// table was refused its growth: a guest that does not get memory aborts, and the abort alone says nothing.
    pub fn of(error: &wasmtime::Error, host: &Host) -> Self {
        if let Some(stop) = error.downcast_ref::<Self>() {
            return stop.clone();
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
            return Self::Limit(Limit::Handles);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => return Self::Limit(Limit::Fuel),
            Some(Trap::Interrupt) => return Self::Limit(Limit::Time),
            Some(Trap::StackOverflow) => return Self::StackOverflow,
            _ => {}
        }
        if let Some(limit) = host.meter.refused() {
            return Self::Limit(limit);
        }
        // wasmtime has no type for this one; a test fails if the text changes.
        let text = error.root_cause().to_string();
        if text.contains("store handle limit exceeded") {
            return Self::Limit(Limit::Handles);
        }
        Self::Trapped(text.trim_start_matches("wasm trap: ").chars().take(TRAP_TEXT_MAX).collect())
    }
}
