//! How a session with a planner ends: always for one typed reason.

use claw_audit::{Status, Why};
use claw_policy::{Question, Violation};
use claw_runtime::PlanOutcome;
use serde_json::Value;

/// What came of a task.
#[derive(Debug)]
pub struct Ending {
    /// Why it ended.
    pub why: Why,
    /// That in words.
    pub message: String,
    /// How its run is sealed.
    pub status: Status,
    /// The answer, where there is one: the planner's words, or an output that it named.
    pub answer: Option<Value>,
    /// Each plan that went through the door, in order, and what came of it.
    pub plans: Vec<Planned>,
    /// Tokens of prompts and replies, as they were counted; about, where they were not.
    pub tokens: u64,
}

/// A plan, and what came of it.
#[derive(Debug)]
pub struct Planned {
    /// Its text.
    pub text: String,
    /// What came of it.
    pub outcome: PlanOutcome,
}

impl Ending {
    /// What refused or halted the last plan, where that is why it ended.
    pub fn violations(&self) -> &[Violation] {
        let ends = matches!(self.why, Why::Refused | Why::Halted);
        self.plans.last().filter(|_| ends).map(|plan| plan.outcome.violations.as_slice()).unwrap_or_default()
    }

    /// What nobody said yes to, where that is why it ended.
    pub fn questions(&self) -> &[Question] {
        let ends = matches!(self.why, Why::Refused | Why::Halted);
        self.plans.last().filter(|_| ends).map(|plan| plan.outcome.questions.as_slice()).unwrap_or_default()
    }
}

/// How a run is sealed that ended so. `ran` is whether any step of it has started.
pub(crate) fn status(why: Why, ran: bool) -> Status {
    match why {
        Why::Answered => Status::Completed,
        Why::Refused | Why::NoPlan if !ran => Status::Refused,
        Why::Refused | Why::NoPlan | Why::Halted => Status::Halted,
        Why::Rounds | Why::Tokens | Why::Time | Why::Log | Why::Silent | Why::Planner => Status::Failed,
        Why::Interrupted => Status::Interrupted,
    }
}
