//! Goes on reading its folder while that is renamed, and a link to what it may not see put in its place.

use std::fs;

fn main() {
    for _ in 0..8_000 {
        let names: Vec<_> = fs::read_dir("/out")
            .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
            .unwrap_or_default();
        assert!(!names.iter().any(|name| name == "key"), "{names:?}");
        assert!(fs::read("/out/key").is_err());
        let _gone = fs::write("/out/mine", "x");
    }
}
