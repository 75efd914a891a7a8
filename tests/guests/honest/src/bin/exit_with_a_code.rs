//! Leaving through `exit` with any other code than 0 fails the step; which code it was is lost on the way (WASI 0.2).

fn main() {
    std::process::exit(3);
}
