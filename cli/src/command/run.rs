//! `claw run --plan`: a plan through the door, and what passes run.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use claw_audit::Status;
use claw_policy::printable::{printable, printable_json};
use claw_runtime::{PlanOutcome, Spare, StepOutcome};
use serde_json::{Value, json};

use crate::arguments::RunArguments;
use crate::command::check::counted;
use crate::error::{DONE, Error, FAILED, INTERRUPTED, REFUSED};
use crate::load::{Loaded, Purpose};
use crate::progress::Live;
use crate::{ambient, approve, opening, prepared, report};

/// Bytes that are shown of what a failed step printed: the last ones, where the reason mostly is.
const PRINTED_SHOWN_MAX: usize = 4 << 10;

pub(crate) fn run(arguments: &RunArguments, plan: &Path, json: bool) -> Result<ExitCode, Error> {
    // Started first, to be up when the policy is loaded. Whether it could be is said when it is needed.
    let spare = Spare::start(&ambient::program()?).ok();
    let session = &arguments.session;
    let mut loaded = Loaded::policy(&session.policy, &session.narrowing(), Purpose::Run)?;
    let session = loaded.session(session)?;
    let text = loaded.plan(plan)?;
    let policy = Arc::clone(&loaded.policy);
    let mut person = approve::person(&policy, &arguments.approve_from)?;
    let (mut run, id) = opening::open(&mut loaded, session, spare)?;
    let live = Live::new();
    let mut person = live.aside(&mut *person);
    let outcome = run.submit(&text, &mut person, &mut |progress| live.show(&progress));
    live.end();
    let outcome = outcome?;
    // Nothing is said to be done before it is on record.
    let folder = run.seal(outcome.status)?;
    if json {
        report::print_json(&json!({
            "run": id,
            "status": report::status(outcome.status, &outcome.questions),
            "answer": outcome.answer,
            "steps": outcome.steps.iter().map(step_json).collect::<Vec<_>>(),
            "violations": report::violations_json(&loaded, &outcome.violations),
            "approvals": prepared::questions(&outcome.questions),
            "record": folder,
        }))?;
    }
    tell(&loaded, plan, &outcome);
    tell!("record: {}", printable(&folder.to_string_lossy()));
    if let (Some(answer), false) = (&outcome.answer, json) {
        report::print_text(&shown(answer))?;
    }
    Ok(ExitCode::from(match outcome.status {
        Status::Completed => DONE,
        Status::Refused | Status::Halted => REFUSED,
        Status::Failed => FAILED,
        Status::Interrupted => INTERRUPTED,
    }))
}

/// A step as `--json` shows it.
pub(crate) fn step_json(step: &StepOutcome) -> Value {
    let mut object = json!({
        "id": step.id,
        "capability": step.capability,
        "status": if step.result.is_ok() { "done" } else { "failed" },
        "output": step.result.as_ref().ok(),
        "label": step.label,
        "fuel": step.usage.fuel,
        "ms": step.usage.micros as f64 / 1000.0,
    });
    if let (Err(reason), Some(object)) = (&step.result, object.as_object_mut()) {
        object.insert("failure".to_owned(), json!(reason));
    }
    object
}

/// What happened, for people, on standard error.
fn tell(loaded: &Loaded, plan: &Path, outcome: &PlanOutcome) {
    tell_steps(outcome);
    report::violations(loaded, plan, &outcome.violations);
    report::questions(loaded, &outcome.questions);
    let count = counted(outcome.violations.len());
    match outcome.status {
        Status::Completed => tell!("completed: every step is done"),
        Status::Refused if outcome.violations.is_empty() => {
            tell!("refused: a person has to be asked, and nobody said yes; nothing of the plan has run");
        }
        Status::Refused => tell!("refused: {count}; nothing of the plan has run"),
        Status::Halted => tell!("halted: {count}; no later step has run"),
        Status::Failed => tell!("failed: no later step has run"),
        Status::Interrupted => tell!("interrupted: no step goes on"),
    }
}

/// What its steps did, for people.
pub(crate) fn tell_steps(outcome: &PlanOutcome) {
    for step in &outcome.steps {
        let what = match &step.result {
            Ok(_) => "done".to_owned(),
            Err(reason) => format!("failed ({}): {}", reason.kind, reason.message),
        };
        let wrote =
            if step.usage.written > 0 { format!(", wrote {} bytes", step.usage.written) } else { String::new() };
        tell!("  {} ({}): {what}{wrote}, {:.1} ms", step.id, step.capability, step.usage.micros as f64 / 1000.0);
        if step.result.is_err() && !step.printed.is_empty() {
            tell!("    {}", printed(&step.printed));
        }
    }
}

/// What a step printed, or the end of what was kept of it.
fn printed(bytes: &[u8]) -> String {
    let cut = bytes.len().saturating_sub(PRINTED_SHOWN_MAX);
    let shown = printable(&String::from_utf8_lossy(bytes.get(cut..).unwrap_or_default()));
    match cut {
        0 => format!("it printed: {shown}"),
        _ => format!("it printed (cut: the first {cut} bytes are not shown): {shown}"),
    }
}

/// The answer as text: a string as it is, anything else as JSON that is safe to print.
pub(crate) fn shown(answer: &Value) -> String {
    match answer {
        Value::String(text) => text.clone(),
        other => printable_json(&serde_json::to_string_pretty(other).unwrap_or_default()),
    }
}
