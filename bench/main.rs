//! What claw costs, each figure beside its floor in the same run: `make bench`. Medians and ratios; nothing is asserted.
//!
//! `cargo bench -p claw -- network process` measures these alone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that cannot measure stops"
)]

mod floors;
mod network;
mod place;
mod record;
mod rounds;
mod wall;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use claw_audit::{Machine, Record};
use claw_policy::{Plan, Policy, Session};
use claw_runtime::{Allocation, Nobody, Run, Runtime};

use place::Place;

pub(crate) const ROUNDS: usize = 2_000;

fn main() {
    // An echo of the floors, started by them.
    if std::env::args().any(|argument| argument == floors::ECHO) {
        return floors::echo();
    }
    let place = Place::new(network::serve());
    println!(
        "medians of {ROUNDS} in microseconds; cores: {}",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for (name, what, measure) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            println!("\n{name}: {what}");
            measure(&place);
        }
    }
}

/// What is measured: its name, what it is, and how.
type Section = (&'static str, &'static str, fn(&Place));

const SECTIONS: [Section; 8] = [
    ("step", "a warm step", steps),
    ("wall", "the second wall, on one core", wall::wall),
    ("network", "a warm step that asks a server", network::fetches),
    ("check", "reading and checking a plan", check),
    ("rounds", "a session with a planner that takes no time", rounds::rounds),
    ("load", "loading a policy", load),
    ("record", "a record", record::record),
    ("process", "a process, artefacts cached", process),
];

