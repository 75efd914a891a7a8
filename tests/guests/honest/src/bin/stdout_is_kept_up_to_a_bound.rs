//! Printing always works; what is beyond the limit `stdout` is dropped, and nobody is failed for it.

use std::io::{self, IsTerminal, Write};

fn main() {
    assert!(!io::stdout().is_terminal() && !io::stderr().is_terminal());
    println!("to standard output");
    eprintln!("to standard error");
    let line = [b'x'; 10_000];
    for _ in 0..1_000 {
        io::stdout().write_all(&line).unwrap();
    }
    io::stdout().flush().unwrap();
}
