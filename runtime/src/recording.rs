//! What of a run goes on record, and when.

use std::time::SystemTime;

use claw_audit::{Event, Halt, Record, RecordError};
use claw_policy::{Capability, Name, Policy, ReadyStep, Refusal, ValidatedPlan, Violation};
use serde_json::Value;

use crate::clock::unix_ms;
use crate::ending::StepOutcome;
use crate::host::Report;

/// Records that a step is about to start; synced where it could have an effect.
pub(crate) fn intend(
    record: &mut Record,
    policy: &Policy,
    capability: &Capability,
    ready: &ReadyStep,
    clock: u64,
) -> Result<(), RecordError> {
    let arguments = record.store(Value::Object(ready.given.clone()))?;
    record.append(&Event::Step {
        step: ready.id.to_string(),
        capability: ready.capability.to_string(),
        arguments,
        label: ready.label.clone(),
        grants: capability.grants.iter().map(Name::to_string).collect(),
        clock,
    })?;
    if capability.has_effects(&policy.grants) { record.sync() } else { Ok(()) }
}

/// Records what a step did and how it ended.
pub(crate) fn conclude(
    record: &mut Record,
    ready: &ReadyStep,
    outcome: &StepOutcome,
    report: &Report,
) -> Result<(), RecordError> {
    for call in &report.calls {
        record.append(&Event::Call(claw_audit::Call {
            step: ready.id.to_string(),
            function: call.function.to_string(),
            subject: call.subject.clone(),
            to: call.to.clone(),
            bytes: call.bytes,
            outcome: call.outcome.to_string(),
        }))?;
    }
    let step = ready.id.to_string();
    let event = match &outcome.result {
        Ok(output) => Event::Done {
            step,
            output: record.store(output.clone())?,
            label: outcome.label.clone(),
            usage: outcome.usage,
        },
        Err(reason) => Event::Failed { step, reason: reason.clone(), usage: outcome.usage },
    };
    record.append(&event)?;
    record.write()
}

pub(crate) fn halt(violations: &[Violation]) -> Event {
    let step = violations.first().and_then(|violation| violation.step.clone());
    Event::Halt(Halt { step, violations: violations.iter().map(Into::into).collect() })
}

/// The log's own limit is a budget of the session: it halts it.
pub(crate) fn log_is_full(result: &Result<(), RecordError>, ready: &ReadyStep) -> Option<Violation> {
    match result {
        Err(RecordError::Full(most)) => {
            let message = format!("the record has reached its limit of {most} bytes");
            let help = "the policy's `[limits] log` bounds a session's record";
            Some(Violation::at_step("budget.log", &ready.id, ready.index, message).help(help.to_owned()))
        }
        _ => None,
    }
}

/// The event that a plan was allowed, or why not.
pub(crate) fn verdict_event(decided: &Result<ValidatedPlan, Refusal>) -> Event {
    let time = decided.as_ref().map_or_else(|_| SystemTime::now(), ValidatedPlan::checked_at);
    let (verdict, violations, steps) = claw_audit::verdict_of(decided);
    Event::Verdict { verdict, time: unix_ms(time), violations, steps }
}
