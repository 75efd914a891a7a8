//! What was asked, what is allowed, who may see what.

pub mod catalogue;
mod check;
mod document;
mod execution;
pub mod fault;
pub mod json;
pub mod label;
pub mod limits;
mod load;
mod name;
pub mod path;
mod plan;
mod policy;
pub mod printable;
mod schema;
mod session;
pub mod types;

pub use catalogue::Catalogue;
pub use check::{ValidatedPlan, ValidatedStep};
pub use document::{Access, Bind, Document, Folder, NamedFile, POLICY_BYTES_MAX};
pub use execution::{Execution, OutputFault, ReadyStep};
pub use fault::{LoadError, Refusal, Violation};
pub use label::Label;
pub use limits::Limits;
pub use load::digest;
pub use name::{Name, NameError};
pub use plan::Plan;
pub use policy::{Argument, Capability, Grant, Input, Planner, Policy};
pub use schema::Schema;
pub use session::{Bound, Given, Session};
pub use types::Type;
