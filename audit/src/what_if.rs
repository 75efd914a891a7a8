//! What another policy would have said of the plans of a record. Nothing runs, and what is on record stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use claw_policy::{
    Ask, Catalogue, Execution, Name, Narrowing, OutputFault, Plan, Policy, Session, SurveyedStep, Violation,
};
use serde::Serialize;

use crate::event::{Event, Input, Verdict};
use crate::log::LOG;
use crate::plans::{End, RecordedPlan, plans, value};
use crate::policies::{Policies, given};
use crate::verify::{Fault, fault};

/// The policy that is tried.
#[derive(Clone, Copy, Debug)]
pub struct Other<'o> {
    /// Its text. It loads, with its catalogue.
    pub text: &'o str,
    /// What is known of its components.
    pub catalogue: &'o Catalogue,
    /// What it is narrowed to; none is what the recorded run was narrowed to.
    pub narrowing: Option<&'o Narrowing>,
}

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
    refers_to: BTreeSet<Name>,
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

    /// The rules by which the other policy refuses it, or halts it.
    pub fn rules(&self) -> BTreeSet<&'static str> {
        let steps = self.steps.iter().flat_map(|step| &step.violations);
        self.violations.iter().chain(steps).map(|violation| violation.rule).collect()
    }
}

/// Decides by another policy on every plan of the record in `folder`, whose events are `events`, and which verifies.
///
/// Each step is judged in the plan as it stands: every step before it counts for budgets and order, also one that is refused.
/// Where the whole plan passes, what is known only while running is decided on too, as far as the recorded outputs tell it:
/// they stand in for what the steps would have given.
///
/// # Errors
/// A record whose own policy or plans cannot be read.
pub fn what_if(
    folder: &Path,
    events: &[Event],
    policies: &mut Policies,
    other: &Other<'_>,
) -> Result<Vec<WhatIf>, Fault> {
    let wrong = |what| fault(&folder.join(LOG), Some(1), what);
    let Some(Event::Open { narrowing, inputs, .. }) = events.first() else {
        return Err(wrong("it does not open".to_owned()));
    };
    let (recorded, _) = policies.reopen(folder, events).map_err(wrong)?;
    let policy = policies.load(other.text, other.catalogue, other.narrowing.unwrap_or(narrowing));
    let plans = plans(folder, events)?;
    let decided = plans.iter().filter_map(|plan| Some((plan, decided_on_record(plan)?)));
    let policy = match policy {
        Ok(policy) => policy,
        // It has no such task, or not what is to be kept of it.
        Err(refusal) => {
            let each = |(plan, recorded)| WhatIf::refused(plan, recorded, refusal.violations().to_vec());
            return Ok(decided.map(each).collect());
        }
    };
    let (mut session, unbound) = open(&policy, folder, inputs).map_err(wrong)?;
    let mut trial = Trial { folder, policy, recorded, unbound, missing: BTreeSet::new() };
    let mut found = Vec::new();
    for (plan, recorded) in decided {
        let (what_if, grown) = trial.plan(plan, recorded, session)?;
        found.push(what_if);
        session = grown;
    }
    Ok(found)
}

/// What the record says of a plan; none where it was cut off before.
fn decided_on_record(plan: &RecordedPlan<'_>) -> Option<Decided> {
    Some(match plan.verdict.as_ref()?.verdict {
        Verdict::Accepted if plan.decided_halt().is_some() => Decided::Halted,
        Verdict::Accepted => Decided::Accepted,
        Verdict::NeedsApproval => Decided::NeedsApproval,
        Verdict::Refused => Decided::Refused,
    })
}

/// A session of the other policy with the recorded inputs, and what is refused of those that it does not take.
fn open(policy: &Policy, folder: &Path, inputs: &BTreeMap<String, Input>) -> Result<(Session, Vec<Violation>), String> {
    let (mut taken, mut refused) = (BTreeMap::new(), Vec::new());
    for (name, given) in given(folder, inputs)? {
        match Session::open(policy, [(name.clone(), given.clone())].into()) {
            Ok(_) => drop(taken.insert(name, given)),
            Err(violations) => refused.extend(violations),
        }
    }
    let session = Session::open(policy, taken).map_err(|_| "its inputs cannot be bound".to_owned())?;
    Ok((session, refused))
}

/// A record while another policy decides on it.
struct Trial<'r> {
    folder: &'r Path,
    policy: Arc<Policy>,
    /// The record's own policy.
    recorded: Arc<Policy>,
    /// What is refused of the inputs, and so of every plan.
    unbound: Vec<Violation>,
    /// The steps by now whose outputs would not be there, or cannot be known.
    missing: BTreeSet<Name>,
}

