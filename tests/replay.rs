//! A run that is replayed is the same again, whatever it did; and what a record lies about is found.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use claw_audit::{Event, Machine, Record, Stored, verify};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::program::{Place, copy, program, violations};

/// Replays a run of this place: the exit code, and the document.
pub(crate) fn replay(place: &Place, run: &Value) -> (Option<i32>, Value) {
    place.json(&["replay", run["run"].as_str().unwrap_or_else(|| panic!("a run has an id: {run:#}"))])
}

/// Fails unless a replay of the run comes to the same, with each of its steps run again.
#[track_caller]
pub(crate) fn is_the_same_again(place: &Place, run: &Value) {
    let (code, replayed) = replay(place, run);
    assert_eq!((code, replayed["result"].as_str()), (Some(0), Some("same")), "{replayed:#}");
    assert_eq!(replayed["status"], run["status"], "{replayed:#}");
    let steps = run["steps"].as_array().map_or(0, Vec::len);
    assert_eq!(replayed["steps"], steps, "each step was run again: {replayed:#}");
}

const MEETING: [&str; 7] = ["run", "--policy", "policy.toml", "--plan", "plan.json", "--input", "report=report.md"];

#[test]
fn a_run_is_the_same_again_without_its_folders() {
    let place = Place::with_example("meeting-notes");
    let (code, run) = place.json(&MEETING);
    assert_eq!(code, Some(0), "{run:#}");
    for folder in ["notes", "data", "out"] {
        fs::remove_dir_all(place.path(folder)).expect("it can be removed");
    }
    fs::remove_file(place.path("policy.toml")).expect("it can be removed");
    is_the_same_again(&place, &run);
    assert!(!place.path("out").exists(), "nothing is written");
}

/// The record, carried to a user who has nothing but it, the program and the key.
#[test]
fn a_run_is_the_same_again_to_another_user() {
    let place = Place::with_example("meeting-notes");
    let (code, run) = place.json(&MEETING);
    assert_eq!(code, Some(0), "{run:#}");
    let (_, key) = place.json(&["audit", "key"]);
    let key = key["key"].as_str().expect("a key").to_owned();
    let other = tempfile::tempdir().expect("a folder can be made");
    let record = PathBuf::from(run["record"].as_str().expect("a path"));
    let name = record.file_name().expect("it has a name");
    fs::create_dir(other.path().join(name)).expect("folders can be made");
    copy(&record, &other.path().join(name));
    let nobody = 65_534;
    let own = std::process::Command::new("chown").args(["-R", &nobody.to_string()]).arg(other.path()).status();
    if !own.is_ok_and(|status| status.success()) {
        // Only root can give files away. As anyone else, the other user is this one, with another home.
        return;
    }
    let mut replay = std::process::Command::new(program());
    replay.arg("replay").arg(other.path().join(name)).args(["--key", &key, "--json"]);
    replay.env_clear().env("HOME", other.path()).current_dir("/").stdin(Stdio::null()).uid(nobody).gid(nobody);
    let output = replay.output().expect("the program starts");
    let replayed: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!((output.status.code(), replayed["result"].as_str()), (Some(0), Some("same")), "{replayed:#}");
    assert_eq!(replayed["steps"], 6);
    assert!(replayed["notes"][0].as_str().is_some_and(|note| note.contains("not among this machine's runs")));
}

