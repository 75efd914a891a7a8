//! A record that is read along while its run is repeated: what each step was answered, and whether all comes out the same.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claw_audit::{Disclosed, Event, FailureReason, Status, Stored, Usage, Why, stored_bytes, stored_value};
use serde_json::Value;

use crate::ask::{Ask, Told};
use crate::exchange::{Refused, Response};
use crate::host::{Answer, Answered, Call, Taped};
use crate::person::Consent;
use crate::worker::Attendant;

/// The rule by which a record that is full halts its run.
const LOG_RULE: &str = "budget.log";

/// A record, and how far its run has been repeated.
#[derive(Debug)]
pub(crate) struct Playback {
    folder: PathBuf,
    events: Vec<Event>,
    at: usize,
    /// The limit `log` of the run.
    bytes_max: u64,
    stood: Vec<Stood>,
    again: usize,
    /// Whether it is the record of a session with a planner, and that has ended.
    ended: bool,
}

/// What a run did that a replay does again.
#[derive(Debug)]
pub(crate) enum Next {
    /// It took a plan.
    Plan(Result<Vec<u8>, String>),
    /// It told the planner of a step.
    Disclosed(Disclosed),
}

/// A step that was not run again, and why: what is recorded of it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stood {
    /// Its id.
    pub step: String,
    /// Why.
    pub why: String,
}

/// Where a replay ends before the run did.
#[derive(Debug, thiserror::Error)]
pub enum ReplayEnd {
    /// Something came out differently.
    #[error("line {} of the log is not what happens now", .0.line)]
    Differs(Box<Difference>),
    /// The record had reached its limit of so many bytes, and halted the run.
    #[error("the record had reached its limit of {0} bytes")]
    Full(u64),
    /// What it needs to go on is not in the record.
    #[error("the record does not say what came after its line {line}: {why}")]
    Over {
        /// The last line that could be repeated.
        line: u64,
        /// Why there is no more.
        why: String,
    },
}

/// The first event that came out differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its line in the log, from 1.
    pub line: u64,
    /// What is recorded; nothing where the log ends.
    pub recorded: Option<Event>,
    /// What happens now.
    pub replayed: Event,
}

/// How a step is to be had.
#[derive(Debug)]
pub(crate) enum Play {
    /// By running it.
    Live,
    /// By running it with these answers. What it wrote is counted as it was recorded.
    Again { tape: Vec<Taped>, responses: Responses, recorded: Usage },
    /// As it is recorded.
    Stands { result: Result<Value, FailureReason>, calls: Vec<Taped>, usage: Usage },
}

/// The responses that a step was given, in their order: it is given them again, each read when it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    folder: PathBuf,
    left: VecDeque<claw_audit::Response>,
}

impl Responses {
    /// The next one. Nothing where there is none, or none that can be read.
    fn next(&mut self) -> Option<Response> {
        let claw_audit::Response { head, body } = self.left.pop_front()?;
        let head = serde_json::from_value(stored_value(&self.folder, &head).ok()?).ok()?;
        Some(Response { body: stored_bytes(&self.folder, &body).ok()?, ..head })
    }
}

impl Attendant for Responses {
    fn called(&mut self) {}

    fn answer(&mut self, ask: Ask, _left: Duration) -> Told {
        match ask {
            Ask::Recorded => Told::Http(self.next().ok_or(Refused::Denied)),
            // A replay has no network, whatever its guest asks for.
            other => other.denied(),
        }
    }

    fn told(&mut self, _told: Told) {}
}

impl Playback {
    /// Of the record in `folder` with `events`, once it is opened.
    pub(crate) fn new(folder: &Path, mut events: Vec<Event>, bytes_max: u64) -> Self {
        // Of a run that was cut off, the next start wrote the last line.
        events.pop_if(|event| matches!(event, Event::Seal { cut: Some(_), .. }));
        Self { folder: folder.to_owned(), events, at: 1, bytes_max, stood: Vec::new(), again: 0, ended: false }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The steps that were not run again, and how many were.
    pub(crate) fn steps(self) -> (Vec<Stood>, usize) {
        (self.stood, self.again)
    }

    /// What the run did next, after what was only said: that stands.
    pub(crate) fn next_done(&mut self) -> Option<Next> {
        loop {
            match self.next()? {
                Event::Prompt(_) | Event::Reply(_) | Event::NoReply(_) => {}
                Event::Ended(_) => self.ended = true,
                Event::Plan { text, base64 } => {
                    return Some(Next::Plan(claw_audit::plan_text(&self.folder, text, *base64)));
                }
                Event::Disclosed(disclosed) => return Some(Next::Disclosed(disclosed.clone())),
                _ => return None,
            }
            self.at += 1;
        }
    }

    /// Takes the end of the run, after a plan that ended with `status`: the record has to be sealed so, or cut off.
    pub(crate) fn end(&mut self, status: Option<Status>) -> Result<(), ReplayEnd> {
        match (self.next(), status) {
            // No plan came, or the run was cut off after one: how that was sealed is not the plan's to say.
            (None | Some(Event::Seal { status: Status::Interrupted, .. }), _) | (Some(Event::Seal { .. }), None) => {
                Ok(())
            }
            // How a session with a planner ended is what the planner did, and stands.
            (Some(Event::Seal { .. }), _) if self.ended => Ok(()),
            (_, status) => {
                let status = status.unwrap_or(Status::Interrupted);
                self.append(&Event::Seal { status, time: self.time_ms(), cut: None })
            }
        }
    }

    /// The time of the next event that has one, in milliseconds since 1970.
    pub(crate) fn time_ms(&self) -> u64 {
        let times = self.events.get(self.at..).into_iter().flatten().find_map(|event| match event {
            Event::Verdict { time, .. } | Event::Seal { time, .. } | Event::Step { clock: time, .. } => Some(*time),
            Event::Approval(approval) => Some(approval.time),
            _ => None,
        });
        times.unwrap_or_default()
    }

    /// Whether the run was interrupted before its next step.
    pub(crate) fn was_interrupted(&self) -> bool {
        match self.next() {
            Some(Event::Seal { status: Status::Interrupted, .. }) => true,
            Some(Event::Ended(ended)) => ended.why == Why::Interrupted,
            _ => false,
        }
    }

    /// What a person said when they were asked.
    pub(crate) fn consent(&self) -> Consent {
        match self.next() {
            Some(Event::Approval(approval)) => Consent::Yes(approval.by),
            _ if self.was_interrupted() => Consent::Interrupt,
            _ => Consent::No,
        }
    }

    /// Takes an event of the replay, which has to be the next one of the record.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), ReplayEnd> {
        if self.was_full() && matches!(event, Event::Step { .. } | Event::Call(_)) {
            return Err(ReplayEnd::Full(self.bytes_max));
        }
        let over = |why: String| ReplayEnd::Over { line: self.at as u64, why };
        let recorded = self.next().ok_or_else(|| over("the run was cut off there".to_owned()))?;
        // By their lines: a number has one there, and several in memory.
        let line = |event: &Event| event.line().map_err(|error| over(error.to_string()));
        if line(recorded)? != line(event)? {
            let (recorded, replayed) = (Some(recorded.clone()), event.clone());
            return Err(ReplayEnd::Differs(Box::new(Difference { line: self.at as u64 + 1, recorded, replayed })));
        }
        self.at += 1;
        Ok(())
    }

