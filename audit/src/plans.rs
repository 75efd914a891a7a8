//! The plans of a record, put together from its events: each with its verdict, its steps, and what stopped it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claw_policy::Label;
use serde_json::Value;

use crate::blobs::stored_value;
use crate::event::{Event, FailureReason, Halt, StepLabel, Usage, Verdict, Violation};
use crate::fault::{Fault, fault};
use crate::log::LOG;
use crate::said::{Approval, Disclosed};
use crate::stored::Stored;

/// A plan as it was received, and what came of it. Lines are those of the log, from 1.
#[derive(Debug)]
pub(crate) struct RecordedPlan<'e> {
    pub(crate) line: u64,
    pub(crate) text: Vec<u8>,
    /// None where the run was cut off before.
    pub(crate) verdict: Option<RecordedVerdict<'e>>,
    /// The steps that started.
    pub(crate) steps: Vec<RecordedStep<'e>>,
    pub(crate) halt: Option<(u64, &'e Halt)>,
    /// What a person allowed of it before anything of it ran; then it comes again.
    pub(crate) approvals: Vec<(u64, &'e Approval)>,
    /// What a person allowed of its steps when they started.
    pub(crate) allowed: Vec<(u64, &'e Approval)>,
    /// What the planner got to know of its steps.
    pub(crate) disclosed: Vec<(u64, &'e Disclosed)>,
}

#[derive(Debug)]
pub(crate) struct RecordedVerdict<'e> {
    pub(crate) line: u64,
    pub(crate) verdict: Verdict,
    pub(crate) time: SystemTime,
    pub(crate) violations: &'e [Violation],
    pub(crate) steps: &'e [StepLabel],
}

#[derive(Debug)]
pub(crate) struct RecordedStep<'e> {
    pub(crate) line: u64,
    pub(crate) id: &'e str,
    pub(crate) capability: &'e str,
    pub(crate) arguments: &'e Stored,
    pub(crate) label: &'e Label,
    pub(crate) grants: &'e [String],
    /// None where the run was cut off, or the log was full.
    pub(crate) end: Option<(u64, End<'e>)>,
}

#[derive(Debug)]
pub(crate) enum End<'e> {
    Done { output: &'e Stored, label: &'e Label, usage: &'e Usage },
    Failed { reason: &'e FailureReason, usage: &'e Usage },
}

impl RecordedPlan<'_> {
    fn is_accepted(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.verdict == Verdict::Accepted)
    }

    /// The halt that was decided before a step started. What halted a step that had started is the word of what ran it.
    pub(crate) fn decided_halt(&self) -> Option<(u64, &Halt)> {
        let all_done = self.steps.iter().all(|step| matches!(step.end, Some((_, End::Done { .. }))));
        // Nor does a policy decide when a record is full.
        let full = |halt: &Halt| halt.violations.iter().any(|violation| violation.rule == "budget.log");
        self.halt.filter(|(_, halt)| all_done && !full(halt))
    }
}

/// Puts the events of the record in `folder` together. Nothing is decided on them.
///
/// # Errors
/// An event that cannot come where it does, or a value that is not there.
pub(crate) fn plans<'e>(folder: &Path, events: &'e [Event]) -> Result<Vec<RecordedPlan<'e>>, Fault> {
    let mut plans: Vec<RecordedPlan<'e>> = Vec::new();
    for (line, event) in (1..).zip(events) {
        let taken = match (event, plans.last_mut()) {
            (Event::Open { .. } | Event::Seal { .. }, _) => Some(()),
            (Event::Prompt(_) | Event::Reply(_) | Event::NoReply(_) | Event::Ended(_), _) => Some(()),
            (Event::Plan { text, base64 }, _) => {
                let text =
                    plan_text(folder, text, *base64).map_err(|what| fault(&folder.join(LOG), Some(line), what))?;
                plans.push(RecordedPlan {
                    line,
                    text,
                    verdict: None,
                    steps: Vec::new(),
                    halt: None,
                    approvals: Vec::new(),
                    allowed: Vec::new(),
                    disclosed: Vec::new(),
                });
                Some(())
            }
            (_, Some(plan)) => plan.take(line, event),
            (_, None) => None,
        };
        if taken.is_none() {
            return Err(fault(&folder.join(LOG), Some(line), format!("a line `{}` cannot come here", event.name())));
        }
    }
    Ok(plans)
}

impl<'e> RecordedPlan<'e> {
    /// Takes an event after the plan's own; none where it cannot come.
    fn take(&mut self, line: u64, event: &'e Event) -> Option<()> {
        match event {
            Event::Verdict { verdict, time, violations, steps } if self.verdict.is_none() => {
                let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(*time))?;
                self.verdict = Some(RecordedVerdict { line, verdict: *verdict, time, violations, steps });
            }
            Event::Step { step, capability, arguments, label, grants, .. } => {
                self.steps.push(RecordedStep { line, id: step, capability, arguments, label, grants, end: None });
            }
            Event::Done { step, output, label, usage, .. } => {
                self.end(line, step, End::Done { output, label, usage })?
            }
            Event::Failed { step, reason, usage, .. } => self.end(line, step, End::Failed { reason, usage })?,
            Event::Halt(halt) => self.halt = Some((line, halt)),
            Event::Approval(approval) if self.is_accepted() => self.allowed.push((line, approval)),
            Event::Approval(approval) => self.approvals.push((line, approval)),
            Event::Disclosed(disclosed) => self.disclosed.push((line, disclosed)),
            Event::Exchange(_) | Event::Call(_) => {}
            _ => return None,
        }
        Some(())
    }

    fn end(&mut self, line: u64, id: &str, end: End<'e>) -> Option<()> {
        let open = self.steps.last_mut().filter(|step| step.id == id && step.end.is_none())?;
        open.end = Some((line, end));
        Some(())
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

/// A value as the text that it was read from: of a string what it says, of anything else its JSON.
///
/// # Errors
/// A blob that cannot be read, in words.
pub(crate) fn text(folder: &Path, stored: &Stored) -> Result<String, String> {
    Ok(match stored_value(folder, stored)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}
