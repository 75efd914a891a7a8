//! The events of a run: a closed list, each one line of the log.

use std::collections::BTreeMap;

use claw_policy::{Catalogue, Label, Narrowing};
use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::said::{Approval, Disclosed, Ended, NoReply, Prompt, Reply, Said};
use crate::stored::Stored;

/// Something that was decided or that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A run begins: everything that its verdicts depend on.
    Open {
        /// The run's id, which is its folder's name too.
        run: String,
        /// Unix time in milliseconds.
        time: u64,
        /// The checkpoint of the machine's log once it had opened this run, signed.
        machine: String,
        /// The policy's text.
        policy: Stored,
        /// What it is narrowed to.
        #[serde(default, skip_serializing_if = "Narrowing::is_none")]
        narrowing: Narrowing,
        /// What is known of its components, of which of its folders overlap, and of the plans of its tests.
        catalogue: Catalogue,
        /// What the user bound.
        inputs: BTreeMap<String, Input>,
        /// The task that the user typed, where a planner makes the plans.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<Stored>,
        /// What a planner that remembers has been shown by earlier sessions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<Box<Label>>,
        /// What runs it.
        host: Host,
        /// SHA-256 of the seed of all randomness in the run; the seed itself is a blob, left out of exports.
        seed: String,
    },
    /// A planner is asked.
    Prompt(Prompt),
    /// It replied.
    Reply(Reply),
    /// It did not.
    NoReply(NoReply),
    /// A plan as it was received.
    Plan {
        /// Its text.
        text: Stored,
        /// Whether that is the base64 of a text that is not UTF-8: shown any other way, it could be a plan.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        base64: bool,
    },
    /// What was decided on the plan.
    Verdict {
        /// Accepted or refused.
        verdict: Verdict,
        /// Unix time in milliseconds.
        time: u64,
        /// Every violation, where it was refused.
        violations: Vec<Violation>,
        /// Each step's label, where it was accepted.
        steps: Vec<StepLabel>,
    },
    /// A step starts. Where it could have an effect, this is on disk before it has one.
    Step {
        /// Its id.
        step: String,
        /// The capability that it calls.
        capability: String,
        /// Its arguments, resolved.
        arguments: Stored,
        /// What its output will carry.
        label: Label,
        /// The grants that it holds.
        grants: Vec<String>,
        /// The base of the step's clock: unix time in milliseconds.
        clock: u64,
    },
    /// A request that the parent sent for a component, or did not send. It is not the worker's word.
    Exchange(Exchange),
    /// A call that a component made to the host, with authority.
    Call(Call),
    /// A step is done.
    Done {
        /// Its id.
        step: String,
        /// Its output.
        output: Stored,
        /// What the output carries.
        label: Label,
        /// What it used.
        usage: Usage,
        /// What each of its calls was answered, in their order: what a replay answers them with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tape: Option<Stored>,
    },
    /// A step failed. Nothing after it starts.
    Failed {
        /// Its id.
        step: String,
        /// Why.
        reason: FailureReason,
        /// What it used.
        usage: Usage,
        /// As for a step that is done; none where the worker did not live to tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tape: Option<Stored>,
    },
    /// The run stops here, by a rule.
    Halt(Halt),
    /// A person allows a step of the plan before, which is then received again.
    Approval(Approval),
    /// The planner gets to know of a step.
    Disclosed(Disclosed),
    /// A session with a planner ends.
    Ended(Ended),
    /// The run is over.
    Seal {
        /// How it ended.
        status: Status,
        /// Unix time in milliseconds.
        time: u64,
        /// Where the run was cut off and the next start sealed it: the bytes of a torn last line, which are not here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<u64>,
    },
}

impl Event {
    /// The line that it is in a log, without a line feed: two events that are the same have the same line.
    ///
    /// # Errors
    /// What has no JSON.
    pub fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = Vec::new();
        canonical::write(self, &mut line)?;
        Ok(line)
    }

    /// Its name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Prompt(_) => "prompt",
            Self::Reply(_) => "reply",
            Self::NoReply(_) => "no-reply",
            Self::Plan { .. } => "plan",
            Self::Verdict { .. } => "verdict",
            Self::Step { .. } => "step",
            Self::Exchange(_) => "exchange",
            Self::Call(_) => "call",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Halt(_) => "halt",
            Self::Approval(_) => "approval",
            Self::Disclosed(_) => "disclosed",
            Self::Ended(_) => "ended",
            Self::Seal { .. } => "seal",
        }
    }
}

impl From<Said> for Event {
    fn from(said: Said) -> Self {
        match said {
            Said::Prompt(prompt) => Self::Prompt(prompt),
            Said::Reply(reply) => Self::Reply(reply),
            Said::NoReply(none) => Self::NoReply(none),
            Said::Ended(ended) => Self::Ended(ended),
        }
    }
}

