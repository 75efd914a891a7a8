//! Approvals: what a person is asked before a step, and the answer, bound to exactly what was shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::label::Label;
use crate::name::Name;

/// How long an approval can be used.
const APPROVAL_TIME: Duration = Duration::from_secs(600);

/// Something that no rule refuses, and that a person has to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The step.
    pub step: Name,
    /// The capability that it calls.
    pub capability: Name,
    /// JSON pointer into the plan: the step itself, or a value in its arguments.
    pub at: String,
    /// Whose choice it would let through; empty where each call is asked.
    pub origins: BTreeSet<Name>,
    /// The step's arguments, with references to steps that have not run.
    pub arguments: Arc<BTreeMap<String, Value>>,
    /// What each argument carries.
    pub labels: Arc<BTreeMap<String, Label>>,
    /// The arguments that are not all known, each with a step whose output is missing. None once the step starts.
    pub open: Arc<BTreeMap<String, Name>>,
    /// The policy's line that asks.
    pub line: usize,
    /// What the answer is for: digest of policy, session, plan, step and arguments.
    pub(crate) subject: [u8; 32],
}

/// A person's yes to a step, as it was shown. It is used once: the session that it is for changes when its step starts.
///
/// It satisfies no `accepts`, and changes no label (rule 10).
#[derive(Debug)]
pub struct Approval {
    pub(crate) subject: [u8; 32],
    pub(crate) until: SystemTime,
}

impl Question {
    /// What an answer is bound to: the digest of policy, session, plan, step and arguments.
    pub fn subject(&self) -> String {
        crate::digest::digest_text(&self.subject)
    }

    /// The answer yes, given at `now`. It covers every question of the same step.
    pub fn approve(&self, now: SystemTime) -> Approval {
        Approval { subject: self.subject, until: now + APPROVAL_TIME }
    }
}

/// What an approval of a step is for.
pub(crate) fn subject(policy: &str, session: &[u8; 32], plan: &[u8; 32], step: &Name, arguments: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [policy.as_bytes(), session, plan, step.as_str().as_bytes(), arguments.to_string().as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
