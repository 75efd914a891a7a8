//! From a task to an answer: planners, text in and text out, and the loop that takes each of their plans through the door.

mod conversation;
mod ending;
pub mod planner;
mod prompt;
mod propose;
mod reply;
mod schema;
mod told;

pub use conversation::{Event, With, converse};
pub use ending::{Ending, Planned};
pub use propose::{Proposal, propose};
