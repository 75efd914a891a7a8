//! The door: a plan against a policy and a session. What passes is a [`ValidatedPlan`], and nothing else makes one.

mod arguments;
mod holds;
mod order;
mod questions;
mod sinks;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crate::approval::Question;
use crate::capability::Capability;
use crate::fault::{Refusal, Violation, Violations};
use crate::json::{with_index, with_key};
use crate::label::{Label, Origin, listed};
use crate::name::Name;
use crate::plan::{Plan, Reference, Step};
use crate::policy::Policy;
use crate::session::Session;
use crate::types::Type;

pub(crate) use holds::{json_length, too_deep, too_long, too_many_bytes, undescribed, value_violations};
pub use survey::{Ask, Survey, SurveyedStep};

/// A plan that a policy allows, for one session: the only key to the runtime.
///
/// INVARIANT: made by [`Policy::check`] alone. Its fields are private, it is neither `Clone` nor `Deserialize`, and what
/// runs it takes it by value.
#[derive(Debug)]
pub struct ValidatedPlan {
    pub(crate) policy: Arc<Policy>,
    pub(crate) steps: Vec<ValidatedStep>,
    pub(crate) answer: Option<Reference>,
    pub(crate) session_state: [u8; 32],
    checked_at: SystemTime,
}

/// A step of a validated plan: what it calls, with what, and what its output will carry.
#[derive(Debug)]
pub struct ValidatedStep {
    pub(crate) id: Name,
    pub(crate) capability: Name,
    /// By name, in the order of names.
    pub(crate) arguments: Vec<(String, Template)>,
    pub(crate) label: Label,
    /// Whether nobody but the policy and the user chose its arguments.
    pub(crate) endorses: bool,
    /// What a person was asked of it while its arguments were not all known, and said yes to.
    pub(crate) asks: Vec<Question>,
}

/// An argument with everything put in that is known before the plan runs.
#[derive(Debug)]
pub(crate) enum Template {
    Value(Value),
    /// The value of an input, which a refusal does not describe.
    Input(Value),
    Array(Vec<Template>),
    Object(BTreeMap<String, Template>),
    Output(Reference),
}

impl ValidatedPlan {
    /// The steps, in order.
    pub fn steps(&self) -> &[ValidatedStep] {
        &self.steps
    }

    /// The policy that allowed it.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// When it was allowed.
    pub fn checked_at(&self) -> SystemTime {
        self.checked_at
    }
}

impl ValidatedStep {
    /// Its id.
    pub fn id(&self) -> &Name {
        &self.id
    }

    /// The capability that it calls.
    pub fn capability(&self) -> &Name {
        &self.capability
    }

    /// What its output carries, and also whether it succeeds.
    pub fn label(&self) -> &Label {
        &self.label
    }
}

impl Policy {
    /// Decides on a whole plan.
    ///
    /// Labels of all steps are known before anything runs, since a plan is a straight line with explicit references
    /// (Denning & Denning, 1977); so a forbidden flow refuses the plan, and nothing of it has happened.
    ///
    /// # Errors
    /// Every violation.
    pub fn check(self: &Arc<Self>, session: &Session, plan: Plan, now: SystemTime) -> Result<ValidatedPlan, Refusal> {
        let Plan { steps, answer } = plan;
        let ids: Vec<Name> = steps.iter().map(|step| step.id.clone()).collect();
        let mut checking = Checking::of(self, session, &ids);
        for (index, step) in steps.into_iter().enumerate() {
            checking.step(step, index);
        }
        if let Some(reference) = &answer {
            checking.answer(reference);
        }
        let questions = checking.questions(answer.as_ref(), now);
        let Checking { violations, validated, .. } = checking;
        Refusal::of(violations, questions)?;
        Ok(ValidatedPlan {
            policy: Arc::clone(self),
            steps: validated,
            answer,
            session_state: session.state(),
            checked_at: now,
        })
    }
}

struct Checking<'p> {
    policy: &'p Policy,
    session: &'p Session,
    /// The steps before this one, in the plan, each with its place in `validated`.
    known: BTreeMap<Name, Option<usize>>,
    /// Those of them whose capability there is.
    validated: Vec<ValidatedStep>,
    /// All ids of the plan, to tell a forward reference from an unknown one.
    ids: &'p [Name],
    violations: Violations,
    /// Whether a part of the argument at hand was refused, and is missing.
    incomplete: bool,
    /// The bytes that inputs may still bring into the argument at hand.
    bytes_left: u64,
    /// What a literal of the plan carries.
    literal: Label,
    /// The capabilities of the steps before this one, in the plan.
    earlier: BTreeSet<Name>,
    /// The secrecy of the steps before this one, in the plan.
    secrets: BTreeSet<Name>,
    /// The calls of each capability in the plan by now.
    calls: BTreeMap<Name, u64>,
    /// Values that a person has to be asked about: step, place, origins, line.
    asked: Vec<Asked>,
}

/// A value, or a call, that no rule refuses once a person has said so.
#[derive(Default)]
struct Asked {
    step: usize,
    at: String,
    origins: BTreeSet<Name>,
    /// What each argument of the step carries.
    labels: BTreeMap<String, Label>,
    line: usize,
}

/// Rule 2: what the planner says is its own choice, and that of everything that it has been shown.
fn literal_label(session: &Session) -> Label {
    let mut label = Label::of(Origin::Planner);
    label.origin.extend(session.context.origin.iter().cloned());
    label
}

