//! What a planner was asked and said, what it was told, and what a person allowed: the events of a session that has a task.

use claw_policy::Label;
use serde::{Deserialize, Serialize};

use crate::stored::Stored;

/// A planner is asked for its next reply. What it is given is the system text, each text and reply before, and this text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// The planner's name, as the user chose it.
    pub planner: String,
    /// Unix time in milliseconds.
    pub time: u64,
    /// The rules, and what may be called; left out where it is what the prompt before had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Stored>,
    /// The JSON schema of a reply; left out where it is what the prompt before had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Stored>,
    /// What is new: the task, or what came of the last reply.
    pub text: Stored,
}

/// What the planner said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reply {
    /// Unix time in milliseconds.
    pub time: u64,
    /// Its words.
    pub text: Stored,
    /// Whether it stopped before its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Tokens of the prompt, where they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// Tokens of the reply, where they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_tokens: Option<u64>,
}

/// There is no reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoReply {
    /// Unix time in milliseconds.
    pub time: u64,
    /// The kind: `failed`, `too-large`, `timed-out`, `interrupted`.
    pub kind: String,
    /// In words.
    pub message: String,
}

/// What the planner gets to know of a step (rules 7 and 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosed {
    /// The step.
    pub step: String,
    /// How much of it.
    pub told: Told,
    /// All that the planner has been shown, with this.
    pub context: Label,
}

/// How much a planner gets to know of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Its output, or its failure.
    Shown,
    /// Whether it succeeded.
    Handle,
    /// Nothing that has happened.
    Silent,
}

/// A person said yes to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The step.
    pub step: String,
    /// What it is bound to: the digest of policy, session, plan, step and arguments.
    pub subject: String,
    /// How it was given.
    pub by: ApprovedBy,
    /// Unix time in milliseconds.
    pub time: u64,
}

/// How an approval was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovedBy {
    /// At a terminal.
    Terminal,
    /// By a file that was prepared.
    File,
}

/// How a session with a planner came to its end: its last word before the seal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Why.
    pub why: Why,
    /// In words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The answer, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Stored>,
}

/// Why a session with a planner ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The planner gave an answer.
    Answered,
    /// What it said was no plan, again and again.
    NoPlan,
    /// A plan was refused, and it was not to mend it.
    Refused,
    /// A rule stopped a plan while it ran.
    Halted,
    /// All its rounds were used.
    Rounds,
    /// Its tokens were used up.
    Tokens,
    /// Its time was up.
    Time,
    /// The record is full.
    Log,
    /// A step failed, and the planner may not know it.
    Silent,
    /// The planner did not reply.
    Planner,
    /// Its user stopped it.
    Interrupted,
}

impl Why {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoPlan => "no-plan",
            Self::Refused => "refused",
            Self::Halted => "halted",
            Self::Rounds => "rounds",
            Self::Tokens => "tokens",
            Self::Time => "time",
            Self::Log => "log",
            Self::Silent => "silent",
            Self::Planner => "planner",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<&claw_policy::Disclosure> for Told {
    fn from(disclosure: &claw_policy::Disclosure) -> Self {
        match disclosure {
            claw_policy::Disclosure::Shown(_) => Self::Shown,
            claw_policy::Disclosure::Handle { .. } => Self::Handle,
            claw_policy::Disclosure::Silent(_) => Self::Silent,
        }
    }
}

/// What a replay does not do again: it stands as it is recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The planner is asked.
    Prompt(Prompt),
    /// It replied.
    Reply(Reply),
    /// It did not.
    NoReply(NoReply),
    /// The session ends.
    Ended(Ended),
}
