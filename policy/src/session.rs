//! A session: what is given and what has happened, as one value that only grows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fault::Violation;
use crate::json::{self, Bounds};
use crate::label::{Label, Origin};
use crate::name::Name;
use crate::policy::Policy;
use crate::schema::JsonType;
use crate::types::Type;

/// A run, from its inputs on. It has no `Clone`: two plans checked against one session cannot both run.
#[derive(Debug)]
pub struct Session {
    pub(crate) policy: String,
    pub(crate) inputs: BTreeMap<Name, Bound>,
    pub(crate) steps: BTreeMap<Name, PastStep>,
    pub(crate) calls: BTreeMap<Name, u64>,
    pub(crate) steps_started: u64,
    pub(crate) written: u64,
    pub(crate) files: u64,
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

/// A step that has run.
#[derive(Debug)]
pub(crate) struct PastStep {
    pub(crate) ty: Option<Type>,
    pub(crate) label: Label,
    /// `None` when the step failed.
    pub(crate) value: Option<Value>,
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
        let mut session = Self {
            policy: policy.digest.clone(),
            inputs,
            steps: BTreeMap::new(),
            calls: BTreeMap::new(),
            steps_started: 0,
            written: 0,
            files: 0,
            state: [0; 32],
        };
        let opened = serde_json::to_vec(&(&session.policy, &session.inputs)).unwrap_or_default();
        session.grow(&[b"open", &opened]);
        Ok(session)
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
        let value = past.value.as_ref().map(Value::to_string).unwrap_or_default();
        let outcome: &[u8] = if past.value.is_some() { b"done" } else { b"failed" };
        self.grow(&[
            outcome,
            id.as_str().as_bytes(),
            value.as_bytes(),
            &self.written.to_be_bytes(),
            &self.files.to_be_bytes(),
        ]);
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
            json::read(given.text.as_bytes(), bounds).map_err(|faults| {
                let faults: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
                refuse(
                    "input.schema",
                    format!("the input `{name}` is read as JSON: {}", faults.join("; ")),
                    "give a JSON value",
                )
            })?
        }
    };
    if value.to_string().len() as u64 > policy.limits.argument_bytes {
        let message = format!("the input `{name}` is over {} bytes", policy.limits.argument_bytes);
        return Err(refuse("limit.argument-bytes", message, "the policy's `[limits] argument-bytes` bounds it"));
    }
    if let Err(faults) = input.schema.validate(&value) {
        let violations = faults.into_iter().map(|fault| {
            Violation::new("input.schema", "", format!("the input `{name}`: {}", fault.message))
                .help("the policy's schema for this input refuses it")
                .line(input.line)
        });
        return Err(violations.collect());
    }
    let origin = if given.from_file { Origin::File } else { Origin::User };
    let origin = input.origin.clone().unwrap_or_else(|| Label::of(origin).origin);
    Ok((name.clone(), Bound { value, label: Label { secrecy: input.secrecy.clone(), origin } }))
}
