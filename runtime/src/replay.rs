//! A recorded run, run again: its components get the answers that they got, and everything has to come out the same.
//!
//! Nothing real is touched: no folder is open, and time is the recorded one. The plans go through the same door.

use std::path::Path;

use claw_audit::{Event, Status};
use claw_policy::Name;

use crate::execute::{ExecuteError, Progress, Runtime};
use crate::journal::{Journal, JournalError};
use crate::person::Nobody;
use crate::playback::{Difference, Next, Playback, ReplayEnd, Stood};
use crate::run::Run;

/// What came of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// How many steps were run again, each with the same output, label and fuel.
    pub steps: usize,
    /// Those that were not, and why.
    pub stood: Vec<Stood>,
    /// How far it came.
    pub end: Ended,
}

/// How a replay ended.
#[derive(Debug)]
pub enum Ended {
    /// As the run did: all is the same.
    Same(Option<Status>),
    /// Where the record tells no more: all is the same up to there.
    Over {
        /// The last line that could be repeated.
        line: u64,
        /// Why there is no more.
        why: String,
    },
    /// With something else than is recorded.
    Differs(Box<Difference>),
}

/// A record that cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// What it began with does not load.
    #[error("the record does not open again: {0}")]
    Open(String),
    /// A plan of it cannot be read.
    #[error("a plan of the record cannot be read: {0}")]
    Plan(String),
    /// What it tells of its planner cannot have been.
    #[error("the record is not one of a run: {0}")]
    Said(String),
    /// The session refuses what it allowed.
    #[error(transparent)]
    Session(#[from] claw_policy::Refusal),
}

/// Runs the record in `folder`, whose events are `events`, again. `runtime` has the components and no folders.
///
/// # Errors
/// A record that does not open. What comes out differently is no error.
pub fn replay(
    folder: &Path,
    events: Vec<Event>,
    mut runtime: Runtime,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<Replayed, ReplayError> {
    let (policy, session) = claw_audit::reopen(folder, &events).map_err(ReplayError::Open)?;
    runtime.seed = claw_audit::seed(folder, &events).map_err(ReplayError::Open)?;
    let playback = Playback::new(folder, events, policy.limits.log);
    let mut run = Run::with(policy, runtime, Journal::Replay(playback), session);
    let mut status = None;
    let ended = loop {
        let done = match run.next() {
            None => break Ok(status),
            Some(Next::Plan(text)) => match run.submit(&text.map_err(ReplayError::Plan)?, &mut Nobody, watch) {
                Ok(outcome) => {
                    status = Some(outcome.status);
                    Ok(())
                }
                Err(ExecuteError::Journal(error)) => Err(error),
                Err(ExecuteError::Session(refusal)) => return Err(refusal.into()),
            },
            Some(Next::Disclosed(disclosed)) => match Name::new(&disclosed.step).map(|step| run.disclose(&step)) {
                Ok(Ok(Some(_))) => Ok(()),
                Ok(Err(error)) => Err(error),
                _ => {
                    return Err(ReplayError::Said(format!("it tells of a step `{}` that has not run", disclosed.step)));
                }
            },
        };
        if let Err(error) = done {
            break Err(error);
        }
    };
    let (ended, played) = run.end_replay(ended);
    let end = match ended {
        Ok(()) => Ended::Same(status),
        Err(JournalError::Replay(ReplayEnd::Differs(difference))) => Ended::Differs(difference),
        Err(JournalError::Replay(ReplayEnd::Over { line, why })) => Ended::Over { line, why },
        Err(JournalError::Record(error)) => return Err(ReplayError::Open(error.to_string())),
        Err(JournalError::Replay(error @ ReplayEnd::Full(_))) => return Err(ReplayError::Open(error.to_string())),
    };
    let (stood, steps) = played.map(Playback::steps).unwrap_or_default();
    Ok(Replayed { steps, stood, end })
}
