//! Whole-program tests: the program as its users run it, against real files, components and records.

mod bad_input;
mod examples;
mod folders;
mod hostile;
mod limits;
mod program;
mod record;
mod transcripts;