impl Trial<'_> {
    fn plan(
        &mut self,
        plan: &RecordedPlan<'_>,
        recorded: Decided,
        session: Session,
    ) -> Result<(WhatIf, Session), Fault> {
        let survey = match Plan::parse(&plan.text, &self.policy.limits) {
            Ok(parsed) => self.policy.survey(&session, parsed),
            Err(refusal) => {
                self.missing.extend(plan.steps.iter().filter_map(|step| Name::new(step.id).ok()));
                let violations = self.unbound.iter().chain(refusal.violations()).cloned().collect();
                return Ok((WhatIf::refused(plan, recorded, violations), session));
            }
        };
        let violations: Vec<Violation> = self.unbound.iter().cloned().chain(survey.violations).collect();
        let mut steps: Vec<StepWhatIf> = survey.steps.into_iter().map(StepWhatIf::of).collect();
        let mut passes = violations.is_empty() && steps.iter().all(|step| step.violations.is_empty());
        for step in steps.iter_mut().filter(|step| !step.refers_to.is_disjoint(&self.missing)) {
            // That there is no such step follows from what was refused before: it is no fault of this one.
            step.violations.retain(|violation| violation.rule != "reference.unknown");
            passes = false;
        }
        let mut lost = self.missing.clone();
        let session = if passes { self.run(plan, session, &mut steps, &mut lost)? } else { session };
        steps.iter_mut().for_each(|step| step.settle(&mut lost, survey.is_cut));
        let worst = steps.iter().map(|step| step.decided).max().unwrap_or(Decided::Accepted);
        let decided = match worst {
            _ if !violations.is_empty() => Decided::Refused,
            Decided::Refused if passes => Decided::Halted,
            worst => worst,
        };
        self.missing = lost;
        if !passes {
            // The whole plan or nothing.
            self.missing.extend(steps.iter().map(|step| step.id.clone()));
        }
        Ok((WhatIf { decided, steps, ..WhatIf::refused(plan, recorded, violations) }, session))
    }

    /// Goes through a plan that passes, with the recorded outputs in the place of what its steps would give. Steps of which
    /// nothing is known are added to `lost`.
    fn run(
        &self,
        plan: &RecordedPlan<'_>,
        session: Session,
        steps: &mut [StepWhatIf],
        lost: &mut BTreeSet<Name>,
    ) -> Result<Session, Fault> {
        let mut execution = self.start(plan, session)?;
        let mut on_record = plan.steps.iter();
        for step in steps {
            let Some(ready) = execution.next_step() else { break };
            let recorded = on_record.next().filter(|recorded| recorded.id == step.id.as_str());
            if !step.refers_to.is_disjoint(lost) {
                lost.insert(step.id.clone());
                continue;
            }
            step.resolved = true;
            match ready {
                Err(refusal) => {
                    step.violations.extend_from_slice(refusal.violations());
                    lost.insert(step.id.clone());
                }
                Ok(ready) => match recorded.and_then(|recorded| recorded.end.as_ref()) {
                    Some((line, End::Done { output, usage, .. })) => {
                        let seen = value(self.folder, output).map_err(|what| self.wrong(*line, what))?;
                        let known = self.reads_alike(step) && {
                            let taken = execution.recorded(&ready, seen, usage.written, usage.files);
                            if let Err(OutputFault::Halted(violation)) = &taken {
                                step.violations.push(violation.as_ref().clone());
                            }
                            taken.is_ok()
                        };
                        if !known {
                            lost.insert(step.id.clone());
                        }
                    }
                    // It failed, or never started: the record does not tell what comes after it.
                    Some((_, End::Failed { .. })) | None => break,
                },
            }
        }
        Ok(execution.finish().0)
    }

    /// Starts the plan, as if a person had said yes to all that is asked.
    fn start(&self, plan: &RecordedPlan<'_>, mut session: Session) -> Result<Execution, Fault> {
        let now = plan.verdict.as_ref().map_or(SystemTime::UNIX_EPOCH, |verdict| verdict.time);
        let check = |session: &Session| {
            Plan::parse(&plan.text, &self.policy.limits).and_then(|parsed| self.policy.check(session, parsed, now))
        };
        let checked = check(&session).or_else(|refusal| {
            refusal.questions().iter().for_each(|question| session.approve(question.approve(now)));
            check(&session)
        });
        let started = checked.and_then(|validated| Execution::start(validated, session));
        started.map_err(|refusal| self.wrong(plan.line, refusal.to_string()))
    }

    /// Whether both policies read the output of a step in the same way: as JSON, or as what it is.
    fn reads_alike(&self, step: &StepWhatIf) -> bool {
        let [own, other] = [&self.recorded, &self.policy].map(|policy| policy.capabilities.get(&step.capability));
        own.map(|own| own.output_is_json) == other.map(|other| other.output_is_json)
    }

    fn wrong(&self, line: u64, what: String) -> Fault {
        fault(&self.folder.join(LOG), Some(line), what)
    }
}

impl WhatIf {
    /// A plan that is refused as a whole.
    fn refused(plan: &RecordedPlan<'_>, recorded: Decided, violations: Vec<Violation>) -> Self {
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
    fn of(step: SurveyedStep) -> Self {
        let SurveyedStep { id, capability, refers_to, violations, asks } = step;
        let (decided, depends_on, resolved) = (Decided::Unknown, Vec::new(), refers_to.is_empty());
        Self { id, capability, decided, resolved, violations, asks, depends_on, refers_to }
    }

    /// Decides on the step, once it is known which outputs would not be there: its own too, if it would not run.
    fn settle(&mut self, lost: &mut BTreeSet<Name>, is_cut: bool) {
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
