//! Uses files as folders, and links by names that end in a slash, by every operation.

use claw_hostile_guests::{change, granted, look, none_is_done};

fn main() {
    let dir = granted("/in");
    for path in ["notes.md/", "notes.md/.", "notes.md//", "notes.md/..", "notes.md/x", "link/", "link/.", "link//"] {
        none_is_done(path, change(&dir, "own", path));
        for (what, result) in look(&dir, path) {
            assert!(result.is_err(), "{what} `{path}`");
        }
    }
    let out = granted("/out");
    for path in ["own/", "own/.", "own//", "own/x"] {
        none_is_done(path, look(&out, path));
        none_is_done(path, change(&out, "own", path));
    }
    assert_eq!(std::fs::read("/out/own").expect("it is untouched"), b"own");
}
