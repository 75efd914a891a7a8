//! Whatever a parent sends, in whatever pieces, is a request or an error to the worker, and gets an answer in its turn.
#![no_main]

use std::sync::LazyLock;

use claw_fuzz::{BYTES_AT_ONCE, frame, stream};
use claw_runtime::engine::{Allocation, engine};
use claw_runtime::fuzzing::requests;
use libfuzzer_sys::fuzz_target;

/// What is loaded: a component whose one function halves a number.
static HALF: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let component = wat::parse_str(include_str!("half.wat")).expect("a component");
    engine(Allocation::OnDemand).expect("an engine").precompile_component(&component).expect("a component")
});

fuzz_target!(|input: &[u8]| {
    let Some((size, sent)) = stream(input) else { return };
    let (heard, held) = requests(&sent.chunks(size).collect::<Vec<_>>(), &HALF).expect("a socket");
    assert!(held <= 2 * (sent.len() + BYTES_AT_ONCE), "{held}");
    assert_eq!(requests(&[&sent], &HALF).expect("a socket").0, heard, "pieces do not matter");
    let again: Vec<u8> = heard.messages.iter().flat_map(|(request, along)| frame(request.as_bytes(), along)).collect();
    assert_eq!(requests(&[&again], &HALF).expect("a socket").0.messages, heard.messages, "a request is what it says");
});
