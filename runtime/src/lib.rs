//! Making it happen: components, the worker that runs them, and what they can reach.

mod artefact;
mod ask;
pub mod cache;
mod clock;
pub mod components;
mod connection;
pub mod connector;
mod ending;
pub mod engine;
mod exchange;
pub mod execute;
pub mod folders;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod host;
mod journal;
pub mod network;
mod person;
mod playback;
mod recording;
pub mod redact;
mod replay;
pub mod run;
mod self_test;
mod signature;
mod value;
mod worker;

pub use cache::{Cache, CacheError};
pub use components::{Compiler, ComponentError, Components};
pub use ending::StepOutcome;
pub use engine::Allocation;
pub use execute::{ExecuteError, Outcome, Progress, Runtime};
pub use folders::{Folders, Places};
pub use journal::JournalError;
pub use network::Network;
pub use person::{Consent, Nobody, Person, Stage};
pub use playback::{Difference, ReplayEnd, Stood};
pub use replay::{Ended, ReplayError, Replayed, replay};
pub use run::{PlanOutcome, Run};
pub use self_test::{SelfTestError, self_test};
pub use worker::{Spare, WORKER_ARGUMENT, Wall, serve, worker_socket};
