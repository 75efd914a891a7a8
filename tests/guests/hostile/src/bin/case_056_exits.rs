//! Exits, in the way that `/in/attack` says.

use wasip2::cli::exit::{exit, exit_with_code};

fn main() {
    match std::fs::read_to_string("/in/attack").expect("it is there").as_str() {
        "well" => exit(Ok(())),
        "badly" => exit(Err(())),
        code => exit_with_code(code.parse().expect("a code")),
    }
    panic!("nothing comes after it");
}
