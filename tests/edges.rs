//! What a run does at its edges: hostile names, closed outputs, steps that die, clocks, the second wall.

use std::fs;

use crate::program::{Place, events};

const RUN: [&str; 5] = ["run", "--policy", "policy.toml", "--plan", "plan.json"];

#[test]
fn what_is_printed_is_json_and_safe_for_a_terminal_whatever_a_file_is_called() {
    let place = Place::with_example("notes");
    place.write("notes/\u{202e}gpj.exe\u{9b}31m.md", "x");
    place.write("plan.json", r#"{"claw":1,"steps":[{"id":"a","capability":"list"}]}"#);
    let ran = place.claw(&[&RUN[..], &["--json"]].concat());
    let document: serde_json::Value = serde_json::from_str(&ran.out).expect("one JSON document");
    assert!(!ran.out.contains(['\u{202e}', '\u{9b}']), "{}", ran.out);
    assert!(document["answer"].to_string().contains('\u{202e}'), "and it says what is there");
}

#[test]
fn nobody_who_listens_is_no_reason_to_stop() {
    let place = Place::with_example("notes");
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let code = place.command(&RUN).stderr(full()).status().expect("it starts").code();
    assert_eq!(code, Some(0), "what is said on the way is not needed");
    let code = place.command(&RUN).stdout(full()).status().expect("it starts").code();
    assert_eq!(code, Some(1), "an answer that cannot be given is");
    let (code, document) = place.json(&["check"]);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("usage")), "{document:#}");
}

#[test]
fn a_step_that_dies_is_one_failed_step_and_a_sealed_record() {
    let place = Place::with_probe("");
    for (what, kind) in [("panic", "trap"), ("recurse", "trap"), ("exit", "trap"), ("fail", "capability")] {
        let (code, run) = place.act(what, 1 << 40, "as it was told");
        assert_eq!(code, Some(4), "{what}: {run:#}");
        assert_eq!(run["steps"][0]["failure"]["kind"], kind, "{what}: {run:#}");
        let events = events(run["record"].as_str().expect("a path").as_ref());
        assert_eq!(events.last().expect("events")["status"], "failed", "{what}");
    }
}

#[test]
fn clocks_are_the_steps_and_nobody_sleeps() {
    let place = Place::with_probe("");
    let (_, run) = place.act("sleep", 3_000_000, "");
    assert_eq!(run["steps"][0]["output"], "3000000", "sleeping moves the guest's clock, and takes no time");
    assert!(run["steps"][0]["ms"].as_f64().expect("a number") < 5_000.0);
    let (_, first) = place.act("random", 1, "");
    let (_, second) = place.act("random", 1, "");
    assert_ne!(first["steps"][0]["output"], second["steps"][0]["output"], "case 132: each run has a seed of its own");
}

#[test]
fn a_policy_can_require_the_second_wall() {
    let place = Place::with_example("notes");
    let require =
        |parts: &str| format!("{}\n[sandbox]\nrequire = {parts}\n", Place::with_example("notes").read("policy.toml"));
    place.write("policy.toml", require("[\"landlock\", \"seccomp\"]"));
    let (code, document) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    let missing = claw_runtime::Wall::supported().missing();
    match missing.is_empty() {
        true => assert_eq!(code, Some(0), "{document:#}"),
        false => assert_eq!(document["error"]["rule"], "sandbox.require", "{missing:?}: {document:#}"),
    }
    place.write("policy.toml", require("[\"moat\"]"));
    let (code, document) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("policy.syntax")), "{document:#}");
    let (_, findings) = place.json(&["doctor"]);
    let wall = findings.as_array().unwrap().iter().find(|finding| finding["name"] == "wall").expect("a finding");
    assert_eq!(wall["state"] == "good", missing.is_empty(), "{findings:#}");
}

/// More than the socket has room for in replies, while none of them is read.
#[test]
fn a_plan_can_call_as_many_capabilities_as_a_policy_has() {
    let (place, count) = (Place::new(), 500);
    let capability = |n| format!("[capability.c{n}]\ncomponent = \"builtin:render-text\"\n");
    let limits = format!("[limits]\nplan-steps = {count}\n[plan]\nsteps = {count}\n");
    let policy = format!("claw = 1\nname = \"many\"\n{limits}{}", (0..count).map(capability).collect::<String>());
    place.write("policy.toml", policy);
    let step = |n| serde_json::json!({ "id": format!("s{n}"), "capability": format!("c{n}"), "arguments": { "template": "x", "data": {} } });
    let plan = serde_json::json!({ "claw": 1, "steps": (0..count).map(step).collect::<Vec<_>>() });
    place.write("plan.json", plan.to_string());
    let (code, run) = place.json(&RUN);
    assert_eq!((code, run["answer"].as_str()), (Some(0), Some("x")), "{}", run["steps"][0]);
}
