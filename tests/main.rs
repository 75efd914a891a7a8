//! Whole-program tests: the program as its users run it, against real files, components and records.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod account;
mod audit;
mod bad_input;
mod canaries;
mod connections;
mod crashes;
mod edges;
mod examples;
mod flows;
mod folders;
mod honest;
mod limits;
mod log_injection;
mod network;
mod peer;
mod planning;
mod program;
mod record;
mod replay;
mod transcripts;
mod web_digest;
mod what_if;
