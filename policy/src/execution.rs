//! A validated plan while it runs: what each step is given, and what becomes of its output.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::approval::{self, Approval, Question};
use crate::capability::Capability;
use crate::check::{
    Template, ValidatedPlan, ValidatedStep, json_length, too_deep, too_long, too_many_bytes, undescribed,
    value_violations,
};
use crate::fault::{Refusal, Violation, Violations};
use crate::json::{self, Bounds, with_index, with_key};
use crate::label::Label;
use crate::limits::{Quantity, Unit};
use crate::name::Name;
use crate::policy::Policy;
use crate::recorded::to_record;
use crate::session::{PastStep, Session};
use crate::types::Type;

/// A validated plan with its session, from the first step to the last.
///
/// Pure: it says what is next and takes what came of it. The runtime makes it happen, and a recheck makes believe.
#[derive(Debug)]
pub struct Execution {
    plan: ValidatedPlan,
    session: Session,
    next: usize,
    answer: Option<Value>,
}

/// A step that starts: its arguments are resolved, and hold.
#[derive(Debug)]
pub struct ReadyStep {
    /// Its place in the plan, from 0.
    pub index: usize,
    /// Its id.
    pub id: Name,
    /// The capability that it calls.
    pub capability: Name,
    /// The arguments as the plan sees them, by name.
    pub given: Map<String, Value>,
    /// One JSON value for each parameter of the function, in order.
    pub arguments: Vec<Value>,
    /// What its output will carry.
    pub label: Label,
}

/// An output that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputFault {
    /// It is not of its type, or no JSON where JSON is promised: the step has failed.
    #[error("{0}")]
    Failed(String),
    /// A part that the policy endorses is outside what it endorses: the run halts.
    #[error("{}", .0.message)]
    Halted(Box<Violation>),
}

impl Execution {
    /// Starts a plan in the session that it was checked against.
    ///
    /// # Errors
    /// Any other session.
    pub fn start(plan: ValidatedPlan, session: Session) -> Result<Self, Refusal> {
        if plan.session_state != session.state() {
            let message = "the plan was checked against another session, or something has happened in it since";
            return Err(Violation::new("session.changed", "", message)
                .help("check the plan against the session as it is now")
                .into());
        }
        Ok(Self { plan, session, next: 0, answer: None })
    }

    /// The policy that allowed the plan.
    pub fn policy(&self) -> &Policy {
        &self.plan.policy
    }

    /// What is left of the session's budgets: bytes written, files made.
    pub fn budgets_left(&self) -> (u64, u64) {
        let limits = &self.plan.policy.limits;
        (limits.written.saturating_sub(self.session.written), limits.files.saturating_sub(self.session.files))
    }

    /// What a person has to be asked before the next step starts: what they were asked of the plan, with what its steps gave.
    ///
    /// Nothing where they have said yes to that, and where the step does not start anyway.
    pub fn asks(&self) -> Vec<Question> {
        let Some(step) = self.plan.steps.get(self.next).filter(|step| !step.asks.is_empty()) else { return Vec::new() };
        self.resolved(step).map(|ready| self.asked(step, &ready)).unwrap_or_default()
    }

    /// Takes a person's answer, which counts for the one step that it is bound to.
    pub fn approve(&mut self, approval: Approval) {
        self.session.approve(approval);
    }

    /// The next step, counted from here on as called; `None` after the last.
    ///
    /// # Errors
    /// Arguments that do not hold now that their values are known, or to which a person has not said yes: the run halts,
    /// before the step has started.
    pub fn next_step(&mut self) -> Option<Result<ReadyStep, Refusal>> {
        let step = self.plan.steps.get(self.next)?;
        let ready = self.resolved(step).and_then(|ready| match self.asked(step, &ready).first() {
            Some(question) => Err(nobody_said_yes(question)),
            None => Ok(ready),
        });
        if ready.is_ok() {
            self.session.start_step(&step.id, &step.capability);
        }
        self.next += 1;
        Some(ready)
    }

