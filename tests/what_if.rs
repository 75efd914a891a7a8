//! What another policy would have said of runs that have been: `claw replay --what-if` and `--recheck`, over the examples.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Place, copy};
use crate::transcripts::shown;

/// A place with a home of its own, so that its records are its alone.
fn example(name: &str) -> Place {
    let place = Place::with_own_home();
    copy(&Place::with_example(name).path(""), &place.path(""));
    place
}

/// Runs a plan, and gives the name of its run.
fn run(place: &Place, plan: &str, more: &[&str]) -> String {
    let (_, run) = place.json(&[&["run", "--policy", "policy.toml", "--plan", plan], more].concat());
    run["run"].as_str().unwrap_or_else(|| panic!("{run:#}")).to_owned()
}

/// Writes the policy with one text in the place of another.
fn policy(place: &Place, name: &str, from: &str, to: &str) {
    let text = place.read("policy.toml");
    assert!(text.contains(from), "{from}");
    place.write(name, text.replace(from, to));
}

fn what_if(place: &Place, arguments: &[&str]) -> (Option<i32>, Value) {
    place.json(&[&["replay", "--what-if"], arguments].concat())
}

/// Each step of a plan with its verdict.
fn steps(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    plan["steps"].as_array().expect("steps").iter().map(|step| (text(&step["id"]), text(&step["verdict"]))).collect()
}

const REPORT: [&str; 2] = ["--input", "report=report.md"];

/// Every plan and attack of the examples that this version runs.
fn run_all() -> (Place, Vec<(String, String)>) {
    let place = example("meeting-notes");
    let mut runs = vec![(run(&place, "plan.json", &REPORT), "plan.json".to_owned())];
    let mut attacks: Vec<_> = fs::read_dir(place.path("attacks")).expect("there are some").flatten().collect();
    attacks.sort_by_key(fs::DirEntry::file_name);
    for attack in attacks {
        let plan = format!("attacks/{}", attack.file_name().to_string_lossy());
        let run = run(&place, &plan, &REPORT);
        runs.push((run, plan));
    }
    (place, runs)
}

#[test]
fn its_own_policy_says_of_every_run_what_is_on_record() {
    let (place, runs) = run_all();
    let (code, document) = what_if(&place, &["policy.toml"]);
    assert_eq!((code, &document["summary"]["changes"]), (Some(0), &json!([])), "{document:#}");
    assert_eq!(document["summary"]["runs"], runs.len());
    for (run, plan) in document["runs"].as_array().expect("runs").iter().zip(&runs) {
        assert_eq!(run["run"], plan.0);
        let found = &run["plans"][0];
        assert_eq!(found["verdict"], found["recorded"], "{}: {found:#}", plan.1);
    }
    // And they are decided again as they were.
    let (code, document) = place.json(&["replay", "--recheck"]);
    assert_eq!((code, document["same"].as_array().map(Vec::len)), (Some(0), Some(runs.len())), "{document:#}");
    // Nothing was changed by trying.
    assert_eq!(place.json(&["audit", "verify"]).0, Some(0));
}

#[test]
fn a_narrower_policy_refuses_what_was_accepted_and_what_depends_on_it_is_unknown() {
    let place = example("meeting-notes");
    let run = run(&place, "plan.json", &REPORT);
    // Nothing of the notes may be in a report any more.
    policy(&place, "narrower.toml", "accepts = [\"notes\", \"data\"] ", "accepts = [\"data\"] ");
    let (code, document) = what_if(&place, &["narrower.toml", &run]);
    assert_eq!(code, Some(3), "{document:#}");
    let plan = &document["runs"][0]["plans"][0];
    assert_eq!((&plan["recorded"], &plan["verdict"]), (&json!("accepted"), &json!("refused")));
    assert_eq!(plan["steps"][5]["violations"][0]["rule"], "sink.accepts");
    assert_eq!(steps(plan).iter().filter(|(_, verdict)| verdict == "accepted").count(), 5, "{plan:#}");
    // A capability less: what is given its output cannot be judged, and the rest can.
    let (code, document) = what_if(&place, &["policy.toml", &run, "--only", "list,read,search,query,render,publish"]);
    assert_eq!(code, Some(3), "{document:#}");
    let verdicts = ["accepted", "accepted", "refused", "unknown", "unknown", "unknown"];
    let found: Vec<String> = steps(&document["runs"][0]["plans"][0]).into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(found, verdicts);
    assert_eq!(document["runs"][0]["plans"][0]["steps"][3]["depends-on"], json!(["all"]));
    // What is on record stays.
    assert_eq!(place.json(&["audit", "verify"]).0, Some(0));
}

