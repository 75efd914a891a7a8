//! What a run does at its edges: hostile names, closed outputs, steps that die, clocks, the second wall.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::program::{Place, events, violations};

const RUN: [&str; 5] = ["run", "--policy", "policy.toml", "--plan", "plan.json"];

#[test]
fn case_074_and_075_links_lead_nowhere() {
    let place = Place::with_probe("");
    place.write("secret/key", "CANARY");
    symlink("../secret/key", place.path("in/relative")).expect("links can be made");
    symlink(place.path("secret/key"), place.path("in/absolute")).expect("links can be made");
    symlink("../secret", place.path("in/folder")).expect("links can be made");
    for path in ["/in/relative", "/in/absolute", "/in/folder/key", "/in/../secret/key", "/in/./../secret/key"] {
        let (code, run) = place.act("read", 1, path);
        assert_eq!((code, run["status"].as_str()), (Some(3), Some("halted")), "{path}: {run:#}");
        assert_eq!(violations(&run), [("path.escape".to_owned(), "/steps/0/arguments/path".to_owned())], "{path}");
        assert!(!run.to_string().contains("CANARY"), "{path}");
    }
}

#[test]
fn case_094_what_hosts_run_is_not_written() {
    let place = Place::with_probe("");
    for path in ["/out/.git/hooks/post-checkout", "/out/.bashrc", "/out/a/../.envrc"] {
        let (code, run) = place.act("write", 4096, path);
        assert!(code == Some(3) || code == Some(4), "{path}: {run:#}");
        assert_ne!(run["status"], "completed", "{path}");
    }
    let left: Vec<_> = fs::read_dir(place.path("out")).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn case_148_imports_that_are_not_granted_are_listed_and_refused() {
    let place = Place::with_probe("");
    let policy = place.read("policy.toml").replace("grants = [\"in\", \"out\"]", "grants = []");
    place.write("policy.toml", &policy);
    let (code, document) = place.json(&["policy", "explain", "policy.toml"]);
    let error = &document["error"];
    assert_eq!((code, error["rule"].as_str()), (Some(2), Some("component.import")), "{document:#}");
    for import in ["wasi:filesystem/types@", "wasi:filesystem/preopens@"] {
        assert!(error["message"].as_str().is_some_and(|message| message.contains(import)), "{document:#}");
    }
    place.write("policy.toml", policy.replace("grants = []", "grants = []\ninert = [\"wasi:filesystem\"]"));
    let (code, run) = place.act("read", 1, "/in/a");
    assert_eq!(code, Some(4), "linked with nothing behind it, it finds nothing: {run:#}");
}

#[test]
fn case_149_and_150_a_planted_artefact_is_never_loaded() {
    let place = Place::with_own_home();
    fs::create_dir(place.path("in")).expect("folders can be made");
    fs::copy(crate::program::probe(), place.path("probe.wasm")).expect("files can be copied");
    place.write("policy.toml", Place::with_probe("").read("policy.toml"));
    assert_eq!(place.act("nothing", 1, "").0, Some(0));
    let cache = place.home().join(".cache/claw/components");
    let entries: Vec<_> =
        fs::read_dir(&cache).expect("there is a cache").map(|entry| entry.expect("it can be read").path()).collect();
    assert_eq!(entries.len(), 1);
    let good = fs::read(&entries[0]).expect("it can be read");
    let flip = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    };
    for bad in [
        flip(0),
        flip(40),
        flip(good.len() / 2),
        flip(good.len() - 1),
        good[..good.len() - 1].to_vec(),
        Vec::new(),
        b"\x7fELF".to_vec(),
    ] {
        fs::write(&entries[0], &bad).expect("it can be written");
        assert_eq!(place.act("nothing", 1, "").0, Some(0), "it is compiled again");
        assert_eq!(fs::read(&entries[0]).expect("it can be read").len(), good.len(), "and what was planted is gone");
    }
    // Another user's key is nobody's: without it, everything is compiled anew; and a key that others can read is refused.
    let key = place.home().join(".local/state/claw/cache.key");
    fs::write(&key, [7; 32]).expect("it can be written");
    assert_eq!(place.act("nothing", 1, "").0, Some(0));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("modes can be set");
    let (code, document) = place.act("nothing", 1, "");
    assert_eq!(code, Some(1), "{document:#}");
}

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