    /// A step with its arguments, which hold, where it may come now.
    fn resolved(&self, step: &ValidatedStep) -> Result<ReadyStep, Refusal> {
        let ready = resolve(step, self.next, &self.plan.policy, &self.session)?;
        self.comes_after(step)?;
        Ok(ready)
    }

    /// What a person has not said yes to of a step whose arguments are known. An answer is bound to the answer before it, and
    /// so to the plan; to all that has happened since; and to the arguments.
    fn asked(&self, step: &ValidatedStep, ready: &ReadyStep) -> Vec<Question> {
        let Some(first) = step.asks.first() else { return Vec::new() };
        let given = Value::Object(ready.given.clone());
        let policy = self.plan.policy.identity();
        let subject = approval::subject(&policy, &self.session.state(), &first.subject, &step.id, &given);
        if self.session.approvals.iter().any(|answer| answer.subject == subject) {
            return Vec::new();
        }
        let arguments = Arc::new(ready.given.clone().into_iter().collect());
        let open = Arc::default();
        let now_known = |asked: &Question| Question {
            arguments: Arc::clone(&arguments),
            open: Arc::clone(&open),
            subject,
            ..asked.clone()
        };
        step.asks.iter().map(now_known).collect()
    }

    /// `before`, by what has really succeeded: a check counts what the planner has not been told of as done.
    fn comes_after(&self, step: &ValidatedStep) -> Result<(), Refusal> {
        let pairs = self.plan.policy.order.before.iter().filter(|pair| pair.second == step.capability);
        for pair in pairs {
            let mut past = self.session.steps.values();
            if !past.any(|past| past.capability == pair.first && past.value.is_some()) {
                let message = format!("`{}` needs an earlier step of `{}` that succeeded", step.capability, pair.first);
                let violation = Violation::at_step("order.before", &step.id, self.next, message);
                return Err(violation.help("the policy's `[plan] before` says so").line(pair.line).into());
            }
        }
        Ok(())
    }

    /// Takes a step's output, once it is what the function and the policy say.
    ///
    /// # Errors
    /// An output of another type, over its limit, or that is no JSON where JSON is promised. The step has then failed.
    pub fn done(&mut self, step: &ReadyStep, output: Value, written: u64, files: u64) -> Result<Value, OutputFault> {
        self.take(step, written, files, |capability| {
            let mut seen = take_output(capability, output)?;
            to_record(&mut seen);
            Ok(seen)
        })
    }

    /// Takes a step's output from a record, which has it as the plan saw it: JSON text is parsed already.
    ///
    /// # Errors
    /// An output of another type.
    pub fn recorded(&mut self, step: &ReadyStep, seen: Value, written: u64, files: u64) -> Result<Value, OutputFault> {
        self.take(step, written, files, |capability| match &capability.output {
            Some(ty) => of_type(ty, &seen).map(|()| seen),
            None if seen.is_null() => Ok(seen),
            None => Err(OutputFault::Failed(NO_OUTPUT.to_owned())),
        })
    }

    fn take(
        &mut self,
        step: &ReadyStep,
        written: u64,
        files: u64,
        output: impl FnOnce(&Capability) -> Result<Value, OutputFault>,
    ) -> Result<Value, OutputFault> {
        let endorses = self.plan.steps.get(step.index).is_some_and(|step| step.endorses);
        let taken = match self.plan.policy.capabilities.get(&step.capability) {
            Some(capability) => output(capability).and_then(|output| {
                if endorses {
                    endorsed(capability, step, &output)?;
                }
                Ok(output)
            }),
            None => Err(OutputFault::Failed(NO_CAPABILITY.to_owned())),
        };
        self.end(step, taken.as_ref().ok().cloned(), written, files);
        taken
    }

    /// Notes that a step failed. Nothing after it starts.
    pub fn failed(&mut self, step: &ReadyStep, written: u64, files: u64) {
        self.end(step, None, written, files);
    }

