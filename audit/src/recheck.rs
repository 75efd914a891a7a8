//! Everything that the policy engine decided in a run, again, from its record alone: verdicts, labels, resolved arguments, and
//! the halts before a step started.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use claw_policy::printable::printable;
use claw_policy::recorded::to_record;
use claw_policy::{Execution, Name, Plan, Policy, Question, Refusal, Session, ValidatedPlan};
use serde::Serialize;
use serde_json::Value;

use crate::blobs::stored_value;
use crate::canonical;
use crate::event::{Event, Halt, StepLabel, Verdict, Violation};
use crate::fault::{Fault, fault};
use crate::log::LOG;
use crate::plans::{End, RecordedPlan, RecordedStep, RecordedVerdict, plans};
use crate::policies::Policies;
use crate::said::{Approval, Disclosed, Told};
use crate::stored::Stored;

/// The most characters of one side that a difference shows.
const SHOWN_MAX: usize = 300;

/// Decides again on every plan of the record in `folder`, whose events are `events`, in a session that grows by what is
/// recorded: outputs, failures, what each step used.
///
/// What ran is not run again: why a step failed, and a halt of a step that had started, stand as they are recorded.
///
/// # Errors
/// The first event that says something else than the policy engine says now, with both sides.
pub fn recheck(folder: &Path, events: &[Event]) -> Result<(), Fault> {
    Policies::default().recheck(folder, events)
}

impl Policies {
    /// [`recheck`], with policies that are loaded once.
    ///
    /// # Errors
    /// The same.
    pub fn recheck(&mut self, folder: &Path, events: &[Event]) -> Result<(), Fault> {
        if !matches!(events.first(), Some(Event::Open { .. })) {
            // It was cut off before it opened.
            return Ok(());
        }
        let opened = self.reopen(folder, events);
        let (policy, mut session) = opened.map_err(|what| fault(&folder.join(LOG), Some(1), what))?;
        let again = Again { folder, policy };
        again.inputs(events, &session)?;
        for plan in plans(folder, events)? {
            session = again.plan(&plan, session)?;
        }
        Ok(())
    }
}

struct Again<'r> {
    folder: &'r Path,
    policy: Arc<Policy>,
}

