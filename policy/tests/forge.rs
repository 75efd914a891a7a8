//! Invariant 1: a validated plan cannot be forged, copied, read from anywhere, or run twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[test]
fn what_would_open_another_door_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/forge/*.rs");
}
