//! From a task to an answer: planners, text in and text out, and the loop that takes each of their plans through the door.

pub mod planner;
