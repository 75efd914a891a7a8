//! From a task to an answer, with a planner that a test plays: what it is told, what it may mend, and how it ends.

mod command_line;
mod hostile;
mod rounds;
mod stand_in;
mod terminal;
