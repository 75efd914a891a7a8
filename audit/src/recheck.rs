//! The verdict again, from the record alone: its policy, its catalogue, its inputs, its plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claw_policy::{Document, Given, Plan, Policy, Refusal, Session, ValidatedPlan};
use serde_json::Value;

use crate::blobs::{blob, stored_value};
use crate::event::{Event, StepLabel, Stored, Verdict, Violation};
use crate::log::LOG;
use crate::verify::{Fault, fault};

/// Decides again on the first plan of the record in `folder`, whose events are `events`; one session has one plan so far.
///
/// # Errors
/// A verdict, a violation or a label that is another one now.
pub fn recheck(folder: &Path, events: &[Event]) -> Result<(), Fault> {
    let log = folder.join(LOG);
    let wrong = |line: usize, what: String| fault(&log, Some(line as u64), what);
    if !matches!(events.first(), Some(Event::Open { .. })) {
        // It was cut off before it opened.
        return Ok(());
    }
    let (policy, session) = reopen(folder, events).map_err(|what| wrong(1, what))?;
    let Some(at) = events.iter().position(|event| matches!(event, Event::Plan { .. })) else { return Ok(()) };
    let (Some(Event::Plan { text, base64 }), Some(Event::Verdict { verdict, time, violations, steps })) =
        (events.get(at), events.get(at + 1))
    else {
        // It was cut off before there was a verdict.
        return Ok(());
    };
    let plan = plan_text(folder, text, *base64).map_err(|what| wrong(at + 1, what))?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(*time);
    let again = Plan::parse(&plan, &policy.limits).and_then(|plan| policy.check(&session, plan, now));
    let (decided, found, labels) = verdict_of(&again);
    if decided != *verdict || found != *violations || labels != *steps {
        let rules = |violations: &[Violation]| {
            violations.iter().map(|violation| format!("{} at {}", violation.rule, violation.at)).collect::<Vec<_>>()
        };
        let what = format!(
            "the plan of line {} is {decided:?} {:?} by the policy of line 1, and this says {verdict:?} {:?}",
            at + 1,
            rules(&found),
            rules(violations)
        );
        return Err(wrong(at + 2, what));
    }
    Ok(())
}

/// What a run began with: its policy, with its catalogue, and a session with its inputs.
///
/// # Errors
/// What of it does not load, in words.
pub fn reopen(folder: &Path, events: &[Event]) -> Result<(Arc<Policy>, Session), String> {
    let Some(Event::Open { policy, narrowing, catalogue, inputs, .. }) = events.first() else {
        return Err("it does not open".to_owned());
    };
    let document = Document::parse(&text(folder, policy)?).map_err(|error| error.to_string())?;
    let policy = Policy::load(&document, catalogue).map_err(|errors| {
        errors.first().map_or_else(String::new, |error| format!("its policy does not load: {error}"))
    })?;
    let policy =
        if narrowing.is_none() { policy } else { policy.narrow(narrowing).map_err(|refusal| refusal.to_string())? };
    let given = inputs.iter().map(|(name, input)| {
        let from_file = input.label.origin.iter().any(|origin| origin.as_str() == "file");
        Ok((name.clone(), Given { text: text(folder, &input.value)?, from_file }))
    });
    let given = given.collect::<Result<BTreeMap<_, _>, String>>()?;
    let session = Session::open(&policy, given).map_err(|violations| {
        violations.first().map_or_else(String::new, |violation| format!("its inputs do not fit: {}", violation.message))
    })?;
    Ok((Arc::new(policy), session))
}

/// What all randomness of the run came from.
///
/// # Errors
/// A seed that is not in the record, in words.
pub fn seed(folder: &Path, events: &[Event]) -> Result<[u8; 32], String> {
    let Some(Event::Open { seed, .. }) = events.first() else { return Err("it does not open".to_owned()) };
    let bytes = blob(folder, seed).map_err(|error| format!("its seed cannot be read: {error}"))?;
    bytes.try_into().map_err(|_| "its seed is none".to_owned())
}

/// A verdict in the form that it has in a record.
pub fn verdict_of(decided: &Result<ValidatedPlan, Refusal>) -> (Verdict, Vec<Violation>, Vec<StepLabel>) {
    match decided {
        Ok(plan) => {
            let steps = plan.steps().iter().map(|step| StepLabel {
                step: step.id().to_string(),
                capability: step.capability().to_string(),
                label: step.label().clone(),
            });
            (Verdict::Accepted, Vec::new(), steps.collect())
        }
        Err(refusal) => {
            let asks = refusal.violations().is_empty();
            let violations = refusal.violations().iter().map(Into::into).collect();
            (if asks { Verdict::NeedsApproval } else { Verdict::Refused }, violations, Vec::new())
        }
    }
}

/// The text of a plan that the record in `folder` has as `stored`; in base64 where it is not UTF-8.
///
/// # Errors
/// A blob that cannot be read, in words.
pub fn plan_text(folder: &Path, stored: &Stored, base64: bool) -> Result<Vec<u8>, String> {
    let text = text(folder, stored)?.into_bytes();
    if base64 { STANDARD.decode(text).map_err(|error| error.to_string()) } else { Ok(text) }
}

fn text(folder: &Path, stored: &Stored) -> Result<String, String> {
    match stored_value(folder, stored)? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}
