//! Standard input is at its end.

use std::io::{self, Read};

fn main() {
    let (mut bytes, mut line) = (Vec::new(), String::new());
    assert_eq!(io::stdin().read_line(&mut line).unwrap(), 0);
    assert_eq!(io::stdin().read_to_end(&mut bytes).unwrap(), 0);
}
