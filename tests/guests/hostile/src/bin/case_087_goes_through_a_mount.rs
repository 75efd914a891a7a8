//! Goes into what is mounted in its folder, and tries to leave it from there.

use claw_hostile_guests::{granted, look, none_is_done};

fn main() {
    assert_eq!(std::fs::read("/in/mounted/notes.md").expect("it can be read"), b"mounted");
    let dir = granted("/in");
    for path in ["mounted/../../sentinel/key", "mounted/../..", "mounted/../mounted/../../policy.toml"] {
        none_is_done(path, look(&dir, path));
    }
    assert_eq!(std::fs::read("/in/mounted/../notes.md").expect("back in its own folder").len(), 19);
}