fn steps(place: &Place) {
    for pinned in [true, false] {
        if pinned {
            pin();
        }
        println!("  parent and worker {}", if pinned { "on one core" } else { "wherever the system puts them" });
        for (name, capability, component, arguments) in [
            ("a no-op", "nothing", "nothing.wasm", "{}"),
            ("a file of 1 KiB read", "read", "builtin:read-file", r#"{"path":"kib.md"}"#),
        ] {
            step(place, name, capability, component, arguments);
        }
        unpin();
    }
}

/// A whole step: text, check, hop to the worker, fresh store, call, outcome, record.
fn step(place: &Place, name: &str, capability: &str, component: &str, arguments: &str) {
    let (whole, bytes) = submitted(place, capability, arguments, ROUNDS);
    let raw = floors::wasmtime(place, component, arguments, ROUNDS);
    let hop = floors::round_trip(ROUNDS);
    let written = floors::write_and_hash(place, bytes as usize, ROUNDS);
    let floor = raw + hop + written;
    println!(
        "  {name:<24} {:>7.1}   floor {:>6.1} = raw wasmtime {:.1} + round trip {:.1} + write and SHA-256 of {bytes} bytes {:.1}   ratio {:.2}",
        micros(whole),
        micros(floor),
        micros(raw),
        micros(hop),
        micros(written),
        whole.as_secs_f64() / floor.as_secs_f64()
    );
}

/// How long a warm plan of one step takes, and how many bytes of log it leaves.
pub(crate) fn submitted(place: &Place, capability: &str, arguments: &str, rounds: usize) -> (Duration, u64) {
    let (policy, document, components, folders) = place.load();
    let machine = Machine::open(&place.folder().join("state")).unwrap();
    let runs = place.folder().join("runs");
    let record = Record::create(machine, &runs, &place::unique(), policy.limits.log, 0).unwrap();
    let log = record.folder().join("log.jsonl");
    let mut runtime = Runtime::new(place::program(), Allocation::Pooled, components, folders, [7; 32]);
    runtime.network = Some(network::network(&policy));
    let session = Session::open(&policy, Default::default()).unwrap();
    let mut run =
        Run::open(Arc::clone(&policy), &document, Default::default(), session, runtime, record, "bench").unwrap();
    let mut number = 0;
    let mut submit = || {
        number += 1;
        let plan = format!(
            r#"{{"claw":1,"steps":[{{"id":"s{number}","capability":"{capability}","arguments":{arguments}}}]}}"#
        );
        let outcome = run.submit(plan.as_bytes(), &mut Nobody, &mut |_| {}).unwrap();
        assert!(outcome.answer.is_some(), "{outcome:?}");
    };
    (0..100.min(rounds)).for_each(|_| submit());
    let before = std::fs::metadata(&log).unwrap().len();
    let whole = median(rounds, &mut submit);
    (whole, (std::fs::metadata(&log).unwrap().len() - before) / rounds as u64)
}

/// A plan of so many steps, read and checked: what is per step must not grow with their number.
fn check(place: &Place) {
    let (policy, ..) = place.load();
    for count in [10, 100, 1_000] {
        let steps: Vec<String> = (0..count)
            .map(|n| match n {
                0 => r#"{"id":"s0","capability":"read","arguments":{"path":"kib.md"}}"#.to_owned(),
                n => format!(
                    r#"{{"id":"s{n}","capability":"write","arguments":{{"path":"r{n}.md","text":{{"$step":"s0"}}}}}}"#
                ),
            })
            .collect();
        let text = format!(r#"{{"claw":1,"steps":[{}]}}"#, steps.join(","));
        let session = Session::open(&policy, Default::default()).unwrap();
        let parse = || Plan::parse(text.as_bytes(), &policy.limits).unwrap();
        let rounds = (ROUNDS / (count / 10)).max(50);
        let both = median(rounds, &mut || drop(policy.check(&session, parse(), SystemTime::UNIX_EPOCH).unwrap()));
        let parsing = median(rounds, &mut || drop(parse()));
        let floor = median(rounds, &mut || drop(serde_json::from_str::<serde_json::Value>(&text).unwrap()));
        println!(
            "  {count:>4} steps              {:>7.1}   of which reading {:.1}   floor {:.1} = serde_json alone   {:.2} a step",
            micros(both),
            micros(parsing),
            micros(floor),
            micros(both) / count as f64
        );
    }
}

/// A policy of fifty capabilities with ten proofs, from its text.
fn load(place: &Place) {
    let (text, catalogue) = place.large_policy();
    let whole = median(ROUNDS / 20, &mut || drop(Policy::parse(&text, &catalogue).unwrap()));
    let floor = median(ROUNDS / 20, &mut || drop(text.parse::<toml::Table>().unwrap()));
    println!("  50 capabilities, 10 proofs {:>7.1}   floor {:.1} = its TOML alone", micros(whole), micros(floor));
}

fn process(place: &Place) {
    let claw = |arguments: &[&str]| {
        let status = Command::new(place::program())
            .args(arguments)
            .current_dir(place.folder())
            .env_clear()
            .env("HOME", place.folder().join("home"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    std::fs::write(
        place.folder().join("plan.json"),
        r#"{"claw":1,"steps":[{"id":"a","capability":"read","arguments":{"path":"kib.md"}}]}"#,
    )
    .unwrap();
    let policy_and_plan = ["--policy", "policy.toml", "--plan", "plan.json"];
    let run: Vec<&str> = ["run"].into_iter().chain(policy_and_plan).collect();
    let check_arguments: Vec<&str> = ["check"].into_iter().chain(policy_and_plan).collect();
    claw(&run);
    let rounds = 60;
    let nothing = median(rounds, &mut || assert!(Command::new("true").status().unwrap().success()));
    let start = median(rounds, &mut || claw(&["--version"]));
    let checked = median(rounds, &mut || claw(&check_arguments));
    let whole = median(rounds, &mut || claw(&run));
    let sync = floors::sync(place, rounds);
    println!(
        "  claw run, one step      {:>7.1}   floor {:.1} = true   over it {:.1}: start {:.1}, load and check {:.1}, worker and step {:.1}, fsync {:.1}",
        micros(whole),
        micros(nothing),
        micros(whole.saturating_sub(nothing)),
        micros(start.saturating_sub(nothing)),
        micros(checked.saturating_sub(start)),
        micros(whole.saturating_sub(checked).saturating_sub(sync)),
        micros(sync),
    );
}

/// The median of `rounds` of `what`.
pub(crate) fn median(rounds: usize, what: &mut dyn FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            what();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[rounds / 2]
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn pin() {
    let mut one = rustix::thread::CpuSet::new();
    one.set(0);
    rustix::thread::sched_setaffinity(None, &one).unwrap();
}

pub(crate) fn unpin() {
    let mut all = rustix::thread::CpuSet::new();
    (0..64).for_each(|cpu| all.set(cpu));
    rustix::thread::sched_setaffinity(None, &all).unwrap();
}
