//! What happened: events, one line each, in a folder for each run.

mod blobs;
mod canonical;
pub mod checkpoint;
#[cfg(test)]
mod crashes;
mod decided;
mod disk;
mod error;
mod event;
mod fault;
#[cfg(test)]
mod faulty;
mod grammar;
mod lines;
mod list;
mod log;
#[cfg(test)]
mod losses;
mod machine;
pub mod merkle;
mod plans;
mod policies;
mod prune;
mod reading;
mod recheck;
mod record;
mod recover;
mod said;
pub mod secret;
mod stored;
mod trial;
mod verify;
mod what_if;

pub use blobs::{blob, stored, stored_bytes, stored_value};
pub use decided::{Decided, StepWhatIf, WhatIf};
pub use error::RecordError;
pub use event::{
    Call, Event, Exchange, FailureReason, Halt, Host, Input, Response, Status, StepLabel, Usage, Verdict, Violation,
};
pub use fault::Fault;
pub use list::{Filter, Summary, is_record, list};
pub use machine::{Machine, MachineEvent};
pub use plans::plan_text;
pub use policies::{Policies, reopen, seed};
pub use prune::{Pruned, prune};
pub use recheck::{recheck, verdict_of};
pub use record::Record;
pub use recover::{CutOff, recover};
pub use said::{Approval, ApprovedBy, Disclosed, Ended, NoReply, Prompt, Reply, Said, Told, Why};
pub use stored::Stored;
pub use verify::{Verified, VerifiedMachine, verify, verify_machine};
pub use what_if::{Other, what_if};
