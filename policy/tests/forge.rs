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

/// What this names is one thing for a type that is not `Clone`, and two for one that is: then this does not compile.
trait NotClone<Which> {
    fn holds() {}
}

impl<T: ?Sized> NotClone<()> for T {}
impl<T: Clone> NotClone<u8> for T {}

#[test]
fn neither_a_plan_nor_a_session_can_be_copied() {
    <claw_policy::ValidatedPlan as NotClone<_>>::holds();
    <claw_policy::Session as NotClone<_>>::holds();
}