/// What the probe does, how often, where, and what a policy has for it; each is a step that is run again.
const ACTS: &[(&str, u64, &str, &str)] = &[
    ("nothing", 1, "", ""),
    ("read", 1, "/in/a.md", ""),
    ("read", 1, "/in/missing.md", ""),
    ("read", 1, "/etc/passwd", ""),
    ("write", 100_000, "/out/a.md", ""),
    ("write", 100, "/in/a.md", ""),
    ("write", 1 << 20, "/out/a.md", "[limits]\nwritten = \"16KiB\"\n"),
    ("grow-file", 1 << 20, "/out/a.md", ""),
    ("create", 20, "/out", ""),
    ("create", 20, "/out", "[limits]\nfiles = 5\n"),
    ("clock", 1, "", ""),
    ("random", 1, "", ""),
    ("sleep", 3_600, "", ""),
    ("ambient", 1, "", ""),
    ("print", 10_000, "", ""),
    ("output", 200_000, "", ""),
    ("panic", 1, "", ""),
    ("exit", 1, "", ""),
    ("fail", 1, "for a reason", ""),
    ("spin", 1, "", "[limits]\nfuel = 50_000_000\n"),
    ("allocate", 64 << 20, "", "[limits]\nmemory = \"8MiB\"\n"),
    ("handles", 1_000, "", "[limits]\nhandles = 50\n"),
    ("open", 50, "/in/a.md", "[limits]\nopen-files = 5\n"),
    ("now", 100_000, "", "[limits]\nhost-calls = 1_000\n"),
    ("output", 2_000, "", "[limits]\noutput-bytes = 1_000\n"),
    ("recurse", 1 << 40, "", ""),
];

fn place_with(limits: &str) -> Place {
    let place = Place::with_probe("");
    place.write("policy.toml", place.read("policy.toml").replace("[grant.in]", &format!("{limits}[grant.in]")));
    place.write("in/a.md", "# A note\n\nof two lines\n");
    place
}

#[test]
fn a_step_is_the_same_again_however_it_ended() {
    let (mut ended, mut limits) = (Vec::new(), Vec::new());
    for (what, n, path, more) in ACTS {
        let place = place_with(more);
        let (_, run) = place.act(what, *n, path);
        fs::remove_dir_all(place.path("in")).expect("it can be removed");
        is_the_same_again(&place, &run);
        ended.push(run["status"].as_str().expect("a status").to_owned());
        limits.extend(run["steps"][0]["failure"]["kind"].as_str().map(str::to_owned));
        limits.extend(violations(&run).into_iter().map(|(rule, _)| rule));
    }
    for status in ["completed", "failed", "halted"] {
        assert!(ended.iter().any(|ended| ended == status), "no step {status}: {ended:?}");
    }
    for kind in ["trap", "capability", "limit.fuel", "limit.memory", "limit.open-files", "path.read-only"] {
        assert!(limits.iter().any(|found| found == kind), "none ended by {kind}: {limits:?}");
    }
}

#[test]
fn what_cannot_be_repeated_stands_as_it_is_recorded() {
    for (limits, what, n, path, why) in [
        ("[limits]\ntime = \"300ms\"\nfuel = 10_000_000_000_000\n", "spin", 1, "", "deadline"),
        ("[limits]\ntape = \"4KiB\"\n", "write", 1 << 20, "/out/a.md", "`tape`"),
    ] {
        let place = place_with(limits);
        let (_, run) = place.act(what, n, path);
        let (code, replayed) = replay(&place, &run);
        assert_eq!((code, replayed["result"].as_str(), &replayed["steps"]), (Some(0), Some("same"), &json!(0)));
        assert_eq!(replayed["status"], run["status"]);
        let said = replayed["not-run-again"][0]["why"].as_str().expect("it says why");
        assert!(said.contains(why), "{said}");
    }
    let place = place_with("[limits]\nlog = \"24KiB\"\n");
    let (_, run) = place.act("write", 1 << 20, "/out/a.md");
    let (code, replayed) = replay(&place, &run);
    assert_eq!((code, replayed["result"].as_str()), (Some(0), Some("cut-off")), "{replayed:#}");
}

#[test]
fn a_refused_plan_is_refused_again() {
    let place = place_with("");
    let (code, run) = place.act("nothing", 1, &"x".repeat(100_000));
    assert_eq!(code, Some(3));
    is_the_same_again(&place, &run);
}

