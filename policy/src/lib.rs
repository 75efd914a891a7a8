//! What was asked, what is allowed, who may see what.

mod approval;
pub mod catalogue;
mod check;
mod counterexample;
mod diff;
mod document;
mod endorsement;
mod execution;
pub mod fault;
pub mod flow;
pub mod json;
pub mod label;
pub mod limits;
mod load;
mod name;
mod narrow;
mod own_tests;
pub mod path;
mod plan;
mod policy;
pub mod printable;
mod proof;
mod schema;
mod session;
pub mod types;

pub use approval::{Approval, Question};
pub use catalogue::Catalogue;
pub use check::{ValidatedPlan, ValidatedStep};
pub use diff::{Change, ChangeKind};
pub use document::{Access, Bind, Document, Folder, NamedFile, NamedFolder, POLICY_BYTES_MAX, TestVerdict};
pub use endorsement::Endorsement;
pub use execution::{Execution, OutputFault, ReadyStep};
pub use fault::{LoadError, Refusal, Violation};
pub use label::Label;
pub use limits::Limits;
pub use load::digest;
pub use name::{Name, NameError};
pub use narrow::{Narrowing, Task};
pub use own_tests::{TestOutcome, run_tests};
pub use plan::Plan;
pub use policy::{
    Argument, Capability, FolderGrant, Grant, HostGrant, Input, Order, Ordered, Planner, Policy, Target, Test,
};
pub use proof::{Never, NeverTarget};
pub use schema::Schema;
pub use session::{Bound, Disclosure, Given, Session};
pub use types::Type;
