//! Hostile plans, guests and files: each case of the catalogue that is covered, run, judged by one oracle, and counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod arena;
mod case;
mod coverage;
mod escapes;
mod groups;
mod guests;
#[cfg(target_arch = "x86_64")]
mod intruder;
mod model;
mod oracle;
#[path = "../program.rs"]
#[allow(dead_code, reason = "the whole-program tests use all of it")]
mod program;
mod resolver;
#[path = "../../runtime/src/connector/tests/server.rs"]
#[allow(dead_code, reason = "the connector's tests use all of it")]
mod server;
#[path = "../../runtime/src/connector/tests/tls_server.rs"]
mod tls_server;
mod watch;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};

use arena::Arena;
use case::Case;
use coverage::{Coverage, Ran};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let coverage = Arc::new(Mutex::new(Coverage::default()));
    let cases = groups::ALL.iter().copied().flatten();
    let mut trials: Vec<Trial> = cases.map(|case| trial(*case, Arc::clone(&coverage))).collect();
    trials.extend(escapes::CANARIES.iter().map(|canary| {
        Trial::test(canary.name, || {
            escapes::is_seen(canary);
            Ok(())
        })
    }));
    if std::env::var_os(model::VARIABLE).is_some() {
        trials.push(Trial::test("a_real_model_is_contained", || {
            model::is_contained();
            Ok(())
        }));
    }
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list && !arguments.ignored;
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut ended_well = !conclusion.has_failed();
    if whole {
        let coverage = coverage.lock().expect("nobody panics while it is held");
        ended_well &= coverage.finish();
    }
    if ended_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn trial(case: Case, coverage: Arc<Mutex<Coverage>>) -> Trial {
    Trial::test(case.name, move || -> Result<(), Failed> {
        let ended = std::panic::catch_unwind(|| (case.attack)(&mut Arena::new()));
        let ran = match &ended {
            Ok(contained) => contained.lacks.map_or(Ran::Contained, Ran::Lacked),
            Err(_) => Ran::Escaped,
        };
        coverage.lock().expect("nobody panics while it is held").note(case, ran);
        match ended {
            Ok(_) => Ok(()),
            Err(why) => std::panic::resume_unwind(why),
        }
    })
}
