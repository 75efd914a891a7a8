//! Prints a megabyte to either stream, with marks at its start and end; and then traps, if `/in/attack` says so.

use std::io::Write as _;

fn main() {
    let block = [b'x'; 1024];
    print!("THE-BEGINNING");
    for _ in 0..1024 {
        std::io::stdout().write_all(&block).expect("what is dropped is no error");
        std::io::stderr().write_all(&block).expect("what is dropped is no error");
    }
    println!("THE-END");
    assert_ne!(std::fs::read_to_string("/in/attack").expect("it is there"), "trap");
}
