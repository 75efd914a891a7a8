//! A panic ends the step as a trap; its message is the last of what was printed.

fn main() {
    println!("{}", "much that nobody reads ".repeat(1_000));
    panic!("as it was asked to");
}
