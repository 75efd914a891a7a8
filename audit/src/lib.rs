//! What happened: events, one line each, in a folder for each run.

mod blobs;
mod canonical;
mod error;
mod event;
mod list;
mod record;

pub use error::RecordError;
pub use event::{Call, Event, FailureReason, Halt, Host, Input, Status, StepLabel, Stored, Usage, Verdict, Violation};
pub use list::{Summary, list};
pub use record::Record;