/// The digests of the blobs that an event refers to.
pub(crate) fn digests(event: &Event) -> impl Iterator<Item = &str> {
    let (mut stored, mut plain): (Vec<&Stored>, Option<&str>) = (Vec::new(), None);
    match event {
        Event::Open { policy, inputs, task, seed, .. } => {
            stored.push(policy);
            stored.extend(inputs.values().map(|input| &input.value).chain(task));
            plain = Some(seed);
        }
        Event::Prompt(Prompt { system, schema, text, .. }) => {
            stored.extend([text].into_iter().chain(system).chain(schema))
        }
        Event::Plan { text, .. } | Event::Reply(Reply { text, .. }) => stored.push(text),
        Event::Step { arguments, .. } => stored.push(arguments),
        Event::Done { output, tape, .. } => stored.extend([output].into_iter().chain(tape)),
        Event::Failed { tape, .. } => stored.extend(tape),
        Event::Ended(Ended { answer, .. }) => stored.extend(answer),
        Event::Exchange(Exchange { response: Some(Response { head, body }), .. }) => stored.extend([head, body]),
        Event::Verdict { .. } | Event::Exchange(_) | Event::Call(_) | Event::Halt(_) | Event::Seal { .. } => {}
        Event::NoReply(_) | Event::Approval(_) | Event::Disclosed(_) => {}
    }
    let blobs = stored.into_iter().filter_map(|stored| match stored {
        Stored::Blob(digest) | Stored::Raw(digest) => Some(digest.as_str()),
        Stored::Inline(_) => None,
    });
    blobs.chain(plain)
}

/// An input that is bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its value.
    pub value: Stored,
    /// Its label.
    pub label: Label,
}

/// What runs a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// claw's version.
    pub claw: String,
    /// The digest of the engine's settings, which compiled components depend on.
    pub engine: String,
    /// The operating system and processor.
    pub platform: String,
}

/// Whether a plan may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may.
    Accepted,
    /// No rule refuses it, but a person has to be asked.
    NeedsApproval,
    /// It may not, and nothing of it has run.
    Refused,
}

/// A violation, as [`claw_policy::Violation`] has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// The rule.
    pub rule: String,
    /// The step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// JSON pointer into the plan.
    pub at: String,
    /// What is refused.
    pub message: String,
    /// The policy's line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl From<&claw_policy::Violation> for Violation {
    fn from(violation: &claw_policy::Violation) -> Self {
        Self {
            rule: violation.rule.to_owned(),
            step: violation.step.clone(),
            at: violation.at.clone(),
            message: violation.message.clone(),
            line: violation.line,
        }
    }
}

/// A step of an accepted plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLabel {
    /// Its id.
    pub step: String,
    /// Its capability.
    pub capability: String,
    /// What its output will carry.
    pub label: Label,
}

/// A call of a component to the host. It is the worker's word: the parent did not see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The step that made it.
    pub step: String,
    /// `interface#function`.
    pub function: String,
    /// The digest of all that it was asked with: paths, flags, numbers, and the bytes to be written.
    pub arguments: String,
    /// The path that it is about, as the guest sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The other path of a rename or a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Bytes read or written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `ok`, or the error's name.
    pub outcome: String,
}

/// A request, as the parent saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The step that asked for it.
    pub step: String,
    /// Its method, as it was asked for.
    pub method: String,
    /// Its URL, as it was asked for.
    pub url: String,
    /// Bytes of its body.
    pub sent: u64,
    /// The digest of its body.
    pub body: String,
    /// The grant that allowed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The address and port that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes of the response's body.
    pub received: u64,
    /// What the component was given of the response; nothing where there was none, where the component ended before, or where
    /// the step's limit `tape` or the log's was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// `ok`, or why there was no response: more than the component was told.
    pub outcome: String,
}

/// A response as a component was given it, secrets replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Its status, and its headers: each name with its value in base64.
    pub head: Stored,
    /// The bytes of its body.
    pub body: Stored,
}

/// What a step used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Usage {
    /// Units of fuel.
    pub fuel: u64,
    /// Peak bytes of its memories.
    pub memory: u64,
    /// Bytes written to files.
    pub written: u64,
    /// Files and folders made.
    pub files: u64,
    /// Calls with authority that are not on record, since there were too many.
    pub calls_left_out: u64,
    /// Wall time in microseconds, as the parent saw it.
    pub micros: u64,
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureReason {
    /// The kind: `capability`, `trap`, `limit.<name>`, `worker`, `output`.
    pub kind: String,
    /// In words.
    pub message: String,
}

impl FailureReason {
    /// Whether it is that of a worker that did not live to tell what its step used: then all that it was allowed counts.
    pub fn is_untold(&self, usage: &Usage) -> bool {
        usage.fuel == 0 && matches!(self.kind.as_str(), "worker" | "limit.time" | "interrupted")
    }
}

/// Why a run halted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    /// The step that did not start, or was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The rules that halted it.
    pub violations: Vec<Violation>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every step is done.
    Completed,
    /// The plan was refused, and nothing ran.
    Refused,
    /// A step failed.
    Failed,
    /// A rule stopped it while it ran.
    Halted,
    /// Its user stopped it, or it was cut off.
    Interrupted,
}

impl Status {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Halted => "halted",
            Self::Interrupted => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_worker_that_died_leaves_untold_what_it_used() {
        let died = |kind: &str, fuel| {
            let reason = FailureReason { kind: kind.to_owned(), message: String::new() };
            reason.is_untold(&Usage { fuel, ..Usage::default() })
        };
        assert!(["worker", "limit.time", "interrupted"].iter().all(|kind| died(kind, 0) && !died(kind, 1)));
        // One that lives can say that it used none.
        assert!(["trap", "capability", "limit.fuel"].iter().all(|kind| !died(kind, 0)));
    }
}