impl Again<'_> {
    fn inputs(&self, events: &[Event], session: &Session) -> Result<(), Fault> {
        let Some(Event::Open { inputs, .. }) = events.first() else { return Ok(()) };
        for (name, bound) in session.inputs() {
            let Some(recorded) = inputs.get(name.as_str()) else { continue };
            self.same(1, &format!("the input `{name}`"), &self.value(1, &recorded.value)?, &bound.value)?;
            self.same(1, &format!("the label of the input `{name}`"), &recorded.label, &bound.label)?;
        }
        Ok(())
    }

    /// Decides on one plan, and gives back the session, grown by what came of it.
    fn plan(&self, plan: &RecordedPlan<'_>, mut session: Session) -> Result<Session, Fault> {
        // It was cut off before there was a verdict.
        let Some(verdict) = &plan.verdict else { return Ok(session) };
        let again = Plan::parse(&plan.text, &self.policy.limits)
            .and_then(|plan| self.policy.check(&session, plan, verdict.time));
        self.verdict(verdict, &again)?;
        let validated = match again {
            Ok(validated) => validated,
            Err(refusal) => {
                let runs = plan.steps.first().map(|step| step.line).or(plan.halt.map(|(line, _)| line));
                if let Some(line) = runs.or(plan.disclosed.first().map(|(line, _)| *line)) {
                    return Err(self.wrong(line, "the plan was not accepted, and something of it runs".to_owned()));
                }
                self.approvals(plan, &refusal, &mut session)?;
                return Ok(session);
            }
        };
        let mut execution =
            Execution::start(validated, session).map_err(|refusal| self.wrong(plan.line, refusal.to_string()))?;
        let mut allowed = plan.allowed.iter().peekable();
        for step in &plan.steps {
            let before = |(line, _): &&(u64, &Approval)| *line < step.line;
            while let Some((line, approval)) = allowed.next_if(before) {
                self.allowed(*line, approval, &mut execution)?;
            }
            self.step(step, &mut execution)?;
        }
        for (line, approval) in allowed {
            self.allowed(*line, approval, &mut execution)?;
        }
        self.halt(plan, &mut execution)?;
        let mut session = execution.finish().0;
        for (line, disclosed) in &plan.disclosed {
            self.disclosed(*line, disclosed, &mut session)?;
        }
        Ok(session)
    }

    /// What a person allowed was asked, and is allowed in the session from then on.
    fn approvals(&self, plan: &RecordedPlan<'_>, refusal: &Refusal, session: &mut Session) -> Result<(), Fault> {
        for (line, approval) in &plan.approvals {
            session.approve(self.approval(*line, approval, refusal.questions())?);
        }
        Ok(())
    }

    /// The same of a step that is about to start, which is asked about once.
    fn allowed(&self, line: u64, approval: &Approval, execution: &mut Execution) -> Result<(), Fault> {
        execution.approve(self.approval(line, approval, &execution.asks())?);
        Ok(())
    }

    /// A person's yes to one of `questions`.
    fn approval(&self, line: u64, given: &Approval, questions: &[Question]) -> Result<claw_policy::Approval, Fault> {
        let is_it = |question: &&Question| question.subject() == given.subject && question.step.as_str() == given.step;
        let question = questions
            .iter()
            .find(is_it)
            .ok_or_else(|| self.wrong(line, "a person allows what the policy does not ask".to_owned()))?;
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(given.time));
        Ok(question.approve(time.ok_or_else(|| self.wrong(line, "its time is none".to_owned()))?))
    }

    /// What the planner got to know is what it may, and its context grows by that.
    fn disclosed(&self, line: u64, recorded: &Disclosed, session: &mut Session) -> Result<(), Fault> {
        let step = Name::new(&recorded.step).ok();
        let told = step.and_then(|step| session.disclose(&self.policy, &step));
        let told = told.ok_or_else(|| self.wrong(line, format!("no step `{}` has run", printable(&recorded.step))))?;
        self.same(line, "what the planner is told", &recorded.told, &Told::from(&told))?;
        self.same(line, "what the planner has been shown", &recorded.context, session.context())
    }

    fn verdict(&self, recorded: &RecordedVerdict<'_>, again: &Result<ValidatedPlan, Refusal>) -> Result<(), Fault> {
        let (verdict, violations, steps) = verdict_of(again);
        self.same(recorded.line, "the verdict", &recorded.verdict, &verdict)?;
        self.same_list(recorded.line, "violation", recorded.violations, &violations)?;
        self.same_list(recorded.line, "step", recorded.steps, &steps)
    }

    fn step(&self, recorded: &RecordedStep<'_>, execution: &mut Execution) -> Result<(), Fault> {
        let line = recorded.line;
        let ready = match execution.next_step() {
            Some(Ok(ready)) => ready,
            Some(Err(refusal)) => {
                let what = format!("the step `{}` starts here, and by the policy it halts: {refusal}", recorded.id);
                return Err(self.wrong(line, what));
            }
            None => {
                let what = format!("the step `{}` starts here, and the plan has no more steps", recorded.id);
                return Err(self.wrong(line, what));
            }
        };
        let capability = self.policy.capabilities.get(&ready.capability);
        let grants = capability.map(|capability| capability.grants.as_slice()).unwrap_or_default();
        let has_effects = capability.is_some_and(|capability| capability.has_effects(&self.policy.grants));
        self.same(line, "the step", recorded.id, ready.id.as_str())?;
        self.same(line, "its capability", recorded.capability, ready.capability.as_str())?;
        self.same(line, "what it is given", &self.value(line, recorded.arguments)?, &ready.given)?;
        self.same(line, "its label", recorded.label, &ready.label)?;
        self.same(line, "its grants", recorded.grants, grants)?;
        match &recorded.end {
            Some((line, End::Done { output, label, usage })) => {
                self.same(*line, "the output's label", *label, &ready.label)?;
                let output = self.value(*line, output)?;
                let taken = execution.recorded(&ready, output, usage.written, usage.files);
                taken
                    .map(drop)
                    .map_err(|why| self.wrong(*line, format!("the step is done, and by the policy it is not: {why}")))
            }
            Some((_, End::Failed { reason, usage })) => {
                let (mut written, mut files) = (usage.written, usage.files);
                if reason.is_untold(usage) && has_effects {
                    (written, files) = execution.budgets_left();
                }
                execution.failed(&ready, written, files);
                Ok(())
            }
            None => {
                execution.failed(&ready, 0, 0);
                Ok(())
            }
        }
    }

    fn halt(&self, plan: &RecordedPlan<'_>, execution: &mut Execution) -> Result<(), Fault> {
        let Some((line, recorded)) = plan.decided_halt() else { return Ok(()) };
        match execution.next_step() {
            Some(Err(refusal)) => {
                let violations: Vec<Violation> = refusal.violations().iter().map(Into::into).collect();
                let Halt { step, violations: found } = recorded;
                let first = violations.first().and_then(|violation| violation.step.as_ref());
                self.same(line, "the step", &step.as_ref(), &first)?;
                self.same_list(line, "violation", found, &violations)
            }
            Some(Ok(ready)) => {
                Err(self.wrong(line, format!("the plan halts here, and by the policy `{}` starts", ready.id)))
            }
            None => Err(self.wrong(line, "the plan halts here, and by the policy it is done".to_owned())),
        }
    }

    fn value(&self, line: u64, stored: &Stored) -> Result<Value, Fault> {
        stored_value(self.folder, stored).map_err(|what| self.wrong(line, what))
    }

    /// Compares two lists, and tells the first place where they differ.
    fn same_list<A: Serialize, B: Serialize>(
        &self,
        line: u64,
        what: &str,
        recorded: &[A],
        again: &[B],
    ) -> Result<(), Fault> {
        for index in 0..recorded.len().max(again.len()) {
            self.same(line, &format!("{what} {}", index + 1), &recorded.get(index), &again.get(index))?;
        }
        Ok(())
    }

    fn same<A, B>(&self, line: u64, what: &str, recorded: &A, again: &B) -> Result<(), Fault>
    where
        A: Serialize + ?Sized,
        B: Serialize + ?Sized,
    {
        let (recorded, again) = (self.canonical(line, recorded)?, self.canonical(line, again)?);
        if recorded == again {
            return Ok(());
        }
        Err(self.wrong(line, format!("{what} is {}, and by the policy it is {}", shown(&recorded), shown(&again))))
    }

    /// As it stands on record, where there is one form for one value: `1` and `1.0` are no difference.
    fn canonical(&self, line: u64, side: &(impl Serialize + ?Sized)) -> Result<String, Fault> {
        let mut form = Vec::new();
        let written = serde_json::to_value(side).and_then(|mut value| {
            to_record(&mut value);
            canonical::write(&value, &mut form)
        });
        written.map_err(|error| self.wrong(line, error.to_string()))?;
        Ok(String::from_utf8_lossy(&form).into_owned())
    }

    fn wrong(&self, line: u64, what: String) -> Fault {
        fault(&self.folder.join(LOG), Some(line), what)
    }
}

/// A side of a difference, or as much of it as a person reads.
fn shown(side: &str) -> String {
    let text = printable(side);
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        let _infallible = write!(shown, "… ({} bytes)", text.len());
    }
    shown
}

/// A verdict in the form that it has in a record.
pub fn verdict_of(decided: &Result<ValidatedPlan, Refusal>) -> (Verdict, Vec<Violation>, Vec<StepLabel>) {
    match decided {
        Ok(plan) => {
            let steps = plan.steps().iter().map(|step| StepLabel {
                step: step.id().to_string(),
                capability: step.capability().to_string(),
                label: step.label().clone(),
            });
            (Verdict::Accepted, Vec::new(), steps.collect())
        }
        Err(refusal) => {
            let asks = refusal.violations().is_empty();
            let violations = refusal.violations().iter().map(Into::into).collect();
            (if asks { Verdict::NeedsApproval } else { Verdict::Refused }, violations, Vec::new())
        }
    }
}
