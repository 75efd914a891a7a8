//! What happened: events, one line each, in a folder for each run.

mod blobs;
mod event;
mod list;
mod record;

pub use blobs::{INLINE_BYTES_MAX, Stored};
pub use event::{Call, Event, FailureReason, Halt, Host, Input, Status, StepLabel, Usage, Verdict, Violation};
pub use list::{Summary, list};
pub use record::{Record, RecordError};
