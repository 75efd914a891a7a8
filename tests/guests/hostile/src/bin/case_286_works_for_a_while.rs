//! Does nothing wrong, and makes many system calls: what runs it is taken over meanwhile.

fn main() {
    for _ in 0..20_000 {
        assert_eq!(std::fs::read("/in/notes.md").expect("it can be read").len(), 19);
    }
}
