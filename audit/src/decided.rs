//! What another policy decides on a recorded plan and each of its steps, beside what its own decided.

use std::collections::BTreeSet;

use claw_policy::{Ask, Name, SurveyedStep, Violation};
use serde::Serialize;

use crate::plans::RecordedPlan;

/// What is decided on a plan or on a step, from what lets through most to what lets through least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    /// It may run.
    Accepted,
    /// No rule refuses it, but a person has to be asked.
    NeedsApproval,
    /// It depends on what is refused, so nothing can be said of it.
    Unknown,
    /// It starts, and a step of it does not, once the step's values are known.
    Halted,
    /// It may not run.
    Refused,
}

/// What is decided on one plan of a record.
#[derive(Debug)]
pub struct WhatIf {
    /// The line of the log, from 1, that has the plan.
    pub line: u64,
    /// What its own policy decided.
    pub recorded: Decided,
    /// The rules by which that refused it, or halted it.
    pub recorded_rules: BTreeSet<String>,
    /// What the other one decides.
    pub decided: Decided,
    /// What is refused of the plan as a whole.
    pub violations: Vec<Violation>,
    /// Every step, in order; none where the text is no plan.
    pub steps: Vec<StepWhatIf>,
}

/// What the other policy decides on one step.
#[derive(Debug)]
pub struct StepWhatIf {
    /// Its id.
    pub id: Name,
    /// The capability that it calls.
    pub capability: Name,
    /// What is decided.
    pub decided: Decided,
    /// Whether every value that it is given was known, and is decided on too. Otherwise more may be refused when it starts.
    pub resolved: bool,
    /// What is refused of it.
    pub violations: Vec<Violation>,
    /// What a person would have to be asked.
    pub asks: Vec<Ask>,
    /// The steps that are refused or unknown and that it is given outputs of.
    pub depends_on: Vec<Name>,
    pub(crate) refers_to: BTreeSet<Name>,
}

impl Decided {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NeedsApproval => "needs-approval",
            Self::Unknown => "unknown",
            Self::Halted => "halted",
            Self::Refused => "refused",
        }
    }
}

impl WhatIf {
    /// Whether the plan was accepted, and less of it would be let through now.
    pub fn takes_away(&self) -> bool {
        matches!(self.recorded, Decided::Accepted | Decided::Halted) && self.decided > self.recorded
    }

    /// Takes that a person said yes to these steps of this very plan, which came again then.
    pub(crate) fn allow(&mut self, allowed: &BTreeSet<&str>) {
        let asked = |step: &&mut StepWhatIf| step.decided == Decided::NeedsApproval;
        for step in self.steps.iter_mut().filter(asked).filter(|step| allowed.contains(step.id.as_str())) {
            step.decided = Decided::Accepted;
        }
        if self.decided == Decided::NeedsApproval {
            self.decided = self.steps.iter().map(|step| step.decided).max().unwrap_or(Decided::Accepted);
        }
    }

    /// The rules by which the other policy refuses it, or halts it.
    pub fn rules(&self) -> BTreeSet<&'static str> {
        let steps = self.steps.iter().flat_map(|step| &step.violations);
        self.violations.iter().chain(steps).map(|violation| violation.rule).collect()
    }
}

impl WhatIf {
    /// A plan that is refused as a whole.
    pub(crate) fn refused(plan: &RecordedPlan<'_>, recorded: Decided, violations: Vec<Violation>) -> Self {
        let halted = plan.decided_halt().map(|(_, halt)| halt.violations.as_slice());
        let refused = plan.verdict.as_ref().map(|verdict| verdict.violations);
        let rules = refused.into_iter().chain(halted).flatten().map(|violation| violation.rule.clone());
        Self {
            line: plan.line,
            recorded,
            recorded_rules: rules.collect(),
            decided: Decided::Refused,
            violations,
            steps: Vec::new(),
        }
    }
}

impl StepWhatIf {
    pub(crate) fn of(step: SurveyedStep) -> Self {
        let SurveyedStep { id, capability, refers_to, violations, asks } = step;
        let (decided, depends_on, resolved) = (Decided::Unknown, Vec::new(), refers_to.is_empty());
        Self { id, capability, decided, resolved, violations, asks, depends_on, refers_to }
    }

    /// Decides on the step, once it is known which outputs would not be there: its own too, if it would not run.
    pub(crate) fn settle(&mut self, lost: &mut BTreeSet<Name>, is_cut: bool) {
        self.depends_on = self.refers_to.intersection(lost).cloned().collect();
        self.decided = if !self.violations.is_empty() {
            Decided::Refused
        } else if !self.depends_on.is_empty() || is_cut {
            Decided::Unknown
        } else if !self.asks.is_empty() {
            Decided::NeedsApproval
        } else {
            Decided::Accepted
        };
        if matches!(self.decided, Decided::Refused | Decided::Unknown) {
            lost.insert(self.id.clone());
        }
    }
}
