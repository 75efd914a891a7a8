//! Takes a handle again and again, and drops none: which one is in `/in/attack`.

use std::mem::forget;

use wasip2::cli::{stderr, stdin, stdout};
use wasip2::clocks::monotonic_clock;
use wasip2::filesystem::preopens;

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (input, output) = (stdin::get_stdin(), stdout::get_stdout());
    for _ in 0..2_000_000 {
        match attack.as_str() {
            "stdin" => forget(stdin::get_stdin()),
            "stdout" => forget(stdout::get_stdout()),
            "stderr" => forget(stderr::get_stderr()),
            "folders" => forget(preopens::get_directories()),
            "timers" => forget(monotonic_clock::subscribe_duration(1)),
            "input" => forget(input.subscribe()),
            "output" => forget(output.subscribe()),
            other => panic!("there is no attack `{other}`"),
        }
    }
}
