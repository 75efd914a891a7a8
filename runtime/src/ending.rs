//! What the end of a step means, for the step and for its run.

use claw_audit::{FailureReason, Status, Usage};
use claw_policy::printable::printable;
use claw_policy::{Capability, Label, Name, ReadyStep, Violation};
use serde_json::Value;

use crate::host::{Report, Stop};
use crate::worker::{CallFailure, WorkerFault};

/// The kind of failure of a step that its user stopped.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// How a step ended.
#[derive(Clone, Debug)]
pub struct StepOutcome {
    /// Its id.
    pub id: Name,
    /// The capability that it called.
    pub capability: Name,
    /// Its output, or why it failed.
    pub result: Result<Value, FailureReason>,
    /// What its output carries.
    pub label: Label,
    /// What it used.
    pub usage: Usage,
    /// What the component printed, for its author.
    pub printed: Vec<u8>,
}

/// What came of a step.
pub(crate) enum Ending {
    Done(Value),
    Failed(FailureReason),
    /// A rule stopped it.
    Halted(FailureReason, Violation),
    Interrupted,
}

/// What a step's ending means for it, and for the run where that ends too.
pub(crate) fn settle(
    ready: &ReadyStep,
    ending: Ending,
    usage: Usage,
    report: &Report,
) -> (StepOutcome, Option<(Status, Vec<Violation>)>) {
    let (result, ended) = match ending {
        Ending::Done(output) => (Ok(output), None),
        Ending::Failed(reason) => (Err(reason), Some((Status::Failed, Vec::new()))),
        Ending::Halted(reason, violation) => (Err(reason), Some((Status::Halted, vec![violation]))),
        Ending::Interrupted => {
            (Err(reason(INTERRUPTED, "the run was interrupted")), Some((Status::Interrupted, Vec::new())))
        }
    };
    let outcome = StepOutcome {
        id: ready.id.clone(),
        capability: ready.capability.clone(),
        result,
        label: ready.label.clone(),
        usage,
        printed: report.printed.clone(),
    };
    (outcome, ended)
}

/// What a call that gave no output was: a failure of its own, or a rule that stopped it.
pub(crate) fn failed(capability: &Capability, ready: &ReadyStep, failure: &CallFailure, report: &Report) -> Ending {
    let message = failure.to_string();
    let kind = match failure {
        CallFailure::Returned(_) => "capability".to_owned(),
        CallFailure::Value(_) => "output".to_owned(),
        CallFailure::TooLong { .. } => "limit.output-bytes".to_owned(),
        CallFailure::Stopped(Stop::Limit(limit)) => format!("limit.{}", limit.name()),
        CallFailure::Stopped(Stop::Budget(budget)) => {
            let rule = budget.rule();
            let violation = Violation::at_step(rule, &ready.id, ready.index, message.clone())
                .help(format!("the policy's `[limits] {}` bounds a session", budget.name()));
            return Ending::Halted(reason(rule, message), violation);
        }
        CallFailure::Stopped(_) => "trap".to_owned(),
    };
    let reason = reason(&kind, message);
    // A limit or a missing value explains itself; a denial explains a guest that gave up by itself.
    let gave_up =
        matches!(failure, CallFailure::Returned(_) | CallFailure::Stopped(Stop::Exited(_) | Stop::Trapped(_)));
    match report.denied.as_ref().filter(|_| gave_up) {
        Some(denied) => {
            // A worker may not have cut it.
            let message = denied.to_string().chars().take(REASON_CHARS_MAX).collect::<String>();
            let violation = Violation::at_step(denied.rule.rule(), &ready.id, ready.index, message)
                .help(denied.rule.help())
                .line(capability.line);
            Ending::Halted(reason, violation.at_subject(&ready.given, &denied.subject))
        }
        None => Ending::Failed(reason),
    }
}

pub(crate) fn fault_ending(fault: WorkerFault, capability: &Capability, has_effects: bool) -> Ending {
    let unknown = if has_effects { "; what it wrote until then is not known" } else { "" };
    match fault {
        WorkerFault::Interrupted => Ending::Interrupted,
        WorkerFault::Deadline => {
            let time = claw_policy::limits::Quantity(claw_policy::limits::Unit::Milliseconds, capability.limits.time);
            Ending::Failed(reason(
                "limit.time",
                format!("the step took longer than its limit `time` of {time}, and was killed{unknown}"),
            ))
        }
        other => Ending::Failed(reason("worker", format!("{other}{unknown}"))),
    }
}

/// The most characters of a failure's or a denial's text that are kept: it is a guest's, and no output.
const REASON_CHARS_MAX: usize = 2_500;

/// A reason that can be printed: keys and texts of a guest's may be in it.
pub(crate) fn reason(kind: &str, message: impl Into<String>) -> FailureReason {
    let message = printable(&message.into()).chars().take(REASON_CHARS_MAX).collect();
    FailureReason { kind: kind.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_can_be_printed_and_is_bounded() {
        let reason = reason("output", "a key `\u{1b}[2J\u{202e}`".to_owned() + &"x".repeat(10_000));
        assert!(reason.message.starts_with("a key `\\u{1b}[2J\\u{202e}`xxx"), "{}", reason.message);
        assert_eq!(reason.message.chars().count(), REASON_CHARS_MAX);
    }
}
