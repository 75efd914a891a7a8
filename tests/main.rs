//! Whole-program tests: the program as its users run it, against real files, components and records.

mod examples;
mod program;
