//! Leaving through `exit(0)` is as good as returning, for a function that gives nothing.

fn main() {
    std::fs::write("/out/done", "done").unwrap();
    std::process::exit(0);
}
