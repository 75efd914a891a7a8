//! What the policy engine decided, decided again from records alone. This program has no engine that could run anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod planner;
mod recheck;
mod story;
mod what_if;