#[test]
fn a_component_that_is_gone_is_asked_for_by_its_digest() {
    let mut place = place_with("");
    place.own_home();
    let (code, run) = place.act("read", 1, "/in/a.md");
    assert_eq!(code, Some(0), "{run:#}");
    let cache = place.home().join(".cache/claw/components");
    // Native code that is not what was put there is as good as gone; so is all of it.
    let files = fs::read_dir(&cache).expect("there is a cache").map(|entry| entry.expect("it can be read").path());
    let code_of_it = files.max_by_key(|file| fs::metadata(file).map_or(0, |metadata| metadata.len())).expect("a file");
    fs::write(code_of_it, "x").expect("it can be written");
    assert_eq!(replay(&place, &run).1["error"]["rule"], "component.gone");
    fs::remove_dir_all(cache).expect("it is there");
    let (code, error) = replay(&place, &run);
    assert_eq!((code, error["error"]["rule"].as_str()), (Some(2), Some("component.gone")), "{error:#}");
    let digest = claw_policy::digest(&fs::read(place.path("probe.wasm")).expect("it is there"));
    assert!(error["error"]["message"].as_str().is_some_and(|message| message.contains(&digest)), "{error:#}");
    let given = place.json(&["replay", run["run"].as_str().expect("an id"), "--component", "probe.wasm"]);
    assert_eq!((given.0, given.1["steps"].as_u64()), (Some(0), Some(1)), "{given:?}");
}

/// A record that is whole and signed, and says something that did not happen.
struct Liar {
    place: Place,
    events: Vec<Event>,
    record: PathBuf,
}