#[test]
fn a_wider_policy_accepts_what_was_refused_and_that_is_no_failure() {
    let place = example("meeting-notes");
    let run = run(&place, "attacks/a-call-too-many.json", &REPORT);
    policy(&place, "wider.toml", "calls = 1\n", "calls = 5\n");
    let (code, document) = what_if(&place, &["wider.toml", &run]);
    assert_eq!(code, Some(0), "{document:#}");
    let plan = &document["runs"][0]["plans"][0];
    assert_eq!((&plan["recorded"], &plan["verdict"]), (&json!("refused"), &json!("accepted")));
    assert_eq!(plan["recorded-rules"], json!(["budget.calls"]));
}

#[test]
fn a_policy_that_asks_makes_a_run_need_an_approval() {
    let place = example("notes");
    let run = run(&place, "plan.json", &[]);
    policy(&place, "asks.toml", "grants = [\"report\"]", "grants = [\"report\"]\napprove = \"each\"");
    let (code, document) = what_if(&place, &["asks.toml", &run]);
    assert_eq!(code, Some(3), "{document:#}");
    let plan = &document["runs"][0]["plans"][0];
    assert_eq!(plan["verdict"], "needs-approval");
    assert_eq!(
        steps(plan),
        [("week".to_owned(), "accepted".to_owned()), ("report".to_owned(), "needs-approval".to_owned())]
    );
    assert_eq!(plan["steps"][1]["asks"][0]["at"], "/steps/1");
}

#[test]
fn a_value_of_a_run_is_decided_on_where_the_record_has_it() {
    let place = example("notes");
    let run = run(&place, "plan.json", &[]);
    let week = place.read("notes/week-47.md").len();
    for (most, verdict) in [(week, "accepted"), (week - 1, "halted")] {
        let table = format!(
            "grants = [\"report\"]\n[capability.write.argument]\npath = {{ from = [\"planner\"] }}\ntext = {{ from = [\"any\"], maxBytes = {most} }}"
        );
        policy(&place, "bytes.toml", "grants = [\"report\"]", &table);
        let (_, document) = what_if(&place, &["bytes.toml", &run]);
        assert_eq!(document["runs"][0]["plans"][0]["verdict"], verdict, "{document:#}");
    }
}

#[test]
fn inputs_that_the_other_policy_does_not_take_are_refused() {
    let place = example("meeting-notes");
    let run = run(&place, "plan.json", &REPORT);
    policy(&place, "stricter.toml", "[a-z0-9-]{1,40}\\.md", "minutes-[0-9]+\\.md");
    let (code, document) = what_if(&place, &["stricter.toml", &run]);
    assert_eq!(code, Some(3), "{document:#}");
    assert_eq!(document["runs"][0]["plans"][0]["violations"][0]["rule"], "input.schema");
}

#[test]
fn a_run_that_was_narrowed_is_tried_narrowed_and_a_policy_without_that_part_refuses_it() {
    let place = example("notes");
    let run = run(&place, "plan.json", &["--only", "read,write"]);
    let (code, document) = what_if(&place, &["policy.toml", &run]);
    assert_eq!((code, &document["runs"][0]["plans"][0]["verdict"]), (Some(0), &json!("accepted")));
    let text =
        place.read("policy.toml").replace("capability.list", "capability.files").replace("\"list\"", "\"files\"");
    place.write(
        "renamed.toml",
        text.replace("capability.read", "capability.get").replace("\"read\", \"write\"", "\"get\", \"write\""),
    );
    let (code, document) = what_if(&place, &["renamed.toml", &run]);
    assert_eq!(code, Some(3), "{document:#}");
    assert_eq!(document["runs"][0]["plans"][0]["violations"][0]["rule"], "capability.unknown");
}