    /// Ends the run: the session as it has become, and the answer, where every step was done.
    pub fn finish(mut self) -> (Session, Option<Value>) {
        let complete = self
            .plan
            .steps
            .iter()
            .all(|step| self.session.steps.get(&step.id).is_some_and(|past| past.value.is_some()));
        if complete {
            self.answer = match (&self.plan.answer, self.plan.steps.last()) {
                (Some(reference), _) => output(&self.session, &reference.step, &reference.part).cloned(),
                (None, Some(last)) => output(&self.session, &last.id, "").cloned(),
                (None, None) => None,
            };
        }
        (self.session, self.answer)
    }

    fn end(&mut self, step: &ReadyStep, value: Option<Value>, written: u64, files: u64) {
        let ty = self.plan.policy.capabilities.get(&step.capability).and_then(|capability| capability.output.clone());
        let endorses = self.plan.steps.get(step.index).is_some_and(|step| step.endorses);
        let past = PastStep {
            capability: step.capability.clone(),
            ty,
            label: step.label.clone(),
            endorses,
            value,
            told: false,
        };
        self.session.end_step(step.id.clone(), past, written, files);
    }
}

/// Puts earlier outputs into a step's arguments, and checks them again now that all of them are known.
fn resolve(step: &ValidatedStep, index: usize, policy: &Policy, session: &Session) -> Result<ReadyStep, Refusal> {
    let Some(capability) = policy.capabilities.get(&step.capability) else {
        return Err(Violation::at_step("capability.unknown", &step.id, index, NO_CAPABILITY).into());
    };
    let at = with_key(&with_index("/steps", index), "arguments");
    let (mut given, mut violations) = (Map::new(), Violations::default());
    for (name, template) in &step.arguments {
        let place = with_key(&at, name);
        let mut left = capability.limits.argument_bytes;
        let value = match fill(template, session, &mut left) {
            Ok(value) => value,
            Err(Unfilled::TooLong) => {
                violations.push(too_many_bytes(name, &place));
                continue;
            }
            Err(Unfilled::Missing(step, part)) => {
                // A step that failed without the planner's being told: what uses it fails in its turn.
                let failed = session.steps.get(&step).is_some_and(|past| past.value.is_none());
                violations.push(if failed {
                    Violation::new("reference.failed", place, format!("the step `{step}` failed, and has no output"))
                        .help("refer to a step that succeeded")
                } else {
                    let part = crate::printable::printable(&part);
                    Violation::new("reference.part", place, format!("the output of `{step}` has no part `{part}`"))
                        .help("`at` is a JSON pointer into the step's output")
                });
                continue;
            }
        };
        if let Some(argument) = capability.arguments.get(name) {
            let found = value_violations(&value, &argument.ty, &argument.schema, &place, argument.line);
            match template {
                Template::Value(_) => violations.extend(found),
                _ => violations.extend(undescribed(found, &place)),
            }
        }
        violations.extend(too_long(name, &value, capability.limits.argument_bytes, &place));
        violations.extend(too_deep(name, &value, &place));
        given.insert(name.clone(), value);
    }
    for violation in violations.since(0) {
        violation.step = Some(step.id.to_string());
    }
    Refusal::of(violations, Vec::new())?;
    let arguments = capability.parameters.iter().map(|parameter| {
        let argument = capability.arguments.get(&parameter.name);
        let value = given.get(&parameter.name).cloned().unwrap_or(Value::Null);
        // Where the plan's type is not the parameter's, the parameter is a string that carries JSON.
        let carries_json = argument.is_some_and(|argument| argument.ty != parameter.ty);
        if carries_json && given.contains_key(&parameter.name) { Value::String(value.to_string()) } else { value }
    });
    let arguments = arguments.collect();
    Ok(ReadyStep {
        index,
        id: step.id.clone(),
        capability: step.capability.clone(),
        given,
        arguments,
        label: step.label.clone(),
    })
}

/// Why an argument cannot be put together.
enum Unfilled {
    /// The step has no such part.
    Missing(Name, String),
    /// It would be longer than an argument may be.
    TooLong,
}

