//! Links and moves files from a folder that can be read into one that can be written, and back, and between two names.

use claw_hostile_guests::granted;
use wasip2::filesystem::types::PathFlags;

fn main() {
    let (read, write) = (granted("/in"), granted("/out"));
    for follow in [PathFlags::empty(), PathFlags::SYMLINK_FOLLOW] {
        assert!(read.link_at(follow, "notes.md", &write, "linked").is_err());
        assert!(write.link_at(follow, "own", &read, "linked").is_err());
        assert!(read.link_at(follow, "notes.md", &read, "linked").is_err());
    }
    assert!(read.rename_at("notes.md", &write, "moved").is_err());
    assert!(write.rename_at("own", &read, "moved").is_err());
    assert!(write.rename_at("own", &read, "notes.md").is_err());
    assert!(read.rename_at("notes.md", &read, "moved").is_err());
    assert!(std::fs::hard_link("/in/notes.md", "/out/linked").is_err());
    assert!(std::fs::rename("/in/notes.md", "/out/moved").is_err());
}