#[test]
fn a_change_is_tried_on_all_that_has_run_and_records_that_do_not_verify_are_listed() {
    let (place, runs) = run_all();
    // A run of another policy, in the same home.
    let other = Place::with_example("notes");
    fs::create_dir(place.path("other")).expect("folders can be made");
    copy(&other.path(""), &place.path("other"));
    let plan = ["run", "--policy", "other/policy.toml", "--plan", "other/plan.json"];
    assert_eq!(place.json(&plan).0, Some(0));

    policy(&place, "narrower.toml", "accepts = [\"notes\", \"data\"] ", "accepts = [\"data\"] ");
    let (code, document) = what_if(&place, &["narrower.toml"]);
    assert_eq!(code, Some(3), "{document:#}");
    let summary = &document["summary"];
    assert_eq!((&summary["runs"], &summary["left-out"]), (&json!(runs.len()), &json!(1)));
    let to_refused =
        summary["changes"].as_array().expect("changes").iter().find(|change| change["verdict"] == "refused");
    assert!(to_refused.expect("some")["plans"].as_u64() >= Some(1), "{summary:#}");
    assert!(summary["rules"].as_array().expect("rules").iter().any(|rule| rule["rule"] == "sink.accepts"));

    // The same, of a folder.
    let folder = place.home().join(".local/state/claw/runs");
    let named = folder.to_str().expect("a path");
    assert_eq!(what_if(&place, &["narrower.toml", named]).1["summary"], document["summary"]);
    // Other policies, if they are asked for: of that plan this one has no capability.
    let (_, all) = what_if(&place, &["narrower.toml", "--all-policies"]);
    assert_eq!((&all["summary"]["runs"], &all["summary"]["left-out"]), (&json!(runs.len() + 1), &json!(0)));

    let log = folder.join(&runs[3].0).join("log.jsonl");
    let text = fs::read_to_string(&log).expect("there is a log");
    fs::write(&log, text.replacen("refused", "accepted", 1)).expect("it can be written");
    fs::remove_dir_all(folder.join(&runs[5].0)).expect("it can be removed");
    let (code, document) = what_if(&place, &["narrower.toml"]);
    assert_eq!(code, Some(5), "{document:#}");
    assert_eq!(document["faults"].as_array().map(Vec::len), Some(2), "one changed, and one gone: {document:#}");
    assert_eq!(document["summary"]["runs"], runs.len() - 2);
    let (code, document) = place.json(&["replay", "--recheck"]);
    assert_eq!((code, document["faults"].as_array().map(Vec::len)), (Some(5), Some(2)));
}

#[test]
fn a_record_is_decided_again_on_a_machine_that_has_nothing_but_the_record_and_the_key() {
    let place = example("notes");
    let run = run(&place, "plan.json", &[]);
    let (_, key) = place.json(&["audit", "key"]);
    let elsewhere = Place::with_own_home();
    fs::create_dir_all(elsewhere.path("records").join(&run)).expect("folders can be made");
    copy(&place.home().join(".local/state/claw/runs").join(&run), &elsewhere.path("records").join(&run));
    let key = key["key"].as_str().expect("a key");
    let (code, document) = elsewhere.json(&["replay", "--recheck", "records", "--key", key]);
    assert_eq!((code, &document["same"][0]["run"]), (Some(0), &json!(run)), "{document:#}");
    assert_eq!(elsewhere.json(&["replay", "--recheck", "records"]).0, Some(5), "it is not this machine's key");
}

#[test]
fn what_is_asked_for_has_to_be_there() {
    let place = example("notes");
    for arguments in [
        &["replay"][..],
        &["replay", "--recheck", "no-such-run"],
        &["replay", "--recheck", "notes"],
        &["replay", "--what-if", "policy.toml", "--recheck"],
        &["replay", "--recheck", "--only", "read"],
        &["replay", "--what-if", "no-such.toml"],
    ] {
        assert_eq!(place.claw(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn what_people_read() {
    let place = example("meeting-notes");
    let first = run(&place, "plan.json", &REPORT);
    for attack in ["a-call-too-many", "secret-to-the-public", "path-from-a-file-to-read"] {
        run(&place, &format!("attacks/{attack}.json"), &REPORT);
    }
    policy(&place, "other.toml", "accepts = [\"notes\", \"data\"] ", "accepts = [\"data\"] ");
    let text = place.read("other.toml").replace("calls = 1\n", "calls = 5\n");
    place.write("other.toml", text);
    shown("what-if", &place, &["replay", "--what-if", "other.toml", &first]);
    shown("what-if-all", &place, &["replay", "--what-if", "other.toml"]);
    shown("recheck", &place, &["replay", "--recheck", &first]);
}