    /// How the step whose start has just been taken is to be had.
    pub(crate) fn play(&mut self) -> Result<Play, ReplayEnd> {
        // What the parent sent is not sent again.
        let mut answered = Vec::new();
        while let Some(Event::Exchange(exchange)) = self.next() {
            answered.extend(exchange.status.map(|_| exchange.response.clone()));
            self.at += 1;
        }
        let rest = self.events.get(self.at..).unwrap_or_default();
        let calls: Vec<&claw_audit::Call> =
            rest.iter().map_while(|event| if let Event::Call(call) = event { Some(call) } else { None }).collect();
        let after = rest.get(calls.len() + 1);
        let over = |why: &str| ReplayEnd::Over { line: self.at as u64, why: why.to_owned() };
        let (step, result, usage, tape) = match rest.get(calls.len()) {
            Some(Event::Done { step, output, usage, tape, .. }) => {
                let output = stored_value(&self.folder, output).map_err(|why| over(&why))?;
                (step, Ok(output), *usage, tape)
            }
            Some(Event::Failed { step, reason, usage, tape }) => (step, Err(reason.clone()), *usage, tape),
            Some(Event::Halt(_)) => return Err(over("the record was full, and does not say how the step ended")),
            _ => return Err(over("the run was cut off in this step, and its outcome is unknown")),
        };
        let answers = self.answers(tape.as_ref()).map_err(|error| over(&error))?;
        let given = answers.iter().filter(|answered| answered.answer == Answer::Response).count();
        let left: VecDeque<_> = answered.into_iter().map_while(|response| response).collect();
        let is_whole = calls.len() == answers.len() && usage.calls_left_out == 0 && given == left.len();
        let calls =
            calls.into_iter().zip(answers).map(|(call, answered)| Taped { call: taped(call), answered }).collect();
        let Some(why) = stands(result.as_ref().err(), is_whole) else {
            let responses = Responses { folder: self.folder.clone(), left };
            self.again += 1;
            return Ok(Play::Again { tape: calls, responses, recorded: usage });
        };
        if matches!(after, Some(Event::Halt(_))) {
            return Err(over(&format!("{why}, and it halted the run")));
        }
        self.stood.push(Stood { step: step.clone(), why: why.to_owned() });
        Ok(Play::Stands { result, calls, usage })
    }

    fn answers(&self, tape: Option<&Stored>) -> Result<Vec<Answered>, String> {
        let Some(tape) = tape else { return Ok(Vec::new()) };
        let tape = stored_value(&self.folder, tape)?;
        serde_json::from_value(tape).map_err(|error| format!("its tape cannot be read: {error}"))
    }

    fn next(&self) -> Option<&Event> {
        self.events.get(self.at)
    }

    /// Whether the run was halted here since its record was full.
    fn was_full(&self) -> bool {
        match self.next() {
            Some(Event::Halt(halt)) => halt.violations.first().is_some_and(|violation| violation.rule == LOG_RULE),
            _ => false,
        }
    }
}

/// Why a step is not run again.
fn stands(failure: Option<&FailureReason>, is_whole: bool) -> Option<&'static str> {
    match failure.map(|reason| reason.kind.as_str()) {
        Some("limit.time") => Some("it was ended at its deadline, and time is not repeated"),
        Some("interrupted") => Some("it was interrupted"),
        Some("worker") => Some("its worker died, and did not tell what it was answered"),
        _ if !is_whole => Some("not all that it was answered is on record: see the limits `tape` and `log`"),
        _ => None,
    }
}

/// A recorded call, as it was on the tape.
fn taped(call: &claw_audit::Call) -> Call {
    Call {
        function: call.function.clone().into(),
        arguments: call.arguments.clone(),
        subject: call.subject.clone(),
        to: call.to.clone(),
        bytes: call.bytes,
        outcome: call.outcome.clone().into(),
    }
}
