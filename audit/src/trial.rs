//! The plans of one session under another policy, one after the other: what it says of each step, with recorded outputs in the
//! place of what the steps would give.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use claw_policy::{Execution, Name, OutputFault, Plan, Policy, Session, Violation};

use crate::blobs::stored_value;
use crate::decided::{Decided, StepWhatIf, WhatIf};
use crate::event::Halt;
use crate::fault::{Fault, fault};
use crate::log::LOG;
use crate::plans::{End, RecordedPlan};

/// A record while another policy decides on it.
pub(crate) struct Trial<'r> {
    folder: &'r Path,
    policy: Arc<Policy>,
    /// The record's own policy.
    recorded: Arc<Policy>,
    /// What is refused of the inputs, and so of every plan.
    unbound: Vec<Violation>,
    /// The steps by now whose outputs would not be there, or cannot be known.
    missing: BTreeSet<Name>,
}

impl<'r> Trial<'r> {
    pub(crate) fn of(folder: &'r Path, policy: Arc<Policy>, recorded: Arc<Policy>, unbound: Vec<Violation>) -> Self {
        Self { folder, policy, recorded, unbound, missing: BTreeSet::new() }
    }

    /// Decides on one plan, and gives back the session, grown where the plan passes.
    pub(crate) fn plan(
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
        // A plan that a person allowed comes again, and runs then.
        let comes_again = !plan.approvals.is_empty();
        let mut session =
            if passes && !comes_again { self.run(plan, session, &mut steps, &mut lost)? } else { session };
        for step in plan.disclosed.iter().filter_map(|(_, disclosed)| Name::new(&disclosed.step).ok()) {
            let _told = session.disclose(&self.policy, &step);
        }
        steps.iter_mut().for_each(|step| step.settle(&mut lost, survey.is_cut));
        let worst = steps.iter().map(|step| step.decided).max().unwrap_or(Decided::Accepted);
        let decided = match worst {
            _ if !violations.is_empty() => Decided::Refused,
            Decided::Refused if passes => Decided::Halted,
            worst => worst,
        };
        self.missing = lost;
        if !passes && !comes_again {
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
        // As if a person had said yes, also when a step starts; but where they were asked then, and did not.
        let missing = |halt: &&Halt| halt.violations.iter().any(|violation| violation.rule == "approval.missing");
        let denied = plan.halt.map(|(_, halt)| halt).filter(missing).and_then(|halt| halt.step.as_deref());
        for step in steps {
            let was_denied = denied.is_some_and(|denied| denied == step.id.as_str());
            if let Some(question) = execution.asks().first().filter(|_| !was_denied) {
                execution.approve(question.approve(SystemTime::UNIX_EPOCH));
            }
            let Some(ready) = execution.next_step() else { break };
            let recorded = on_record.next().filter(|recorded| recorded.id == step.id.as_str());
            if !step.refers_to.is_disjoint(lost) {
                lost.insert(step.id.clone());
                continue;
            }
            step.resolved = true;
            match ready {
                Err(refusal) => {
                    // Where a step before is lost, it is not known whether what has to come before succeeded.
                    let known = |found: &&Violation| lost.is_empty() || found.rule != "order.before";
                    step.violations.extend(refusal.violations().iter().filter(known).cloned());
                    step.resolved = !step.violations.is_empty();
                    lost.insert(step.id.clone());
                }
                Ok(ready) => match recorded.and_then(|recorded| recorded.end.as_ref()) {
                    Some((line, End::Done { output, usage, .. })) => {
                        let seen = stored_value(self.folder, output).map_err(|what| self.wrong(*line, what))?;
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
                    // The record does not tell what would have come after it; what the planner is told of it, it does.
                    Some((_, End::Failed { usage, .. })) => {
                        execution.failed(&ready, usage.written, usage.files);
                        break;
                    }
                    // It never started.
                    None => break,
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
