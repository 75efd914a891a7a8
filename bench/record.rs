//! What a record costs: writing one, verifying one, and running it again.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use claw_audit::{Event, Machine, Record, Status};
use claw_policy::Session;
use claw_runtime::{Allocation, Nobody, Run, Runtime};
use sha2::{Digest as _, Sha256};

use crate::place::{self, Place};
use crate::{ROUNDS, floors, median, micros};

/// A plan of so many steps that do nothing; its ids begin with `s` and `plan`.
fn pure(plan: usize, steps: usize) -> String {
    let steps: Vec<String> =
        (0..steps).map(|n| format!(r#"{{"id":"s{plan}-{n}","capability":"nothing","arguments":{{}}}}"#)).collect();
    format!(r#"{{"claw":1,"steps":[{}]}}"#, steps.join(","))
}

pub(crate) fn record(place: &Place) {
    let ten = sealed(place, &pure_plans(1, 10));
    written(place, &ten, ROUNDS);
    verified("20,000 pure steps", &sealed(place, &pure_plans(200, 100)), ROUNDS / 100);
    verified("16 files of 1 MiB read", &sealed(place, &[large(place)]), ROUNDS / 100);
    again(place, ROUNDS / 50);
}

fn pure_plans(plans: usize, steps: usize) -> Vec<String> {
    (0..plans).map(|plan| pure(plan, steps)).collect()
}

/// A plan that reads large files, no two of them the same.
fn large(place: &Place) -> String {
    let steps = (b'a'..b'q').map(char::from).map(|name| {
        std::fs::write(place.folder().join(format!("in/{name}.md")), name.to_string().repeat(1 << 20)).unwrap();
        format!(r#"{{"id":"{name}","capability":"read-large","arguments":{{"path":"{name}.md"}}}}"#)
    });
    format!(r#"{{"claw":1,"steps":[{}]}}"#, steps.collect::<Vec<_>>().join(","))
}

/// The record of a run of these plans.
fn sealed(place: &Place, plans: &[String]) -> Verifiable {
    let (policy, document, components, folders) = place.load();
    let machine = Machine::open(&place.folder().join("state")).unwrap();
    let key = machine.key().public();
    let record = Record::create(machine, &place.folder().join("runs"), &place::unique(), policy.limits.log, 0).unwrap();
    let folder = record.folder().to_owned();
    let runtime = Runtime::new(place::program(), Allocation::Pooled, components, folders, [7; 32]);
    let session = Session::open(&policy, Default::default()).unwrap();
    let mut run =
        Run::open(Arc::clone(&policy), &document, Default::default(), session, runtime, record, "bench").unwrap();
    for plan in plans {
        let outcome = run.submit(plan.as_bytes(), &mut Nobody, &mut |_| {}).unwrap();
        assert!(outcome.answer.is_some(), "{outcome:?}");
    }
    run.seal(Status::Completed).unwrap();
    Verifiable { folder, key }
}

struct Verifiable {
    folder: std::path::PathBuf,
    key: claw_audit::checkpoint::PublicKey,
}

/// The events of a run of ten pure steps, taken and written; beside it one write and one hash of the same bytes.
fn written(place: &Place, run: &Verifiable, rounds: usize) {
    let log = std::fs::read_to_string(run.folder.join("log.jsonl")).unwrap();
    let events: Vec<Event> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let machine = Machine::open(&place.folder().join("state")).unwrap();
    let runs = place.folder().join("runs");
    let mut record = Record::create(machine, &runs, &place::unique(), u64::MAX >> 12, 0).unwrap();
    let whole = median(rounds, &mut || {
        events.iter().for_each(|event| record.append(event).unwrap());
        record.write().unwrap();
    });
    let floor = floors::write_and_hash(place, log.len(), rounds);
    println!(
        "  ten pure steps recorded  {:>7.1}   floor {:.1} = write and SHA-256 of the same {} bytes   ratio {:.2}",
        micros(whole),
        micros(floor),
        log.len(),
        whole.as_secs_f64() / floor.as_secs_f64()
    );
}

/// A record verified; beside it, SHA-256 of all its bytes, and its log read by serde_json alone, with nothing made of it.
fn verified(what: &str, run: &Verifiable, rounds: usize) {
    let whole = median(rounds, &mut || drop(claw_audit::verify(&run.folder, run.key).unwrap()));
    let bytes = all(&run.folder);
    let hashed = median(rounds, &mut || {
        std::hint::black_box(Sha256::digest(&bytes));
    });
    let log = std::fs::read_to_string(run.folder.join("log.jsonl")).unwrap();
    let read = median(rounds, &mut || {
        log.lines()
            .for_each(|line| _ = std::hint::black_box(serde_json::from_str::<serde::de::IgnoredAny>(line).unwrap()));
    });
    let speed = |bytes: usize, time: Duration| bytes as f64 / time.as_secs_f64() / 1e6;
    println!(
        "  verified: {what:<22} {:>7.0}   {} bytes at {:.0} MB/s   SHA-256 alone {:.0} MB/s   share {:.2}   its log of {} bytes read by serde_json at {:.0} MB/s",
        micros(whole),
        bytes.len(),
        speed(bytes.len(), whole),
        speed(bytes.len(), hashed),
        hashed.as_secs_f64() / whole.as_secs_f64(),
        log.len(),
        speed(log.len(), read),
    );
}

/// All bytes of a record.
fn all(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { all(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

/// `claw run` of ten steps, and `claw replay` of that run.
fn again(place: &Place, rounds: usize) {
    let claw = |arguments: &[&str]| {
        let mut command = Command::new(place::program());
        command.args(arguments).current_dir(place.folder()).env_clear().env("HOME", place.folder().join("home"));
        let output = command.stderr(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        output.stdout
    };
    let steps: Vec<String> =
        (0..10).map(|n| format!(r#"{{"id":"s{n}","capability":"read","arguments":{{"path":"kib.md"}}}}"#)).collect();
    std::fs::write(place.folder().join("ten.json"), format!(r#"{{"claw":1,"steps":[{}]}}"#, steps.join(","))).unwrap();
    let run = ["run", "--policy", "policy.toml", "--plan", "ten.json", "--json"];
    let document: serde_json::Value = serde_json::from_slice(&claw(&run)).unwrap();
    let replay = ["replay", document["run"].as_str().unwrap()];
    let ran = median(rounds, &mut || drop(claw(&run)));
    let replayed = median(rounds, &mut || drop(claw(&replay)));
    println!(
        "  ten steps replayed       {:>7.0}   floor {:.0} = the same run   ratio {:.2}",
        micros(replayed),
        micros(ran),
        replayed.as_secs_f64() / ran.as_secs_f64()
    );
}
