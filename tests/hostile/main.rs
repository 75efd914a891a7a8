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
mod blocking;
mod case;
mod components;
mod coverage;
mod cpu;
mod escapes;
mod files;
mod floods;
mod guests;
mod handles;
mod leaks;
mod memory;
mod operator;
mod oracle;
mod plan_numbers;
mod plan_runs;
mod plan_schemas;
mod plan_text;
mod plans;
mod policies;
mod policy_globs;
mod policy_text;
#[path = "../program.rs"]
#[allow(dead_code, reason = "the whole-program tests use all of it")]
mod program;
mod watch;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};

use arena::Arena;
use case::Case;
use coverage::Coverage;

/// Every group of the catalogue.
const GROUPS: &[&[Case]] = &[
    cpu::CASES,
    memory::CASES,
    handles::CASES,
    floods::CASES,
    blocking::CASES,
    files::CASES,
    leaks::CASES,
    components::CASES,
    plan_text::CASES,
    plan_numbers::CASES,
    plan_schemas::CASES,
    plans::CASES,
    plan_runs::CASES,
    policy_text::CASES,
    policy_globs::CASES,
    policies::CASES,
    operator::CASES,
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let coverage = Arc::new(Mutex::new(Coverage::default()));
    let cases = GROUPS.iter().copied().flatten();
    let mut trials: Vec<Trial> = cases.map(|case| trial(*case, Arc::clone(&coverage))).collect();
    trials.extend(escapes::CANARIES.iter().map(|canary| {
        Trial::test(canary.name, || {
            escapes::is_seen(canary);
            Ok(())
        })
    }));
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
        let contained = ended.is_ok();
        coverage.lock().expect("nobody panics while it is held").note(case, contained);
        match ended {
            Ok(_) => Ok(()),
            Err(why) => std::panic::resume_unwind(why),
        }
    })
}
