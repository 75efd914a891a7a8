//! What happened: events, one line each, in a folder for each run.

mod blobs;
mod canonical;
pub mod checkpoint;
mod error;
mod event;
mod grammar;
mod lines;
mod list;
mod log;
mod machine;
pub mod merkle;
mod recheck;
mod record;
pub mod secret;
mod verify;

pub use error::RecordError;
pub use event::{Call, Event, FailureReason, Halt, Host, Input, Status, StepLabel, Stored, Usage, Verdict, Violation};
pub use list::{Filter, Summary, list};
pub use machine::{Machine, MachineEvent};
pub use recheck::{plan_text, recheck, reopen, stored_value, verdict_of};
pub use record::Record;
pub use verify::{Fault, Verified, VerifiedMachine, verify, verify_machine};
