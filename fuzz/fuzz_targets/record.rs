//! A log is listed whatever is in it, and the events of one are, written again, the same bytes.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use claw_audit::{Event, Filter, Machine, Record, list, verify};
use libfuzzer_sys::fuzz_target;

/// A folder for the runs of this process.
static RUNS: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("claw-fuzz-{}", std::process::id())));

/// The machine that they run on.
static MACHINE: LazyLock<Machine> = LazyLock::new(|| {
    let state = std::env::temp_dir().join(format!("claw-fuzz-state-{}", std::process::id()));
    Machine::open(&state).expect("a key, and a folder")
});

fuzz_target!(|log: &[u8]| {
    let given = RUNS.join("given");
    fs::create_dir_all(&given).expect("a folder");
    fs::write(given.join("log.jsonl"), log).expect("a file");
    let searched = Filter { capability: Some("read".to_owned()), ..Filter::default() };
    list(&RUNS, &searched).expect("what is in a log is no error");
    let runs = list(&RUNS, &Filter::default()).expect("what is in a log is no error");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].run, "given");
    // It has no signature: it verifies only as what had no effect yet.
    let verified = verify(&given, MACHINE.key().public());
    assert!(verified.is_err() || verified.is_ok_and(|run| run.status.is_none() && !run.notes.is_empty()));

    let first = events(log);
    if !first.is_empty() {
        let written = write(&first);
        let again = events(&written);
        assert_eq!(again.len(), first.len(), "each line of ours is an event: {}", String::from_utf8_lossy(&written));
        assert_eq!(write(&again), written);
    }
});

fn events(log: &[u8]) -> Vec<Event> {
    log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The log of a run with these events; the run is gone afterwards.
fn write(events: &[Event]) -> Vec<u8> {
    let mut record = Record::create(MACHINE.clone(), &RUNS, "written", u64::MAX, 0).expect("a record");
    for event in events {
        record.append(event).expect("there is no limit");
    }
    // Not sealed: that waits for the disk.
    record.write().expect("it can be written");
    let log = fs::read(record.folder().join("log.jsonl")).expect("it is there");
    fs::remove_dir_all(record.folder()).expect("it is ours");
    log
}
