//! What records tell: of one run, to people and to programs, once it verifies; and which runs there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::Place;

const RUN: [&str; 5] = ["run", "--policy", "policy.toml", "--plan", "plan.json"];

/// A place with a run of the example `notes`, and the run's id.
fn ran() -> (Place, String) {
    let place = Place::with_example("notes");
    let (code, run) = place.json(&RUN);
    assert_eq!(code, Some(0), "{run:#}");
    (place, run["run"].as_str().expect("an id").to_owned())
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn the_document_of_a_run_has_all_its_keys_and_no_values_unasked() {
    let (place, run) = ran();
    let (code, document) = place.json(&["audit", "show", &run]);
    assert_eq!(code, Some(0), "{document:#}");
    let expected = [
        "run", "status", "opened", "ended", "ms", "record", "events", "notes", "policy", "host", "inputs", "task",
        "planner", "plans",
    ];
    assert_eq!(keys(&document), BTreeSet::from(expected));
    let plan = &document["plans"][0];
    let expected = ["text", "base64", "verdict", "decided", "violations", "steps", "answer", "halt", "approvals"];
    assert_eq!(keys(plan), BTreeSet::from(expected));
    let step = &plan["steps"][1];
    let expected = [
        "id",
        "capability",
        "arguments",
        "status",
        "started",
        "ms",
        "label",
        "grants",
        "failure",
        "resolved",
        "output",
        "exchanges",
        "worker-says",
    ];
    assert_eq!(keys(step), BTreeSet::from(expected));
    assert_eq!(step["arguments"]["text"], json!({ "$step": "week" }), "a reference is a reference");
    assert_eq!((&step["output"], &step["resolved"]), (&Value::Null, &Value::Null));
    let word = &step["worker-says"];
    let expected = ["fuel", "memory", "written", "files", "paths", "calls", "calls-left-out"];
    assert_eq!(keys(word), BTreeSet::from(expected));
    assert_eq!((&word["paths"][0]["path"], &word["paths"][0]["written"]), (&json!("/report.md"), &json!(480)));
    let (_, told) = place.json(&["audit", "show", &run, "--values"]);
    let step = &told["plans"][0]["steps"][1];
    assert_eq!(step["output"], json!({ "bytes": 480, "path": "report.md" }));
    assert_eq!(step["resolved"]["text"], fs::read_to_string(place.path("notes/week-47.md")).expect("it is there"));
    // By the folder of its record too.
    let folder = document["record"].as_str().expect("a path");
    assert_eq!(place.json(&["audit", "show", folder, "--values"]), (Some(0), told));
}

#[test]
fn nothing_is_shown_of_a_record_that_does_not_verify() {
    let (place, run) = ran();
    let (_, document) = place.json(&["audit", "show", &run]);
    let log = PathBuf::from(document["record"].as_str().expect("a path")).join("log.jsonl");
    let good = fs::read_to_string(&log).expect("it is there");
    fs::write(&log, good.replacen("week-47.md", "week-48.md", 1)).expect("it can be written");
    let shown = place.claw(&["audit", "show", &run]);
    assert_eq!((shown.code, shown.out.as_str()), (Some(5), ""), "{shown:?}");
    assert!(shown.err.contains("log.jsonl") && shown.err.contains("nothing of it is shown"), "{shown:?}");
    let (code, document) = place.json(&["audit", "show", &run]);
    assert_eq!((code, keys(&document)), (Some(5), BTreeSet::from(["fault"])), "{document:#}");
    assert_eq!(keys(&document["fault"]), BTreeSet::from(["file", "line", "what"]));
    fs::write(&log, good).expect("it can be written");
    assert_eq!(place.json(&["audit", "show", &run]).0, Some(0));
}

#[test]
fn a_run_that_never_was_is_no_fault_and_one_that_is_gone_is() {
    let place = Place::with_own_home();
    let example = Place::with_example("notes");
    crate::program::copy(&example.path(""), &place.path(""));
    let (_, run) = place.json(&RUN);
    let (code, document) = place.json(&["audit", "show", "20010101T000000Z-00000000"]);
    assert_eq!((code, &document["error"]["rule"]), (Some(2), &json!("record.none")), "{document:#}");
    fs::remove_dir_all(run["record"].as_str().expect("a path")).expect("it can be removed");
    let (code, document) = place.json(&["audit", "show", run["run"].as_str().expect("an id")]);
    assert_eq!((code, keys(&document)), (Some(5), BTreeSet::from(["fault"])), "{document:#}");
}

#[test]
fn runs_are_listed_by_time_policy_status_and_capability() {
    let place = Place::with_own_home();
    let example = Place::with_example("notes");
    crate::program::copy(&example.path(""), &place.path(""));
    let run = |plan: Value| {
        place.write("plan.json", plan.to_string());
        let (_, run) = place.json(&RUN);
        run["run"].as_str().expect("an id").to_owned()
    };
    let read = run(json!({ "claw": 1, "steps": [
        { "id": "week", "capability": "read", "arguments": { "path": "week-47.md" } }] }));
    let listed = run(json!({ "claw": 1, "steps": [{ "id": "files", "capability": "list" }] }));
    let refused = run(json!({ "claw": 1, "steps": [{ "id": "x", "capability": "shell" }] }));
    let broken = "20261128T000000Z-00000000";
    fs::create_dir(place.home().join(".local/state/claw/runs").join(broken)).expect("folders can be made");
    let check = |arguments: &[&str], expect: &[&str]| {
        let (code, document) = place.json(&[&["audit", "list"], arguments].concat());
        let found = document.as_array().expect("a list").iter().filter_map(|run| run["run"].as_str());
        // What cannot be read is always listed.
        let expect: BTreeSet<&str> = expect.iter().copied().chain([broken]).collect();
        assert_eq!((code, found.collect::<BTreeSet<_>>()), (Some(0), expect), "{arguments:?}: {document:#}");
        let text = place.claw(&[&["audit", "list"], arguments].concat());
        assert_eq!(text.out.lines().count(), document.as_array().map_or(0, Vec::len) + 1, "{text:?}");
    };
    check(&[], &[&read, &listed, &refused]);
    check(&["--capability", "read"], &[&read]);
    check(&["--capability", "list", "--status", "completed"], &[&listed]);
    check(&["--status", "refused"], &[&refused]);
    check(&["--status", "unfinished"], &[]);
    check(&["--policy", "notes", "--since", "1h"], &[&read, &listed, &refused]);
    check(&["--policy", "other"], &[]);
    check(&["--since", "2000-01-01", "--until", "2001-01-01T00:00:00Z"], &[]);
    check(&["--until", "2000-01-01"], &[]);
    for arguments in
        [["--since", "yesterday"], ["--until", "2026-02-30"], ["--since", "90000 years"], ["--status", "ok"]]
    {
        let (code, document) = place.json(&[&["audit", "list"], arguments.as_slice()].concat());
        assert_eq!((code, &document["error"]["rule"]), (Some(2), &json!("usage")), "{document:#}");
    }
}
