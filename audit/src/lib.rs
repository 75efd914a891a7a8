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
mod plans;
mod policies;
mod recheck;
mod record;
pub mod secret;
mod trial;
mod verify;
mod what_if;

pub use blobs::{blob, stored, stored_value};
pub use error::RecordError;
pub use event::{Call, Event, FailureReason, Halt, Host, Input, Status, StepLabel, Stored, Usage, Verdict, Violation};
pub use list::{Summary, is_record, list};
pub use machine::{Machine, MachineEvent};
pub use plans::plan_text;
pub use policies::{Policies, reopen, seed};
pub use recheck::{recheck, verdict_of};
pub use record::Record;
pub use verify::{Fault, Verified, VerifiedMachine, verify, verify_machine};
pub use what_if::{Decided, Other, StepWhatIf, WhatIf, what_if};
