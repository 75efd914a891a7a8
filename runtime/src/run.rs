//! A run: one session, its record, and the door that every plan goes through.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claw_audit::{Disclosed, Event, Host, Input, Record, RecordError, Said, Status, Stored, Told};
use claw_policy::{Catalogue, Disclosure, Document, Label, Name, Plan, Policy, Question, Session, Violation};
use serde_json::Value;

use crate::clock::unix_ms;
use crate::ending::StepOutcome;
use crate::execute::{ExecuteError, Outcome, Progress, Runtime};
use crate::journal::{Journal, JournalError};
use crate::person::{Consent, Person, Stage};
use crate::playback::{Next, Playback};
use crate::recording::verdict_event;

/// A session with its record.
#[derive(Debug)]
pub struct Run {
    policy: Arc<Policy>,
    runtime: Runtime,
    journal: Journal,
    session: Option<Session>,
}

/// What came of a plan.
#[derive(Debug)]
pub struct PlanOutcome {
    /// How it ended.
    pub status: Status,
    /// Why it was refused, or halted.
    pub violations: Vec<Violation>,
    /// What nobody said yes to: of the plan, where no rule refuses it, or of the step that halted it.
    pub questions: Vec<Question>,
    /// The steps that started, in order.
    pub steps: Vec<StepOutcome>,
    /// The plan's answer, where every step is done.
    pub answer: Option<Value>,
}

impl Run {
    /// Opens a run: everything that its verdicts will depend on goes on record first.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn open(
        policy: Arc<Policy>,
        document: &Document,
        catalogue: Catalogue,
        session: Session,
        runtime: Runtime,
        mut record: Record,
        engine: &str,
    ) -> Result<Self, RecordError> {
        let inputs = session.inputs().iter().map(|(name, bound)| {
            Ok((name.to_string(), Input { value: record.store(&bound.value)?, label: bound.label.clone() }))
        });
        let open = Event::Open {
            run: record.folder().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            time: unix_ms(SystemTime::now()),
            machine: record.opened().to_owned(),
            inputs: inputs.collect::<Result<_, RecordError>>()?,
            task: session.task().map(|task| record.store(&task.text().into())).transpose()?,
            context: Some(session.context()).filter(|context| **context != Label::default()).cloned().map(Box::new),
            policy: record.store(&Value::String(document.text().to_owned()))?,
            narrowing: policy.narrowing.clone(),
            catalogue,
            host: Host {
                claw: env!("CARGO_PKG_VERSION").to_owned(),
                engine: engine.to_owned(),
                platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            },
            seed: record.store_seed(&runtime.seed)?,
        };
        record.append(&open)?;
        Ok(Self::with(policy, runtime, Journal::Record(Box::new(record)), session))
    }

    /// A run that has been opened.
    pub(crate) fn with(policy: Arc<Policy>, runtime: Runtime, journal: Journal, session: Session) -> Self {
        Self { policy, runtime, journal, session: Some(session) }
    }

    /// The policy that decides.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The session, as it has become; none where it could not be recorded, and so takes no more plans.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Becomes readable when the user interrupts.
    pub fn interrupt(&self) -> Option<BorrowedFd<'_>> {
        self.runtime.interrupt.as_ref().map(AsFd::as_fd)
    }

    /// The form of a value in what is said.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn store(&self, value: &Value) -> Result<Stored, JournalError> {
        self.journal.store(value)
    }

    /// The time, as it goes on record: unix time in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.journal.now_ms()
    }

    /// Records what a planner is asked, or said. When this returns it is written; a prompt, which tells the planner what it
    /// has in it, is on disk.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn note(&mut self, said: Said) -> Result<(), JournalError> {
        let tells = matches!(said, Said::Prompt(_));
        self.journal.append(&said.into())?;
        if tells { self.journal.sync() } else { self.journal.write() }
    }

    /// What the planner may know of a step that has run; it joins what the planner has been shown, and is on record first.
    /// None where no such step has run.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn disclose(&mut self, step: &Name) -> Result<Option<Disclosure>, JournalError> {
        let Some(session) = &mut self.session else { return Ok(None) };
        let Some(disclosure) = session.disclose(&self.policy, step) else { return Ok(None) };
        let (told, context) = (Told::from(&disclosure), session.context().clone());
        self.journal.append(&Event::Disclosed(Disclosed { step: step.to_string(), told, context }))?;
        self.journal.write()?;
        Ok(Some(disclosure))
    }

    /// Takes a plan's text through the door, and runs what passes; where a person has to be asked and says yes, it goes
    /// through the door again with that on record.
    ///
    /// # Errors
    /// When the record cannot be written: then nothing more is done.
    pub fn submit(
        &mut self,
        text: &[u8],
        person: &mut dyn Person,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<PlanOutcome, ExecuteError> {
        let outcome = self.pass(text, person, watch)?;
        if outcome.status != Status::Refused || outcome.questions.is_empty() {
            return Ok(outcome);
        }
        let by = match self.journal.consent(person, Stage::Plan, &outcome.questions) {
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
                let approval = self.journal.approve(question, by)?;
                if let Some(session) = &mut self.session {
                    session.approve(approval);
                }
            }
        }
        self.pass(text, person, watch)
    }

    /// Decides on a plan's text, and runs it where it passes.
    fn pass(
        &mut self,
        text: &[u8],
        person: &mut dyn Person,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<PlanOutcome, ExecuteError> {
        let Some(session) = self.session.take() else {
            let message = "the session is over: an earlier plan of it could not be recorded";
            return Err(ExecuteError::Session(Violation::of_session(message).into()));
        };
        let (kept, base64) = match std::str::from_utf8(text) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (STANDARD.encode(text), true),
        };
        let kept = self.journal.store(&Value::String(kept))?;
        self.journal.append(&Event::Plan { text: kept, base64 })?;
        let now = self.journal.now();
        let verdict = Plan::parse(text, &self.policy.limits).and_then(|plan| self.policy.check(&session, plan, now));
        self.journal.append(&verdict_event(&verdict, unix_ms(now)))?;
        match verdict {
            Err(refusal) => {
                self.session = Some(session);
                self.journal.write()?;
                let (violations, questions) = (refusal.violations().to_vec(), refusal.questions().to_vec());
                Ok(PlanOutcome { status: Status::Refused, violations, questions, steps: Vec::new(), answer: None })
            }
            Ok(plan) => {
                let outcome = self.runtime.execute(session, plan, &mut self.journal, person, watch)?;
                let Outcome { session, status, steps, violations, questions, answer } = outcome;
                self.session = Some(session);
                Ok(PlanOutcome { status, violations, questions, steps, answer })
            }
        }
    }

    /// In a replay: what was done next. What only was said stands, and is passed by.
    pub(crate) fn next(&mut self) -> Option<Next> {
        match &mut self.journal {
            Journal::Record(_) => None,
            Journal::Replay(playback) => playback.next_done(),
        }
    }

    /// In a replay: compares the end, where one is recorded; and the record that it was held against.
    pub(crate) fn end_replay(
        self,
        ended: Result<Option<Status>, JournalError>,
    ) -> (Result<(), JournalError>, Option<Playback>) {
        match self.journal {
            Journal::Record(_) => (Ok(()), None),
            Journal::Replay(mut playback) => (ended.and_then(|status| Ok(playback.end(status)?)), Some(playback)),
        }
    }

    /// Ends the run. When this returns, everything is on disk; the record's folder is what is left of it.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn seal(mut self, status: Status) -> Result<PathBuf, JournalError> {
        // A process takes as long to end as a record to be sealed.
        self.runtime.dismiss();
        self.journal.seal(status)
    }
}
