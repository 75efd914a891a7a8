//! Follows links in a circle, to themselves, and through a long chain.

fn main() {
    for path in ["/in/self", "/in/a", "/in/a/x", "/in/chain-60"] {
        assert!(std::fs::read(path).is_err() && std::fs::metadata(path).is_err(), "{path}");
        assert!(std::fs::read_dir(path).is_err() && std::fs::canonicalize(path).is_err(), "{path}");
    }
    assert_eq!(std::fs::read("/in/chain-5").expect("a few links are followed").len(), 19);
}
