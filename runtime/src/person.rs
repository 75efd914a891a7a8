//! Whom it is left to where no rule refuses a plan, and the policy wants a person to say yes to it.

use claw_audit::ApprovedBy;
use claw_policy::Question;

/// Somebody who can say yes.
pub trait Person {
    /// Shows what is wanted, all of it, and says what came of it.
    fn allows(&mut self, stage: Stage, questions: &[Question]) -> Consent;
}

/// How far it has come when a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing of the plan has run. What its steps will give each other is not known.
    Plan,
    /// The steps before this one have run, and all that it will be given is known.
    Step,
}

/// What a person says.
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
    fn allows(&mut self, _: Stage, _: &[Question]) -> Consent {
        Consent::No
    }
}
