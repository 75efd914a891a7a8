//! Where a run says what happens: its own record, or, in a replay, the record that it is held against.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use claw_audit::{Approval, ApprovedBy, Event, Record, RecordError, Status, Stored};
use claw_policy::Question;
use serde_json::Value;

use crate::clock::unix_ms;
use crate::person::{Consent, Person, Stage};
use crate::playback::{Play, Playback, ReplayEnd};

/// What a run writes to.
#[derive(Debug)]
pub(crate) enum Journal {
    /// Its record. In a box: a replay's side is much smaller.
    Record(Box<Record>),
    /// The record of the run that it repeats: everything has to be as it is there.
    Replay(Playback),
}

/// Why a run cannot go on: it cannot be recorded, or it is not what was recorded.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The record cannot be written, so nothing more is done.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The replay ends here.
    #[error(transparent)]
    Replay(#[from] ReplayEnd),
}

impl Journal {
    /// The time, to the millisecond that records have it in; in a replay, that of the event that comes next.
    pub(crate) fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now_ms())
    }

    /// The same, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        match self {
            Self::Record(_) => unix_ms(SystemTime::now()),
            Self::Replay(playback) => playback.time_ms(),
        }
    }

    /// Whether the run that is repeated was interrupted here.
    pub(crate) fn was_interrupted(&self) -> bool {
        match self {
            Self::Record(_) => false,
            Self::Replay(playback) => playback.was_interrupted(),
        }
    }

    /// What a person says to what a policy asks; in a replay, what they said.
    pub(crate) fn consent(&self, person: &mut dyn Person, stage: Stage, questions: &[Question]) -> Consent {
        match self {
            Self::Record(_) => person.allows(stage, questions),
            Self::Replay(playback) => playback.consent(),
        }
    }

    /// Takes a person's yes to a step, signed with all that came before it. It counts once it is on disk.
    pub(crate) fn approve(
        &mut self,
        question: &Question,
        by: ApprovedBy,
    ) -> Result<claw_policy::Approval, JournalError> {
        let (now, step, subject) = (self.now(), question.step.to_string(), question.subject());
        self.append(&Event::Approval(Approval { step, subject, by, time: unix_ms(now) }))?;
        self.sync_signed()?;
        Ok(question.approve(now))
    }

    /// How the step that has just been said to start is to be had.
    pub(crate) fn play(&mut self) -> Result<Play, JournalError> {
        match self {
            Self::Record(_) => Ok(Play::Live),
            Self::Replay(playback) => Ok(playback.play()?),
        }
    }

    /// The form of a value in an event.
    pub(crate) fn store(&self, value: &Value) -> Result<Stored, JournalError> {
        match self {
            Self::Record(record) => Ok(record.store(value)?),
            Self::Replay(_) => Ok(claw_audit::stored(value)?),
        }
    }

    /// The form of bytes in an event.
    pub(crate) fn store_bytes(&self, bytes: &[u8]) -> Result<Stored, JournalError> {
        match self {
            Self::Record(record) => Ok(record.store_bytes(bytes)?),
            Self::Replay(_) => Ok(Stored::Raw(claw_policy::digest(bytes))),
        }
    }

    /// Takes an event.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        match self {
            Self::Record(record) => Ok(record.append(event)?),
            Self::Replay(playback) => match playback.append(event) {
                Err(ReplayEnd::Full(most)) => Err(RecordError::Full(most).into()),
                appended => Ok(appended?),
            },
        }
    }

    /// Writes what it has taken.
    pub(crate) fn write(&mut self) -> Result<(), JournalError> {
        match self {
            Self::Record(record) => Ok(record.write()?),
            Self::Replay(_) => Ok(()),
        }
    }

    /// Writes what it has taken, and returns once it is on disk.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        match self {
            Self::Record(record) => Ok(record.sync()?),
            Self::Replay(_) => Ok(()),
        }
    }

    /// Writes and signs what it has taken, and returns once it is on disk.
    fn sync_signed(&mut self) -> Result<(), JournalError> {
        match self {
            Self::Record(record) => Ok(record.sync_signed()?),
            Self::Replay(_) => Ok(()),
        }
    }

    /// Ends the run; gives the folder of its record.
    pub(crate) fn seal(self, status: Status) -> Result<PathBuf, JournalError> {
        let time = self.now_ms();
        match self {
            Self::Record(record) => Ok(record.seal(status, time)?),
            Self::Replay(mut playback) => {
                playback.append(&Event::Seal { status, time, cut: None })?;
                Ok(playback.folder().to_owned())
            }
        }
    }
}