/// What is known of an output before it is there.
struct KnownOutput<'k> {
    capability: &'k Name,
    ty: Option<&'k Type>,
    label: &'k Label,
    endorses: bool,
}

impl<'p> Checking<'p> {
    fn of(policy: &'p Policy, session: &'p Session, ids: &'p [Name]) -> Self {
        let mut checking = Self {
            policy,
            session,
            known: BTreeMap::new(),
            validated: Vec::with_capacity(ids.len()),
            violations: Violations::default(),
            incomplete: false,
            bytes_left: 0,
            ids,
            literal: literal_label(session),
            earlier: BTreeSet::new(),
            secrets: BTreeSet::new(),
            calls: BTreeMap::new(),
            asked: Vec::new(),
        };
        if session.policy != policy.identity() {
            let message = "the session was opened under another policy";
            checking.violations.push(Violation::new("session.policy", "", message));
        }
        checking
    }

    fn step(&mut self, step: Step, index: usize) {
        let at = with_index("/steps", index);
        let (before, asked) = (self.violations.len(), self.asked.len());
        self.budget(&step.id, index, &at);
        let validated = self.validated_step(&step, &at);
        for violation in self.violations.since(before) {
            violation.step.get_or_insert_with(|| step.id.to_string());
        }
        for asked in self.asked.iter_mut().skip(asked) {
            asked.step = index;
        }
        self.known.insert(step.id, validated.is_some().then_some(self.validated.len()));
        self.earlier.insert(step.capability);
        if let Some(step) = validated {
            self.secrets.extend(step.label.secrecy.iter().cloned());
            self.validated.push(step);
        }
    }

    fn validated_step(&mut self, step: &Step, at: &str) -> Option<ValidatedStep> {
        let policy = self.policy;
        if self.session.steps.contains_key(&step.id) {
            let message = format!("the id `{}` is an earlier step's of this session", step.id);
            self.violations.push(
                Violation::new("plan.duplicate-id", with_key(at, "id"), message)
                    .help("give each step an id of its own"),
            );
        }
        let Some(capability) = policy.capabilities.get(&step.capability) else {
            let message = format!(
                "the policy has no capability `{}`; it has {}",
                step.capability,
                listed(policy.capabilities.keys(), "none")
            );
            let help = match policy.narrowing.is_none() {
                true => format!("`[capability.{}]` with a component would add it, for every plan", step.capability),
                false => "this run keeps a part of the policy: see `--only` and `--task`".to_owned(),
            };
            self.violations.push(Violation::new("capability.unknown", with_key(at, "capability"), message).help(help));
            return None;
        };
        let place = with_key(at, "arguments");
        self.call_budget(&step.capability, capability, at);
        self.order(&step.capability, at);
        let asked = self.asked.len();
        let (arguments, labels) = self.arguments(step, capability, &place);
        self.sinks(capability, &labels, at);
        self.strict(capability, at);
        let mut label = Label::default();
        for argument in labels.values() {
            label.join(argument);
        }
        let bound = |origin: &Name| matches!(origin.as_str(), "policy" | "user");
        let endorses = label.origin.iter().all(bound);
        if let Some(flow) = policy.flows.capabilities.get(&step.capability) {
            label.join(&flow.reads);
        }
        // That this step comes at all, when, and how often, is the choice of whoever has been shown the context.
        label.secrecy.extend(self.session.context.secrecy.iter().cloned());
        if capability.asks {
            self.asked.push(Asked { at: at.to_owned(), line: capability.line, ..Asked::default() });
        }
        // Few steps ask, so only they keep the label of each argument; once, for all that is asked of the step.
        let mut asked: Vec<&mut Asked> = self.asked.iter_mut().skip(asked).collect();
        asked.sort_by(|a, b| a.at.cmp(&b.at));
        if let Some(first) = asked.first_mut() {
            first.labels = labels.clone();
        }
        let (id, capability) = (step.id.clone(), step.capability.clone());
        Some(ValidatedStep { id, capability, arguments, label, endorses, asks: Vec::new() })
    }

    /// The session's `steps`, counted over the session and this plan.
    fn budget(&mut self, id: &Name, index: usize, at: &str) {
        let policy = self.policy;
        let count = self.session.steps_started + index as u64 + 1;
        if count > policy.steps_max {
            let message = format!("this is step {count} of the session, which has {}", policy.steps_max);
            let mut violation = Violation::new("budget.steps", at, message).step(id);
            violation.line = policy.steps_line;
            self.violations.push(violation.help("`[plan] steps` bounds a session"));
        }
    }

    /// `calls` of a capability, counted over the session and this plan.
    fn call_budget(&mut self, name: &Name, capability: &Capability, at: &str) {
        let earlier = self.session.calls.get(name).copied().unwrap_or_default();
        let here = self.calls.entry(name.clone()).or_default();
        *here += 1;
        let count = earlier + *here;
        if let Some(most) = capability.calls.filter(|most| count > *most) {
            let message = format!("this is call {count} of `{name}` in the session, which has {most}");
            let help = format!("`calls = {count}` in `[capability.{name}]` would allow it, in every session");
            let mut violation = Violation::new("budget.calls", at, message).help(help);
            violation.line = capability.calls_line;
            self.violations.push(violation);
        }
    }

    fn answer(&mut self, reference: &Reference) {
        // The user sees every output, so the answer needs no label: only a step that there is.
        let _known = self.output_type(reference, "/answer");
    }
}
