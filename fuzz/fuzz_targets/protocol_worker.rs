//! Whatever a parent sends, in whatever pieces, is a request or an error to the worker, and gets an answer in its turn.
#![no_main]

use std::sync::LazyLock;

use claw_fuzz::{frame, stream};
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
    let heard = requests(&sent.chunks(size).collect::<Vec<_>>(), &HALF).expect("a socket");
    assert_eq!(requests(&[&sent], &HALF).expect("a socket"), heard, "pieces do not matter");
    let again: Vec<u8> = heard.messages.iter().flat_map(|(request, along)| frame(request.as_bytes(), along)).collect();
    assert_eq!(requests(&[&again], &HALF).expect("a socket").messages, heard.messages, "a request is what it says");
});
