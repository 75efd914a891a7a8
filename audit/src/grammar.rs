//! Which event can follow which.

use std::collections::BTreeSet;

use crate::event::{Event, Status, Verdict};
use crate::said::Disclosed;

/// Where a record is, after the events so far.
#[derive(Debug)]
pub(crate) struct Grammar {
    run: String,
    state: State,
    /// The steps that have started.
    started: BTreeSet<String>,
    /// The step that was never said to have ended, once something else came.
    unknown: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing yet.
    New,
    /// A plan or a prompt can come, or the end.
    Between,
    /// A planner was asked, and its reply is next.
    Asked,
    /// A session with a planner has ended, and the seal is next.
    Ended,
    /// A plan came, and its verdict is next.
    Plan,
    /// A plan was accepted: its steps.
    Accepted,
    /// A step has started, and its calls or its end are next.
    Step(String),
    /// A step failed or a rule halted: a halt, or the end.
    Stopped,
    /// It is sealed.
    Sealed(Status),
}

impl Grammar {
    /// Of the record of the run `run`.
    pub(crate) fn of(run: &str) -> Self {
        Self { run: run.to_owned(), state: State::New, started: BTreeSet::new(), unknown: None }
    }

    /// How it was sealed.
    pub(crate) fn status(&self) -> Option<Status> {
        match self.state {
            State::Sealed(status) => Some(status),
            _ => None,
        }
    }

    /// The step whose intent is here, and whose outcome is not, so far.
    pub(crate) fn unknown(&self) -> Option<&str> {
        match &self.state {
            State::Step(open) => Some(open),
            _ => self.unknown.as_deref(),
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// One that cannot come now.
    pub(crate) fn next(&mut self, event: &Event) -> Result<(), String> {
        let state = std::mem::replace(&mut self.state, State::Between);
        if let (State::Step(open), Event::Halt(_) | Event::Seal { .. }) = (&state, event) {
            self.unknown = Some(open.clone());
        }
        self.state = match (state, event) {
            (State::New, Event::Open { run, .. }) if *run == self.run => State::Between,
            (State::New, Event::Open { run, .. }) => return Err(format!("it is the record of another run, `{run}`")),
            (State::Between | State::Accepted | State::Stopped, Event::Plan { .. }) => State::Plan,
            (State::Between | State::Accepted | State::Stopped, Event::Prompt(_)) => State::Asked,
            (State::Asked, Event::Reply(_) | Event::NoReply(_)) => State::Between,
            (State::Between, Event::Approval(_)) => State::Between,
            (State::Accepted, Event::Approval(_)) => State::Accepted,
            (State::Between | State::Accepted | State::Stopped, Event::Disclosed(Disclosed { step, .. }))
                if self.started.contains(step) =>
            {
                State::Between
            }
            (State::Between | State::Accepted | State::Stopped, Event::Ended(_)) => State::Ended,
            (State::Plan, Event::Verdict { verdict: Verdict::Accepted, .. }) => State::Accepted,
            (State::Plan, Event::Verdict { .. }) => State::Between,
            (State::Accepted, Event::Step { step, .. }) => {
                if !self.started.insert(step.clone()) {
                    return Err(format!("the step `{step}` has started before"));
                }
                State::Step(step.clone())
            }
            (State::Step(open), Event::Exchange(exchange)) if exchange.step == open => State::Step(open),
            (State::Step(open), Event::Call(call)) if call.step == open => State::Step(open),
            (State::Step(open), Event::Done { step, .. }) if *step == open => State::Accepted,
            (State::Step(open), Event::Failed { step, .. }) if *step == open => State::Stopped,
            (State::Accepted | State::Stopped | State::Step(_), Event::Halt(_)) => State::Stopped,
            (
                State::Between | State::Accepted | State::Stopped | State::Ended,
                Event::Seal { status, cut: None, .. },
            ) => State::Sealed(*status),
            // A run can be cut off anywhere, but after its end.
            (State::Sealed(_), Event::Seal { .. }) => return Err("it is sealed twice".to_owned()),
            (_, Event::Seal { status: Status::Interrupted, cut: Some(_), .. }) => State::Sealed(Status::Interrupted),
            (state, event) => return Err(format!("a line `{}` cannot come {}", event.name(), state.now())),
        };
        Ok(())
    }
}

impl State {
    fn now(&self) -> &'static str {
        match self {
            Self::New => "first",
            Self::Between => "where a plan or the end should be",
            Self::Asked => "where a planner's reply should be",
            Self::Ended => "where the line that seals the record should be",
            Self::Plan => "where the verdict on a plan should be",
            Self::Accepted => "after a plan that was accepted",
            Self::Step(_) => "where a step's calls or its end should be",
            Self::Stopped => "after a step that failed or a rule that halted",
            Self::Sealed(_) => "after the line that seals the record",
        }
    }
}
