//! A session: what is given and what has happened, as one value that only grows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::approval::Approval;
use crate::digest::digest_of_value;
use crate::fault::{Refusal, Violation};
use crate::json::{self, Bounds};
use crate::label::Label;
use crate::name::Name;
use crate::policy::Policy;
use crate::recorded::to_record;
use crate::schema::JsonType;
use crate::typed::TaskText;
use crate::types::Type;

/// A run, from its inputs on. It has no `Clone`: two plans checked against one session cannot both run.
#[derive(Debug)]
pub struct Session {
    pub(crate) policy: String,
    pub(crate) inputs: BTreeMap<Name, Bound>,
    /// What the user asked for in words, where it was words.
    pub(crate) task: Option<TaskText>,
    pub(crate) steps: BTreeMap<Name, PastStep>,
    pub(crate) calls: BTreeMap<Name, u64>,
    pub(crate) steps_started: u64,
    pub(crate) written: u64,
    pub(crate) files: u64,
    /// What the planner has been shown: its choices from then on can tell it, and be steered by it (rule 7).
    pub(crate) context: Label,
    /// The secrecy of all steps.
    pub(crate) secrecy: BTreeSet<Name>,
    /// The capabilities of which a step is done, or may be as far as the planner has been told.
    pub(crate) done: BTreeSet<Name>,
    /// A person's answers. They are no part of the digest, which they are bound to.
    pub(crate) approvals: Vec<Approval>,
    /// Digest of all of the above. INVARIANT: changed by everything that changes them.
    state: [u8; 32],
}

/// What a user binds to an input.
#[derive(Clone, Debug)]
pub struct Given {
    /// The text.
    pub text: String,
    /// Whether the text was read from a file; its origin is then `file`.
    pub from_file: bool,
}

/// An input that is bound.
#[derive(Debug, Serialize)]
pub struct Bound {
    /// Its value.
    pub value: Value,
    /// Its label.
    pub label: Label,
}

/// What the planner gets to know of a step (rules 7 and 8).
#[derive(Clone, Debug, PartialEq)]
pub enum Disclosure {
    /// Its output, or that it failed: the capability is one that it is shown.
    Shown(Option<Value>),
    /// Whether it succeeded, and the type of what it put out.
    Handle {
        /// Whether it succeeded.
        succeeded: bool,
        /// The type, as far as it is known before any run.
        ty: Option<Type>,
    },
    /// The type of what it puts out, and nothing of what happened.
    Silent(Option<Type>),
}

/// A step that has run.
#[derive(Debug)]
pub(crate) struct PastStep {
    pub(crate) capability: Name,
    pub(crate) ty: Option<Type>,
    pub(crate) label: Label,
    /// Whether nobody but the policy and the user chose its arguments, so that its endorsements count.
    pub(crate) endorses: bool,
    /// `None` when the step failed.
    pub(crate) value: Option<Value>,
    /// Whether the planner has been told if it succeeded. Until then a check must not tell it either.
    pub(crate) told: bool,
}

impl Session {
    /// A session in which nothing has happened.
    ///
    /// # Errors
    /// Each input that the policy does not declare, or that is outside its schema.
    pub fn open(policy: &Policy, given: BTreeMap<String, Given>) -> Result<Self, Vec<Violation>> {
        let (mut inputs, mut violations) = (BTreeMap::new(), Vec::new());
        for (name, given) in given {
            match bind(policy, &name, given) {
                Ok((name, bound)) => {
                    inputs.insert(name, bound);
                }
                Err(mut found) => violations.append(&mut found),
            }
        }
        if !violations.is_empty() {
            return Err(violations);
        }
        let mut session = Self::empty(policy);
        session.inputs = inputs;
        let opened = serde_json::to_vec(&(&session.policy, &session.inputs)).unwrap_or_default();
        session.grow(&[b"open", &opened]);
        Ok(session)
    }

    fn empty(policy: &Policy) -> Self {
        Self {
            policy: policy.identity(),
            inputs: BTreeMap::new(),
            task: None,
            steps: BTreeMap::new(),
            calls: BTreeMap::new(),
            steps_started: 0,
            written: 0,
            files: 0,
            context: Label::default(),
            secrecy: BTreeSet::new(),
            done: BTreeSet::new(),
            approvals: Vec::new(),
            state: [0; 32],
        }
    }

    /// The session of a task that its user typed: what of it a plan repeats whole is the user's word.
    #[must_use]
    pub fn with_task(mut self, task: TaskText) -> Self {
        self.grow(&[b"task", task.text().as_bytes()]);
        self.task = Some(task);
        self
    }

    /// The task that its user typed.
    pub fn task(&self) -> Option<&TaskText> {
        self.task.as_ref()
    }

    /// The session of a planner that remembers what earlier sessions have shown it.
    ///
    /// # Errors
    /// More than this policy could have shown it: what is proved of the policy would not hold.
    pub fn with_context(mut self, policy: &Policy, context: &Label) -> Result<Self, Refusal> {
        let most = &policy.flows.context;
        if self.policy != policy.identity() {
            return Err(Violation::new("session.policy", "", "the session was opened under another policy").into());
        }
        if !context.secrecy.is_subset(&most.secrecy) || !context.origin.is_subset(&most.origin) {
            let message = format!("the planner remembers what is {context}, which is more than this policy shows");
            let help = "let the planner forget, and start anew";
            return Err(Violation::new("planner.context", "", message).help(help).into());
        }
        // A planner that was shown nothing is as good as one that forgets, in the digest too.
        if *context != Label::default() {
            self.join_context(context);
        }
        Ok(self)
    }

