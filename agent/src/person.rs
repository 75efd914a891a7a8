//! Whom a plan is shown to that no rule refuses and that a person has to be asked about.

use claw_audit::{ApprovedBy, Status};
use claw_policy::Question;
use claw_runtime::{ExecuteError, PlanOutcome, Progress, Run};

/// Somebody who can say yes.
pub trait Person {
    /// Shows what a plan wants to do, all of it, and says what came of it.
    fn allows(&mut self, questions: &[Question]) -> Consent;
}

/// What a person says to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Yes, in this way.
    Yes(ApprovedBy),
    /// Anything else.
    No,
    /// To stop all of it.
    Interrupt,
}

/// Nobody. What needs an approval is refused.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Person for Nobody {
    fn allows(&mut self, _: &[Question]) -> Consent {
        Consent::No
    }
}

/// Takes a plan's text through the door, and runs what passes; where a person has to be asked and says yes, it goes through
/// the door again with that on record.
///
/// # Errors
/// When the record cannot be written.
pub fn submit(
    run: &mut Run,
    text: &[u8],
    person: &mut dyn Person,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<PlanOutcome, ExecuteError> {
    let outcome = run.submit(text, watch)?;
    if outcome.questions.is_empty() {
        return Ok(outcome);
    }
    let by = match person.allows(&outcome.questions) {
        Consent::Yes(by) => by,
        Consent::No => return Ok(outcome),
        Consent::Interrupt => {
            return Ok(PlanOutcome { status: Status::Interrupted, questions: Vec::new(), ..outcome });
        }
    };
    let mut last = None;
    for question in &outcome.questions {
        // One answer is for a step, whatever is asked of it.
        if last.replace(&question.step) != Some(&question.step) {
            run.approve(question, by)?;
        }
    }
    run.submit(text, watch)
}
