//! Leaving through `exit` fails the step, whatever the code: a capability ends by returning.

fn main() {
    std::process::exit(3);
}