impl Liar {
    /// One step that reads and one that writes what it read.
    fn new() -> Self {
        let place = Place::with_own_home();
        copy(&crate::program::repository().join("examples/notes"), &place.path(""));
        let (code, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
        assert_eq!(code, Some(0), "{run:#}");
        let record = PathBuf::from(run["record"].as_str().expect("a path"));
        let machine = Machine::open(&place.home().join(".local/state/claw")).expect("there is a key");
        let events = verify(&record, machine.key().public()).expect("it is whole").events;
        Self { place, events, record }
    }

    /// The line that a replay of a record with `events` differs in.
    fn differs_at(&self, events: &[Event]) -> u64 {
        let home = tempfile::tempdir().expect("a folder can be made");
        let state = home.path().join(".local/state/claw");
        let runs = state.join("runs");
        let run = self.record.file_name().expect("it has a name").to_string_lossy().into_owned();
        let machine = Machine::open(&state).expect("it can be made");
        let mut forged = Record::create(machine, &runs, &run, 1 << 30, 0).expect("it can be made");
        copy(&self.record, &runs.join(&run).join(".."));
        let Some((Event::Seal { status, time, .. }, events)) = events.split_last() else { panic!("it is sealed") };
        let opened = forged.opened().to_owned();
        for event in events {
            let mut event = event.clone();
            if let Event::Open { machine, .. } = &mut event {
                machine.clone_from(&opened);
            }
            forged.append(&event).expect("it can be written");
        }
        fs::create_dir_all(runs.join(&run).join("blobs/sha256")).expect("folders can be made");
        copy(&self.record.join("blobs/sha256"), &runs.join(&run).join("blobs/sha256"));
        forged.seal(*status, *time).expect("it can be written");
        let mut command = self.place.command(&["replay", &run, "--json"]);
        let output = command.env("HOME", home.path()).output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!((output.status.code(), document["result"].as_str()), (Some(5), Some("differs")), "{document:#}");
        document["difference"]["line"].as_u64().expect("a line")
    }

    /// With the last event that `change` takes changed, and its line. No later step is given what it gave: a recheck alone
    /// would find that.
    fn with(&self, change: impl Fn(&mut Event) -> bool) -> (Vec<Event>, u64) {
        let mut events = self.events.clone();
        let at = events.iter_mut().rposition(change).expect("there is one");
        (events, at as u64 + 1)
    }
}

/// What is lied about, and the change of the event that it is about.
type Lie<'l> = (&'l str, &'l dyn Fn(&mut Event) -> bool);

#[test]
fn what_a_record_lies_about_is_found_at_its_line() {
    let liar = Liar::new();
    let lies: &[Lie] = &[
        ("an output", &|event| match event {
            Event::Done { output, .. } => {
                *output = Stored::Inline(json!({ "path": "report.md", "bytes": 1 }));
                true
            }
            _ => false,
        }),
        ("fuel", &|event| match event {
            Event::Done { usage, .. } => {
                usage.fuel += 1;
                true
            }
            _ => false,
        }),
        ("a path that was opened", &|event| match event {
            Event::Call(call) if call.function.ends_with("open-at") => {
                call.subject = Some("/other.md".to_owned());
                true
            }
            _ => false,
        }),
        ("what a call was asked with", &|event| match event {
            Event::Call(call) if call.function.ends_with("open-at") => {
                call.arguments = claw_policy::digest(b"other");
                true
            }
            _ => false,
        }),
    ];
    for (what, lie) in lies {
        let (events, line) = liar.with(lie);
        assert_eq!(liar.differs_at(&events), line, "{what}");
    }
    // Bytes that were never read: the guest puts out what it is given, and that is not what is recorded.
    let (events, done) = liar.with(|event| match event {
        Event::Done { tape: Some(Stored::Inline(tape)), .. } => {
            let answers = tape.as_array_mut().expect("a list");
            let bytes = answers.iter_mut().find_map(|answered| answered.pointer_mut("/answer/bytes"));
            bytes.map(|bytes| *bytes = json!("b3RoZXI=")).is_some()
        }
        _ => false,
    });
    assert!(liar.differs_at(&events) <= done, "before or at the end of the step");
    // A call that was not made, and one that is left out.
    let call = liar.events.iter().position(|event| matches!(event, Event::Call(_))).expect("there is one");
    let mut events = liar.events.clone();
    events.remove(call);
    liar.differs_at(&events);
}

/// One step of a random plan: of the probe, with what it does where, or of a built-in.
fn any_step() -> impl Strategy<Value = (String, Value)> {
    let path =
        prop::sample::select(vec!["/in/a.md", "/in/b.md", "/in/none.md", "/out/a.md", "/out/b.md", "/in/../x", "/"]);
    let what =
        prop::sample::select(vec!["nothing", "read", "read", "write", "clock", "random", "ambient", "create", "fail"]);
    let probe = (what, 1..5_000u64, path)
        .prop_map(|(what, n, path)| ("probe".to_owned(), json!({ "what": what, "n": n % 40 + 1, "path": path })));
    let name = prop::sample::select(vec!["a.md", "b.md", "none.md"]);
    let text = "[a-z \n]{0,200}";
    prop_oneof![
        3 => probe,
        1 => name.clone().prop_map(|path| ("read".to_owned(), json!({ "path": path }))),
        1 => Just(("list".to_owned(), json!({}))),
        1 => (name, text).prop_map(|(path, text)| ("write".to_owned(), json!({ "path": path, "text": text }))),
    ]
}

const BUILTINS: &str = r#"
[capability.read]
component = "builtin:read-file"
grants = ["in"]
[capability.list]
component = "builtin:list-files"
grants = ["in"]
[capability.write]
component = "builtin:write-file"
grants = ["out"]
"#;

#[test]
fn random_plans_are_the_same_again() {
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 100, max_shrink_iters: 20, failure_persistence: None, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let place = place_with("");
    place.write("policy.toml", place.read("policy.toml") + BUILTINS);
    place.write("in/b.md", "b".repeat(100_000));
    let ran = std::cell::Cell::new(0);
    let plans = prop::collection::vec(any_step(), 1..6);
    let result = runner.run(&plans, |steps| {
        let steps = steps.iter().enumerate().map(
            |(at, (capability, arguments))| json!({ "id": format!("s{at}"), "capability": capability, "arguments": arguments }),
        );
        place.write("plan.json", json!({ "claw": 1, "steps": steps.collect::<Vec<_>>() }).to_string());
        let (_, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
        ran.set(ran.get() + run["steps"].as_array().map_or(0, Vec::len));
        is_the_same_again(&place, &run);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(ran.get() > 150, "only {} steps ran", ran.get());
}

#[test]
fn a_run_is_the_same_a_hundred_times() {
    let place = place_with("");
    let (_, run) = place.act("random", 1, "");
    for _ in 0..100 {
        is_the_same_again(&place, &run);
    }
    assert!(Path::new(run["record"].as_str().expect("a path")).join("log.jsonl").exists());
}