    /// What the planner has been shown.
    pub fn context(&self) -> &Label {
        &self.context
    }

    /// Takes a person's answer. It counts for the one step that it is bound to, until it expires.
    pub fn approve(&mut self, approval: Approval) {
        self.approvals.push(approval);
    }

    /// What the planner may know of a step that has run; what it gets to know joins the context.
    ///
    /// `None` where there is no such step, or the session is another policy's.
    pub fn disclose(&mut self, policy: &Policy, step: &Name) -> Option<Disclosure> {
        let past = self.steps.get(step).filter(|_| self.policy == policy.identity())?;
        let accepts = &policy.planner.accepts;
        let silent = policy.order.strict && !self.secrecy.is_subset(accepts);
        if silent || !past.label.secrecy.is_subset(accepts) {
            return Some(Disclosure::Silent(past.ty.clone()));
        }
        let disclosure = if policy.planner.shows.contains(&past.capability) {
            Disclosure::Shown(past.value.clone())
        } else {
            Disclosure::Handle { succeeded: past.value.is_some(), ty: past.ty.clone() }
        };
        let label = past.label.clone();
        self.join_context(&label);
        if let Some(past) = self.steps.get_mut(step) {
            past.told = true;
        }
        let done = self.steps.values().filter(|past| past.value.is_some() || !past.told);
        self.done = done.map(|past| past.capability.clone()).collect();
        Some(disclosure)
    }

    fn join_context(&mut self, label: &Label) {
        self.context.join(label);
        let context = serde_json::to_vec(&self.context).unwrap_or_default();
        self.grow(&[b"context", &context]);
    }

    /// A session in which every input is bound to something that its schema allows, as far as that can be found.
    pub(crate) fn supposing(policy: &Policy) -> Self {
        let mut session = Self::empty(policy);
        for (name, input) in &policy.inputs {
            let value = crate::sample::sample(&input.schema.bound_type(), &input.schema).unwrap_or_default();
            session.inputs.insert(name.clone(), Bound { value, label: input.label(false) });
        }
        session
    }

    /// The inputs that are bound.
    pub fn inputs(&self) -> &BTreeMap<Name, Bound> {
        &self.inputs
    }

    /// The digest of everything that is given and has happened.
    pub fn state(&self) -> [u8; 32] {
        self.state
    }

    pub(crate) fn start_step(&mut self, id: &Name, capability: &Name) {
        self.steps_started += 1;
        *self.calls.entry(capability.clone()).or_default() += 1;
        self.grow(&[b"step", id.as_str().as_bytes(), capability.as_str().as_bytes()]);
    }

    pub(crate) fn end_step(&mut self, id: Name, past: PastStep, written: u64, files: u64) {
        self.written = self.written.saturating_add(written);
        self.files = self.files.saturating_add(files);
        let value = past.value.as_ref().map(digest_of_value).unwrap_or_default();
        let outcome: &[u8] = if past.value.is_some() { b"done" } else { b"failed" };
        self.grow(&[outcome, id.as_str().as_bytes(), &value, &self.written.to_be_bytes(), &self.files.to_be_bytes()]);
        self.secrecy.extend(past.label.secrecy.iter().cloned());
        self.done.insert(past.capability.clone());
        self.steps.insert(id, past);
    }

    /// Takes `parts` into the digest, each with its length, so that no two lists of parts are one.
    fn grow(&mut self, parts: &[&[u8]]) {
        let mut hash = Sha256::new();
        hash.update(self.state);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        self.state = hash.finalize().into();
    }
}

fn bind(policy: &Policy, name: &str, given: Given) -> Result<(Name, Bound), Vec<Violation>> {
    let refuse = |rule, message: String, help: &str| vec![Violation::new(rule, "", message).help(help)];
    let shown = crate::printable::printable(name);
    let Some((name, input)) = policy.inputs.get_key_value(name) else {
        let known = crate::label::listed(policy.inputs.keys(), "none");
        return Err(refuse(
            "input.unknown",
            format!("the policy declares no input `{shown}`; it declares {known}"),
            "declare it as `[input.NAME]`",
        ));
    };
    let value = match input.schema.json_type {
        None | Some(JsonType::String) => Value::String(given.text),
        Some(_) => {
            let bounds = Bounds { bytes: policy.limits.argument_bytes, depth: policy.limits.plan_depth };
            let mut value = json::read(given.text.as_bytes(), bounds).map_err(|faults| {
                let faults: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
                refuse(
                    "input.schema",
                    format!("the input `{name}` is read as JSON: {}", faults.join("; ")),
                    "give a JSON value",
                )
            })?;
            // A whole integer is read from its digits again, however a record has it.
            if !(value.is_i64() || value.is_u64()) {
                to_record(&mut value);
            }
            value
        }
    };
    if value.to_string().len() as u64 > policy.limits.argument_bytes {
        let message = format!("the input `{name}` is over {} bytes", policy.limits.argument_bytes);
        return Err(refuse("limit.argument-bytes", message, "the policy's `[limits] argument-bytes` bounds it"));
    }
    let schemas = std::iter::once(&input.schema).chain(&input.narrowed);
    let faults: Vec<_> = schemas.filter_map(|schema| schema.validate(&value).err()).flatten().collect();
    if !faults.is_empty() {
        let violations = faults.into_iter().map(|fault| {
            Violation::new("input.schema", "", format!("the input `{name}`: {}", fault.message))
                .help("the policy's schema for this input refuses it")
                .line(input.line)
        });
        return Err(violations.collect());
    }
    Ok((name.clone(), Bound { value, label: input.label(given.from_file) }))
}
