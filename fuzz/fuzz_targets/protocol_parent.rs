//! Whatever a worker sends, in whatever pieces, is a reply or an error to the parent, in memory bounded by what it is.
#![no_main]

use claw_fuzz::{BYTES_AT_ONCE, frame, stream};
use claw_runtime::fuzzing::replies;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, sent)) = stream(input) else { return };
    let (heard, held) = replies(&sent.chunks(size).collect::<Vec<_>>()).expect("a socket");
    assert!(held <= 2 * (sent.len() + BYTES_AT_ONCE), "{held}");
    assert_eq!(replies(&[&sent]).expect("a socket").0, heard, "pieces do not matter");
    let again: Vec<u8> = heard.messages.iter().flat_map(|(reply, along)| frame(reply.as_bytes(), along)).collect();
    assert_eq!(replies(&[&again]).expect("a socket").0.messages, heard.messages, "a reply is what it says");
});
