//! Holds two folders that it can write, and moves a secret of the one to where a later step has only the other.

use claw_hostile_guests::granted;
use wasip2::filesystem::types::PathFlags;

fn main() {
    let (from, to) = (granted("/secret"), granted("/out"));
    assert!(from.link_at(PathFlags::empty(), "file", &to, "linked").is_err(), "linked across");
    assert!(from.rename_at("file", &to, "moved").is_err(), "moved across");
    assert!(from.rename_at("folder", &to, "folder").is_err(), "a folder moved across");
    assert!(to.symlink_at("../secret/file", "link").is_err() || std::fs::read("/out/link").is_err());
    assert!(std::fs::hard_link("/secret/file", "/out/linked").is_err());
    assert!(std::fs::rename("/secret/file", "/out/moved").is_err());
}
