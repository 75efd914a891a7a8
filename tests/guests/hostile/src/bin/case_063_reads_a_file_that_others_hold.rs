//! Reads a file that somebody else has locked, and writes one.

use std::fs;

fn main() {
    assert_eq!(fs::read("/in/notes.md").expect("locks are advice").len(), 19);
    fs::write("/out/held", "x").expect("locks are advice");
}
