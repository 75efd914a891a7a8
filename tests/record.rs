//! The record: intent before effect, interruptions, modes, and that nothing happens without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Place, events};
use crate::transcripts::shown;

const RUN: [&str; 6] = ["run", "--policy", "policy.toml", "--plan", "plan.json", "--json"];

/// A place whose probe works until it is stopped.
fn busy() -> Place {
    let place = Place::with_own_home();
    let probe = Place::with_probe("[capability.probe.limits]\nfuel = 10_000_000_000_000\ntime = \"60s\"\n");
    fs::create_dir(place.path("in")).expect("folders can be made");
    fs::copy(crate::program::probe(), place.path("probe.wasm")).expect("files can be copied");
    place.write("policy.toml", probe.read("policy.toml"));
    assert_eq!(place.act("nothing", 1, "").0, Some(0));
    fs::remove_dir_all(place.home().join(".local/state/claw/runs")).expect("the first run is on record");
    let plan = r#"{"claw":1,"steps":[{"id":"spin","capability":"probe","arguments":{"what":"spin"}}]}"#;
    place.write("plan.json", plan);
    place
}

/// The events of the one run on record, once there are as many, and they are signed.
fn recorded(place: &Place, at_least: usize) -> Vec<Value> {
    let runs = place.home().join(".local/state/claw/runs");
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let run =
            fs::read_dir(&runs).ok().and_then(|mut runs| runs.next()).map(|run| run.expect("it can be read").path());
        let found = run.filter(|run| run.join("checkpoint").exists()).map(|run| events(&run)).unwrap_or_default();
        if found.len() >= at_least {
            return found;
        }
        assert!(Instant::now() < until, "only {found:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_intent_is_on_disk_before_the_step_has_an_effect() {
    let place = busy();
    let mut child = place.command(&RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let found = recorded(&place, 4);
    let names: Vec<&str> = found.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["open", "plan", "verdict", "step"], "while the step runs");
    // A parent that is killed takes its worker along, and leaves a record without an end.
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let (_, list) = place.json(&["audit", "list"]);
    assert_eq!(list[0]["status"], Value::Null);
    assert_eq!(list[0]["policy"], "probe");
    // Nobody says that the step is done, or that it is not.
    shown("show-cut-off", &place, &["audit", "show", list[0]["run"].as_str().expect("an id")]);
}

#[test]
fn a_run_that_goes_on_is_left_alone_and_one_that_was_cut_off_is_sealed_by_the_next_start() {
    let place = busy();
    // Its first run was deleted, and is not what this is about.
    fs::remove_dir_all(place.home().join(".local/state/claw/machine")).expect("it is there");
    let mut child = place.command(&RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    recorded(&place, 4);
    let nothing = r#"{"claw":1,"steps":[{"id":"a","capability":"probe","arguments":{"what":"nothing"}}]}"#;
    let other = place.write("other.json", nothing);
    let start = || place.claw(&["run", "--policy", "policy.toml", "--plan", &other.to_string_lossy()]);
    let verified = || {
        let (code, document) = place.json(&["audit", "verify"]);
        assert_eq!(code, Some(0), "{document:#}");
        document["verified"][0].clone()
    };
    let told = start();
    assert!(told.code == Some(0) && !told.err.contains("cut off"), "{told:?}");
    assert!(verified()["notes"].to_string().contains("the run goes on"), "{}", verified());
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let before = verified();
    assert_eq!((&before["status"], &before["unknown"]), (&Value::Null, &Value::from("spin")));
    assert!(before["notes"].to_string().contains("the next start seals it"), "{before:#}");
    let told = start();
    assert!(told.err.contains("sealed as interrupted; what its step `spin` did is unknown"), "{told:?}");
    let after = verified();
    assert_eq!((&after["status"], &after["unknown"]), (&Value::from("interrupted"), &Value::from("spin")));
    assert!(!start().err.contains("cut off"), "it is said once");
}

#[test]
fn an_interrupt_kills_the_worker_and_seals_the_record() {
    let place = busy();
    let child = place.command(&RUN).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    recorded(&place, 4);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["status"], "interrupted");
    let found = recorded(&place, 6);
    assert_eq!(found.last().expect("events")["status"], "interrupted");
}

#[test]
fn case_205_without_a_record_nothing_is_done() {
    let place = Place::with_example("notes");
    let state = place.write("no-folder", "a file where the records would be");
    let output = place
        .command(&["run", "--policy", "policy.toml", "--plan", "plan.json"])
        .env("XDG_STATE_HOME", &state)
        .env("XDG_CACHE_HOME", place.path("cache"))
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(!place.path("out/report.md").exists());
}

#[test]
fn a_record_is_its_users_alone() {
    let place = Place::with_example("notes");
    let (_, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    let record = std::path::PathBuf::from(run["record"].as_str().expect("a path"));
    let mode = |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&record), mode(&record.join("log.jsonl"))), (0o700, 0o600));
    let log = fs::read_to_string(record.join("log.jsonl")).expect("there is a log");
    for line in log.lines() {
        let value: Value = serde_json::from_str(line).expect("each line is JSON");
        assert_eq!(
            serde_json::to_string(&value).expect("it is JSON"),
            line,
            "each line is canonical: sorted keys, no space"
        );
    }
}

#[test]
fn big_values_are_blobs_named_by_their_digest() {
    let place = Place::with_probe("[capability.probe.limits]\noutput-bytes = \"1MiB\"\n");
    let (code, run) = place.act("output", 200_000, "");
    assert_eq!(code, Some(0), "{run:#}");
    let record = std::path::PathBuf::from(run["record"].as_str().expect("a path"));
    let done = events(&record).into_iter().find(|event| event["event"] == "done").expect("it is done");
    // A text stands there as it is, and not as JSON.
    let digest = done["output"]["raw"].as_str().expect("a digest").to_owned();
    let blob =
        fs::read(record.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))).expect("the blob is there");
    assert_eq!((claw_policy::digest(&blob), blob.len()), (digest, 200_000));
}