/// Puts values in the place of references. They are counted before they are copied: a plan can refer to one many times.
fn fill(template: &Template, session: &Session, left: &mut u64) -> Result<Value, Unfilled> {
    Ok(match template {
        Template::Value(value) | Template::Input(value) => value.clone(),
        Template::Array(items) => {
            Value::Array(items.iter().map(|item| fill(item, session, left)).collect::<Result<_, _>>()?)
        }
        Template::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| Ok((name.clone(), fill(field, session, left)?)));
            Value::Object(fields.collect::<Result<_, _>>()?)
        }
        Template::Output(reference) => {
            let value = output(session, &reference.step, &reference.part)
                .ok_or_else(|| Unfilled::Missing(reference.step.clone(), reference.part.clone()))?;
            *left = left.checked_sub(json_length(value)).ok_or(Unfilled::TooLong)?;
            value.clone()
        }
    })
}

fn output<'s>(session: &'s Session, step: &Name, part: &str) -> Option<&'s Value> {
    session.steps.get(step)?.value.as_ref()?.pointer(part)
}

/// What a plan sees of an output: its type checked, JSON text parsed.
///
/// A worker checks all of it too; but then it has run a guest, and what it says is its word.
fn take_output(capability: &Capability, output: Value) -> Result<Value, OutputFault> {
    match &capability.signature.output {
        Some(ty) => of_type(ty, &output)?,
        None if output.is_null() => {}
        None => return Err(OutputFault::Failed(NO_OUTPUT.to_owned())),
    }
    if !json::fits(&output, capability.limits.output_bytes) {
        let most = Quantity(Unit::Bytes, capability.limits.output_bytes);
        return Err(OutputFault::Failed(format!("the output is over {most} of JSON")));
    }
    if !capability.output_is_json {
        return Ok(output);
    }
    let text = output.as_str().unwrap_or_default();
    // Deeper than a plan: it is data, and it is bounded by its bytes.
    let bounds = Bounds { bytes: capability.limits.output_bytes, depth: OUTPUT_DEPTH_MAX };
    json::read(text.as_bytes(), bounds).map_err(|faults| {
        let faults: Vec<String> =
            faults.into_iter().map(|fault| format!("{} (at `{}`)", fault.message, fault.at)).collect();
        OutputFault::Failed(format!("the output is not the JSON that the policy expects: {}", faults.join("; ")))
    })
}

/// A step does not start, since nobody said yes to what it would be given.
fn nobody_said_yes(question: &Question) -> Refusal {
    let message =
        format!("a person has to say yes to `{}` now that its arguments are known, and nobody did", question.step);
    let violation = Violation::new("approval.missing", question.at.as_str(), message).step(&question.step);
    violation
        .help("run it where there is a terminal, or prepare an approval of these arguments")
        .line(question.line)
        .into()
}

/// What is said of a step that calls nothing.
const NO_CAPABILITY: &str = "the policy has no such capability";
/// What is said of an output that there should not be.
const NO_OUTPUT: &str = "there is an output, and its function gives none";

fn of_type(ty: &Type, output: &Value) -> Result<(), OutputFault> {
    ty.check(output).map_err(|faults| {
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
        OutputFault::Failed(format!("the output is no {ty}: {}", faults.join("; ")))
    })
}

/// Rule 9: what is let through without its origins is what the policy says it is.
fn endorsed(capability: &Capability, step: &ReadyStep, output: &Value) -> Result<(), OutputFault> {
    for endorsement in &capability.endorsements {
        let fits = |value: &Value| capability.output_part_fits(endorsement, value);
        if !endorsement.values(output).is_some_and(|values| values.into_iter().all(fits)) {
            let message = format!("the output of `{}` is outside what the policy endorses of it", step.id);
            let violation = Violation::at_step("endorse.schema", &step.id, step.index, message)
                .help("look at what it read: the policy's `endorse` says which values it vouches for")
                .line(endorsement.line);
            return Err(OutputFault::Halted(Box::new(violation)));
        }
    }
    Ok(())
}

/// The deepest nesting of JSON that a step puts out. Below serde_json's own bound of 128.
const OUTPUT_DEPTH_MAX: u64 = 100;
