//! What is said of each step by itself, also in a plan that is refused: for comparing policies, and for running nothing.

use std::collections::BTreeSet;

use super::Checking;
use crate::fault::Violation;
use crate::name::Name;
use crate::plan::{Plan, Step};
use crate::policy::Policy;
use crate::session::Session;

/// What a policy says of a plan, step by step. It opens no door: only [`Policy::check`] does.
#[derive(Debug)]
pub struct Survey {
    /// Every step, in order.
    pub steps: Vec<SurveyedStep>,
    /// What is refused of the plan as a whole.
    pub violations: Vec<Violation>,
    /// Whether there are more violations than are listed, so that a step without one may have some too.
    pub is_cut: bool,
}

/// What a policy says of one step, in the plan as it stands: every step before it counts, also those that are refused.
#[derive(Debug)]
pub struct SurveyedStep {
    /// Its id.
    pub id: Name,
    /// The capability that it calls.
    pub capability: Name,
    /// The steps whose outputs it is given.
    pub refers_to: BTreeSet<Name>,
    /// What is refused of it.
    pub violations: Vec<Violation>,
    /// What a person would have to be asked about it.
    pub asks: Vec<Ask>,
}

/// Something that a person would have to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// JSON pointer into the plan: the step itself, or a value in its arguments.
    pub at: String,
    /// Whose choice a yes would let through; empty where each call is asked.
    pub origins: BTreeSet<Name>,
    /// The policy's line that asks.
    pub line: usize,
}

impl Policy {
    /// Says what it refuses and asks of each step of a plan. [`check`](Self::check) says it of the whole.
    pub fn survey(&self, session: &Session, plan: Plan) -> Survey {
        let Plan { steps, answer } = plan;
        let ids: Vec<Name> = steps.iter().map(|step| step.id.clone()).collect();
        let mut surveyed: Vec<SurveyedStep> = steps.iter().map(SurveyedStep::of).collect();
        let mut checking = Checking::of(self, session, &ids);
        for (index, step) in steps.into_iter().enumerate() {
            checking.step(step, index);
        }
        if let Some(reference) = &answer {
            checking.answer(reference);
        }
        for asked in checking.asked {
            if let Some(step) = surveyed.get_mut(asked.step) {
                step.asks.push(Ask { at: asked.at, origins: asked.origins, line: asked.line });
            }
        }
        let is_cut = checking.violations.is_cut();
        let mut violations = Vec::new();
        for violation in checking.violations.into_found() {
            let step = surveyed.iter_mut().find(|step| violation.step.as_deref() == Some(step.id.as_str()));
            step.map_or(&mut violations, |step| &mut step.violations).push(violation);
        }
        Survey { steps: surveyed, violations, is_cut }
    }
}

impl SurveyedStep {
    fn of(step: &Step) -> Self {
        let mut refers_to = BTreeSet::new();
        step.arguments.values().for_each(|argument| argument.refers_to(&mut refers_to));
        let (id, capability) = (step.id.clone(), step.capability.clone());
        Self { id, capability, refers_to, violations: Vec::new(), asks: Vec::new() }
    }
}
