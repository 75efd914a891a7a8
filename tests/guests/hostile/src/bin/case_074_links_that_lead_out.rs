//! Tries every operation through links that somebody put into the granted folders, and that lead out of them.

use claw_hostile_guests::{change, granted, look};

fn main() {
    for link in ["absolute", "relative", "folder/key"] {
        assert!(std::fs::read(format!("/in/{link}")).is_err() && std::fs::write(format!("/out/{link}"), "x").is_err());
        assert!(std::fs::copy(format!("/in/{link}"), "/out/copy").is_err());
    }
    for folder in ["/in", "/out"] {
        let dir = granted(folder);
        for link in ["absolute", "relative", "folder", "chained", "process", "own-folder-by-a-link"] {
            for end in ["", "/", "/.", "/key", "/../key", "/.ssh/id_ed25519", "/new"] {
                let path = format!("{link}{end}");
                for (what, result) in look(&dir, &path).into_iter().chain(change(&dir, "own", &path)) {
                    // A link can be seen as one, and where its folder can be written, taken away: what it leads to cannot.
                    let itself = end.is_empty() && !what.starts_with("open");
                    assert!(itself || result.is_err(), "{what} `{path}` in {folder} was done");
                }
            }
        }
    }
    assert!(std::fs::read_dir("/in/folder").is_err());
}
