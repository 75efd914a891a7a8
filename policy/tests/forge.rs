//! Invariant 1: a validated plan cannot be forged, copied, read from anywhere, or run twice.

#[test]
fn what_would_open_another_door_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/forge/*.rs");
}
