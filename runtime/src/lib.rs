//! Making it happen: components, the worker that runs them, and what they can reach.

mod artefact;
pub mod cache;
pub mod components;
pub mod engine;
pub mod execute;
pub mod folders;
pub mod host;
pub mod run;
mod self_test;
mod signature;
mod value;
mod worker;

pub use cache::{Cache, CacheError};
pub use components::{Compiler, ComponentError, Components};
pub use engine::Allocation;
pub use execute::{ExecuteError, Outcome, Progress, Runtime, StepOutcome};
pub use folders::{Folders, Places};
pub use run::{PlanOutcome, Run};
pub use self_test::{SelfTestError, self_test};
pub use worker::{WORKER_ARGUMENT, serve, worker_socket};
