//! What people read, as snapshots: help, reports, refusals.

use insta::Settings;

use crate::program::Place;

/// Runs the program in an example, and holds what it prints against a snapshot.
fn transcript(name: &str, example: &str, arguments: &[&str]) {
    shown(name, &Place::with_example(example), arguments);
}

/// The same, in a place where something has happened before.
pub(crate) fn shown(name: &str, place: &Place, arguments: &[&str]) {
    let ran = place.claw(arguments);
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let folder = place.path("").canonicalize().expect("it is there").to_string_lossy().trim_end_matches('/').to_owned();
    settings.add_filter(&folder, "[FOLDER]");
    settings.add_filter(r"/[^ ]*/runs/\d{8}T\d{6}Z-[0-9a-f]{8}", "[RECORD]");
    settings.add_filter(r"sha256:[0-9a-f]{64}", "sha256:[DIGEST]");
    settings.add_filter(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "[RUN]");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[WHEN]");
    settings.add_filter(r"\d+\.\d ms|, for [\d_]+ m?s", "[TIME]");
    settings.add_filter(r"worker says  fuel [\d_]+, memory [\d.]+ .iB", "worker says  [USED]");
    settings.add_filter(r"probe \(sha256:[0-9a-f]{12}…\)", "probe (sha256:[DIGEST]…)");
    let text = format!(
        "$ claw {}\n{}--- standard error\n{}--- exit code {}\n",
        arguments.join(" "),
        ran.out,
        ran.err,
        ran.code.unwrap_or(-1)
    );
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn help() {
    transcript("help", "notes", &["--help"]);
    transcript("help-run", "notes", &["run", "--help"]);
}

#[test]
fn a_run_that_completes() {
    transcript("run", "notes", &["run", "--policy", "policy.toml", "--plan", "plan.json"]);
}

#[test]
fn a_check_that_accepts() {
    transcript(
        "check",
        "meeting-notes",
        &["check", "--policy", "policy.toml", "--plan", "plan.json", "--input", "report=a.md"],
    );
}

#[test]
fn what_is_refused_and_what_to_do() {
    for attack in [
        "shell-command",
        "key-by-dot-dot",
        "look-alike-name",
        "path-from-a-file",
        "secret-to-the-public",
        "a-call-too-many",
    ] {
        let plan = format!("attacks/{attack}.json");
        transcript(
            attack,
            "meeting-notes",
            &["run", "--policy", "policy.toml", "--plan", &plan, "--input", "report=a.md"],
        );
    }
}

#[test]
fn what_halts() {
    transcript(
        "key-by-link",
        "meeting-notes",
        &["run", "--policy", "policy.toml", "--plan", "attacks/key-by-link.json", "--input", "report=a.md"],
    );
}

/// Runs a plan, and shows what its record tells, in lines that fit.
fn told(name: &str, place: &Place, plan: &[&str], more: &[&str]) {
    let (_, run) = place.json(&[&["run", "--policy", "policy.toml", "--plan"], plan].concat());
    let arguments = [&["audit", "show", run["run"].as_str().expect("an id")], more].concat();
    let text = place.claw(&arguments).out;
    let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.iter().all(|line| line.starts_with("record: ")), "{long:?}");
    shown(name, place, &arguments);
}

#[test]
fn what_a_record_tells_of_its_run() {
    let notes = Place::with_example("notes");
    told("show-completed", &notes, &["plan.json"], &[]);
    told("show-completed-values", &notes, &["plan.json"], &["--values", "--calls"]);
    notes.write(
        "failing.json",
        r#"{"claw":1,"steps":[{"id":"week","capability":"read","arguments":{"path":"week-99.md"}},
            {"id":"report","capability":"write","arguments":{"path":"report.md","text":{"$step":"week"}}}]}"#,
    );
    told("show-failed", &notes, &["failing.json"], &[]);
    notes.write("no-plan.json", "rm -rf / \u{1b}[2J");
    told("show-no-plan", &notes, &["no-plan.json"], &[]);
    let meetings = Place::with_example("meeting-notes");
    told("show-refused", &meetings, &["attacks/path-from-a-file.json", "--input", "report=a.md"], &[]);
    told("show-halted", &meetings, &["attacks/key-by-link.json", "--input", "report=a.md"], &[]);
}

/// The plan of POLICY.md's example: no rule refuses it, and a person has to be asked.
const INVOICE: [&str; 9] = [
    "check",
    "--policy",
    "policy.toml",
    "--plan",
    "plan.json",
    "--input",
    "invoice=4711.json",
    "--input",
    "iban=DE89370400440532013000",
];

#[test]
fn policies_explained_and_begun() {
    transcript("explain", "meeting-notes", &["policy", "explain", "policy.toml"]);
    transcript("new", "notes", &["policy", "new", "builtin:read-file", "builtin:write-file", "builtin:json-query"]);
    transcript("inspect", "notes", &["capability", "inspect", "builtin:search-files"]);
    for example in ["invoice", "code-docs", "support-desk"] {
        let place = Place::with_example(example);
        let text = place.claw(&["policy", "explain", "policy.toml"]).out;
        assert!(text.lines().count() <= 60, "{example} takes {} lines", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{example} has a long line");
        transcript(&format!("explain-{example}"), example, &["policy", "explain", "policy.toml"]);
    }
    transcript("policy-test", "support-desk", &["policy", "test", "policy.toml"]);
    transcript("asks", "invoice", &INVOICE);
}

#[test]
fn a_first_policy_loads_and_runs() {
    let place = Place::new();
    place.write("note.md", "a note\n");
    let ran = place.claw(&["policy", "new", "builtin:read-file", "builtin:write-file", "builtin:list-files"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    place.write("first.toml", &ran.out);
    let plan = r#"{"claw":1,"steps":[
        {"id":"files","capability":"list-files"},
        {"id":"note","capability":"read-file","arguments":{"path":{"$step":"files","at":"/1/path"}}},
        {"id":"copy","capability":"write-file","arguments":{"path":"copy.md","text":{"$step":"note"}}}]}"#;
    place.write("plan.json", plan);
    let (code, run) = place.json(&["run", "--policy", "first.toml", "--plan", "plan.json"]);
    assert_eq!(code, Some(0), "{run:#}");
    assert_eq!(place.read("out/copy.md"), "a note\n");
}

#[test]
fn the_doctor_finds_a_worker_that_works() {
    let place = Place::new();
    let (code, findings) = place.json(&["doctor"]);
    let worker = findings.as_array().and_then(|findings| findings.iter().find(|finding| finding["name"] == "worker"));
    assert_eq!((code, worker.expect("it was tried")["state"].as_str()), (Some(0), Some("good")), "{findings:#}");
}
