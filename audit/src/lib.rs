//! What happened: events, one line each, in a folder for each run.

mod blobs;
mod canonical;
pub mod checkpoint;
#[cfg(test)]
mod crashes;
mod disk;
mod error;
mod event;
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
mod prune;
mod reading;
mod recheck;
mod record;
mod recover;
pub mod secret;
mod verify;

pub use blobs::{blob, stored, stored_value};
pub use error::RecordError;
pub use event::{Call, Event, FailureReason, Halt, Host, Input, Status, StepLabel, Stored, Usage, Verdict, Violation};
pub use list::{Filter, Summary, list};
pub use machine::{Machine, MachineEvent};
pub use prune::{Pruned, prune};
pub use recheck::{plan_text, recheck, reopen, seed, verdict_of};
pub use record::Record;
pub use recover::{CutOff, recover};
pub use verify::{Fault, Verified, VerifiedMachine, verify, verify_machine};
