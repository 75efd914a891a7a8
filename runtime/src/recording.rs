//! What of a run goes on record, and when.

use claw_audit::{Event, Halt, RecordError};
use claw_policy::{Capability, Name, Policy, ReadyStep, Refusal, ValidatedPlan, Violation};
use serde_json::Value;

use crate::ending::StepOutcome;
use crate::host::{Answered, Report, Taped};
use crate::journal::{Journal, JournalError};
use crate::network::Sent;

/// Records that a step is about to start; synced where it could write. What it sends is sent by this process, which syncs
/// before that: see [`crate::network`].
pub(crate) fn intend(
    journal: &mut Journal,
    policy: &Policy,
    capability: &Capability,
    ready: &ReadyStep,
    clock: u64,
) -> Result<(), JournalError> {
    let arguments = journal.store(&Value::Object(ready.given.clone()))?;
    journal.append(&Event::Step {
        step: ready.id.to_string(),
        capability: ready.capability.to_string(),
        arguments,
        label: ready.label.clone(),
        grants: capability.grants.iter().map(Name::to_string).collect(),
        clock,
    })?;
    if capability.writes(&policy.grants) { journal.sync() } else { Ok(()) }
}

/// Records what a step did and how it ended.
pub(crate) fn conclude(
    journal: &mut Journal,
    ready: &ReadyStep,
    outcome: &StepOutcome,
    report: &Report,
    sent: Sent,
) -> Result<(), JournalError> {
    for exchange in sent.exchanges {
        let mut event = Event::Exchange(exchange);
        let appended = journal.append(&event);
        let is_full = matches!(appended, Err(JournalError::Record(RecordError::Full(_))));
        match &mut event {
            // That it was sent is worth more than what came back.
            Event::Exchange(exchange) if is_full && exchange.response.is_some() => {
                exchange.response = None;
                journal.append(&event)?;
            }
            _ => appended?,
        }
    }
    if let Some(error) = sent.broken {
        journal.write()?;
        return Err(error);
    }
    for Taped { call, .. } in &report.calls {
        journal.append(&Event::Call(claw_audit::Call {
            step: ready.id.to_string(),
            function: call.function.to_string(),
            arguments: call.arguments.clone(),
            subject: call.subject.clone(),
            to: call.to.clone(),
            bytes: call.bytes,
            outcome: call.outcome.to_string(),
        }))?;
    }
    let answers: Vec<&Answered> = report.calls.iter().map(|taped| &taped.answered).collect();
    let tape = match answers.is_empty() {
        true => None,
        false => Some(journal.store(&serde_json::to_value(answers).map_err(RecordError::Encoding)?)?),
    };
    let step = ready.id.to_string();
    let event = match &outcome.result {
        Ok(output) => Event::Done {
            step,
            output: journal.store(output)?,
            label: outcome.label.clone(),
            usage: outcome.usage,
            tape,
        },
        Err(reason) => Event::Failed { step, reason: reason.clone(), usage: outcome.usage, tape },
    };
    journal.append(&event)?;
    journal.write()
}

pub(crate) fn halt(violations: &[Violation]) -> Event {
    let step = violations.first().and_then(|violation| violation.step.clone());
    Event::Halt(Halt { step, violations: violations.iter().map(Into::into).collect() })
}

/// The log's own limit is a budget of the session: it halts it.
pub(crate) fn log_is_full(result: &Result<(), JournalError>, ready: &ReadyStep) -> Option<Violation> {
    match result {
        Err(JournalError::Record(RecordError::Full(most))) => {
            let message = format!("the record has reached its limit of {most} bytes");
            let help = "the policy's `[limits] log` bounds a session's record";
            Some(Violation::at_step("budget.log", &ready.id, ready.index, message).help(help.to_owned()))
        }
        _ => None,
    }
}

/// The event that a plan was allowed at `time`, in milliseconds since 1970, or why not.
pub(crate) fn verdict_event(decided: &Result<ValidatedPlan, Refusal>, time: u64) -> Event {
    let (verdict, violations, steps) = claw_audit::verdict_of(decided);
    Event::Verdict { verdict, time, violations, steps }
}
