//! A panic ends the step as a trap; its message is in what it printed.

fn main() {
    panic!("as it was asked to");
}
