//! The examples do what the README says: the plans run, and each attack is refused by the rule that it is about.

use crate::program::{Place, events, repository, violations};

#[test]
fn the_first_example_runs() {
    let place = Place::with_example("notes");
    let (code, check) = place.json(&["check", "--policy", "policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, check["verdict"].as_str()), (Some(0), Some("accepted")));
    assert!(!place.path("out").exists(), "a check has no effect, and makes no folder");

    let (code, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, run["status"].as_str()), (Some(0), Some("completed")));
    assert_eq!(place.read("out/report.md"), place.read("notes/week-47.md"));
    assert_eq!(run["steps"][1]["label"]["secrecy"], serde_json::json!(["notes", "report"]));
}

#[test]
fn the_notes_become_a_report_by_reference_alone() {
    let place = Place::with_example("meeting-notes");
    let (code, run) =
        place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json", "--input", "report=open-actions.md"]);
    assert_eq!((code, run["status"].as_str()), (Some(0), Some("completed")), "{run:#}");
    let report = place.read("out/open-actions.md");
    assert!(report.contains("27 open in 15 notes"), "{report}");
    assert!(report.contains("- Ingest migration: Priya Raman, due 2026-10-16"), "{report}");
    assert_eq!(run["answer"]["bytes"], report.len());

    let names: Vec<String> = events(run["record"].as_str().expect("a path").as_ref())
        .iter()
        .map(|e| e["event"].as_str().unwrap_or("").to_owned())
        .collect();
    assert_eq!(names.first().map(String::as_str), Some("open"));
    assert_eq!(names.last().map(String::as_str), Some("seal"));
    assert_eq!(names.iter().filter(|name| *name == "done").count(), 6);
}

/// Each attack: the rule that refuses it, where, and whether it is refused before anything runs or halted.
const ATTACKS: &[(&str, &str, &str, &str)] = &[
    ("a-call-too-many", "refused", "budget.calls", "/steps/1"),
    ("a-step-too-many", "refused", "budget.steps", "/steps/8"),
    ("an-argument-that-is-not-there", "refused", "argument.unknown", "/steps/0/arguments/follow-links"),
    ("confused-type", "refused", "reference.type", "/steps/1/arguments/path"),
    ("duplicate-key", "refused", "plan.duplicate-key", "/steps/0/arguments/path"),
    ("duplicate-key-escaped", "refused", "plan.duplicate-key", "/steps/0/capability"),
    ("forward-reference", "refused", "reference.forward", "/steps/0/arguments/text"),
    ("key-by-absolute-path", "refused", "argument.path", "/steps/0/arguments/path"),
    ("key-by-dot-dot", "refused", "argument.path", "/steps/0/arguments/path"),
    ("key-by-home", "refused", "argument.path", "/steps/0/arguments/path"),
    ("key-by-link", "halted", "path.escape", "/steps/0/arguments/path"),
    ("literal-for-the-users-value", "refused", "argument.input", "/steps/0/arguments/path"),
    ("look-alike-name", "refused", "plan.name", "/steps/0/capability"),
    ("path-from-a-file", "refused", "argument.from", "/steps/1/arguments/path"),
    ("path-from-a-file-to-read", "halted", "argument.path", "/steps/1/arguments/path"),
    ("secret-to-the-public", "refused", "sink.accepts", "/steps/1/arguments/text"),
    ("shell-command", "refused", "capability.unknown", "/steps/0/capability"),
    ("shell-command-as-name", "refused", "plan.name", "/steps/0/capability"),
    ("write-another-kind", "halted", "path.files", "/steps/0/arguments/path"),
    ("write-git-hook", "halted", "path.hidden", "/steps/0/arguments/path"),
    ("write-outside", "refused", "argument.path", "/steps/0/arguments/path"),
    ("write-over-component", "refused", "argument.path", "/steps/0/arguments/path"),
    ("write-over-policy", "refused", "argument.path", "/steps/0/arguments/path"),
];

#[test]
fn each_attack_is_refused_by_the_rule_that_it_is_about() {
    let place = Place::with_example("meeting-notes");
    let (policy, notes) = (place.read("policy.toml"), place.read("notes/2026-09-07-platform-weekly.md"));
    for (attack, status, rule, at) in ATTACKS {
        let plan = format!("attacks/{attack}.json");
        let arguments = ["run", "--policy", "policy.toml", "--plan", &plan, "--input", "report=report.md"];
        let (code, run) = place.json(&arguments);
        assert_eq!(code, Some(3), "{attack}: {run:#}");
        assert_eq!(run["status"].as_str(), Some(*status), "{attack}: {run:#}");
        assert_eq!(violations(&run), [((*rule).to_owned(), (*at).to_owned())], "{attack}");
        let violation = &run["violations"][0];
        assert!(violation["help"].as_str().is_some_and(|help| !help.is_empty()), "{attack} says what to do");
        assert!(!run.to_string().contains("THIS-IS-NO-KEY"), "{attack}");
        if *status == "refused" {
            assert_eq!(run["steps"].as_array().map(Vec::len), Some(0), "{attack}: nothing ran");
        }
        let record =
            std::fs::read_to_string(format!("{}/log.jsonl", run["record"].as_str().expect("a path"))).expect("a log");
        assert!(record.contains(rule), "{attack}: a refusal is recorded as fully as a run");
        assert!(!record.contains("THIS-IS-NO-KEY"), "{attack}");
    }
    assert_eq!((policy, notes), (place.read("policy.toml"), place.read("notes/2026-09-07-platform-weekly.md")));
    for folder in ["out", "public"] {
        let left = std::fs::read_dir(place.path(folder)).expect("the grant made it").count();
        assert_eq!(left, 0, "no attack wrote into {folder}");
    }
}

#[test]
fn each_attack_is_in_the_table() {
    let folder = repository().join("examples/meeting-notes/attacks");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the attacks are there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().trim_end_matches(".json").to_owned())
        .collect();
    files.sort();
    assert_eq!(files, ATTACKS.iter().map(|(attack, ..)| (*attack).to_owned()).collect::<Vec<_>>());
}

#[test]
fn the_readme_shows_the_first_example_as_it_is() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let example = Place::with_example("notes");
    for file in ["policy.toml", "plan.json"] {
        assert!(readme.contains(&example.read(file)), "{file} differs from what the README shows");
    }
    let refusal = include_str!("snapshots/path-from-a-file.snap");
    let shown = refusal
        .split("--- standard error\n")
        .nth(1)
        .and_then(|text| text.split("\nrecord:").next())
        .expect("a refusal");
    assert!(readme.contains(shown), "the refusal differs from what the README shows");
}
