//! `claw run TASK` and `claw plan TASK` as their users run them, with a command as the planner.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::stand_in::{POLICY, step};
use crate::program::{Place, Ran};

/// A place whose planner says these replies, one each time that it is started.
fn desk(replies: &[Value]) -> Place {
    let place = Place::with_own_home();
    place.write("policy.toml", POLICY);
    place.write("notes/a.md", "ACTION(ana): order paper\n");
    fs::create_dir(place.path("key")).expect("folders can be made");
    let script =
        "#!/bin/sh\ncat > asked\nn=$(cat count 2>/dev/null || echo 0)\necho $((n + 1)) > count\ncat \"reply.$n\"\n";
    let planner = place.write("planner", script);
    fs::set_permissions(planner, fs::Permissions::from_mode(0o755)).expect("modes can be set");
    for (n, reply) in replies.iter().enumerate() {
        place.write(&format!("reply.{n}"), reply.to_string());
    }
    place
}

fn plan(steps: Value, answer: Option<&str>) -> Value {
    let mut plan = json!({ "claw": 1, "steps": steps });
    if let Some(answer) = answer {
        plan["answer"] = json!({ "$step": answer });
    }
    plan
}

fn copied() -> [Value; 2] {
    let read = step("a", "read", json!({ "path": "a.md" }));
    let write = step("w", "write", json!({ "path": "report.md", "text": { "$step": "a" } }));
    [plan(json!([read]), None), plan(json!([write]), Some("w"))]
}

const RUN: [&str; 6] =
    ["run", "--policy", "policy.toml", "--model", "command:./planner", "Copy the notes into report.md"];

fn ended(place: &Place) -> (Option<i32>, String) {
    let (code, run) = place.json(&RUN);
    (code, run["why"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_task_is_planned_and_run_and_its_record_holds() {
    let place = desk(&copied());
    let (code, run) = place.json(&RUN);
    assert_eq!((code, &run["status"], &run["why"]), (Some(0), &json!("completed"), &json!("answered")), "{run:#}");
    assert_eq!(place.read("out/report.md"), "ACTION(ana): order paper\n");
    assert_eq!((&run["plans"], run["steps"].as_array().map(Vec::len)), (&json!(2), Some(2)));
    assert_eq!(run["answer"]["path"], "report.md");
    let id = run["run"].as_str().expect("an id");
    // A replay needs no model: its planner is gone, and so are the folders.
    fs::remove_file(place.path("planner")).expect("it can be removed");
    fs::remove_dir_all(place.path("notes")).expect("it can be removed");
    assert_eq!(place.claw(&["audit", "verify", id]).code, Some(0));
    let (code, again) = place.json(&["replay", id]);
    assert_eq!((code, &again["result"], &again["steps"]), (Some(0), &json!("same"), &json!(2)), "{again:#}");
    assert_eq!(place.json(&["replay", id, "--recheck"]).1["same"][0]["plans"], 2);
    let (_, told) = place.json(&["audit", "show", id, "--values"]);
    assert_eq!(told["task"], "Copy the notes into report.md");
    assert_eq!(
        (&told["planner"]["name"], &told["planner"]["ended"]),
        (&json!("command:./planner"), &json!("answered"))
    );
    assert_eq!(told["planner"]["told"], json!([{ "step": "a", "told": "shown" }]));
    let by: Vec<&str> =
        told["planner"]["said"].as_array().into_iter().flatten().filter_map(|said| said["by"].as_str()).collect();
    assert_eq!(by, ["claw", "planner", "claw", "planner"]);
    let shown = place.claw(&["audit", "show", id]).out;
    assert!(shown.contains("planner") && shown.contains("answered") && shown.contains("report.md"), "{shown}");
    assert!(!shown.contains("ACTION(ana)"), "no values unasked: {shown}");
}

#[test]
fn each_ending_has_its_exit_code() {
    let prose = json!("Sure!");
    let refused = || plan(json!([step("w", "write", json!({ "path": "else.md", "text": "x" }))]), None);
    let missing = plan(json!([step("k", "open", json!({ "path": "none.md" }))]), None);
    assert_eq!(ended(&desk(&[json!({ "answer": "done" })])), (Some(0), "answered".to_owned()));
    assert_eq!(ended(&desk(&[prose.clone(), prose.clone(), prose])), (Some(3), "no-plan".to_owned()));
    assert_eq!(ended(&desk(&[refused(), refused(), refused()])), (Some(3), "refused".to_owned()));
    assert_eq!(ended(&desk(&[missing])), (Some(4), "silent".to_owned()));
    // A command without a reply fails.
    assert_eq!(ended(&desk(&[])), (Some(1), "planner".to_owned()));
    let place = desk(&copied());
    place.write("policy.toml", format!("{POLICY}rounds = 1\n"));
    assert_eq!(ended(&place), (Some(4), "rounds".to_owned()));
}

#[test]
fn without_a_model_it_says_in_four_lines_how_to_set_one() {
    let place = desk(&[]);
    let Ran { code, err, .. } = place.claw(&["run", "--policy", "policy.toml", "Copy the notes"]);
    assert_eq!(code, Some(2));
    let (_, help) = err.split_once("help: ").expect("there is help");
    assert_eq!(help.trim_end().lines().count(), 4, "{err}");
    for what in ["ollama:", "OPENAI_API_KEY", "CLAW_MODEL", "--plan"] {
        assert!(help.contains(what), "{err}");
    }
    assert_eq!(place.claw(&["run", "--policy", "policy.toml"]).code, Some(2), "neither a task nor a plan");
    for model in ["gpt-5", "command:planner", "openai:"] {
        assert_eq!(place.claw(&["run", "--policy", "policy.toml", "--model", model, "x"]).code, Some(2), "{model}");
    }
}

#[test]
fn a_plan_is_proposed_and_nothing_happens() {
    let place = desk(&[copied()[1].clone(), plan(json!([step("a", "read", json!({ "path": "a.md" }))]), None)]);
    let task = |more: &[&str]| {
        let arguments =
            [&["plan", "--policy", "policy.toml", "--model", "command:./planner"], more, &["Read report.md"]].concat();
        place.json(&arguments)
    };
    let (code, told) = task(&[]);
    assert_eq!((code, &told["verdict"]), (Some(3), &json!("refused")), "{told:#}");
    assert_eq!(told["violations"][0]["rule"], "reference.unknown");
    let (code, told) = task(&[]);
    assert_eq!((code, &told["verdict"]), (Some(0), &json!("accepted")), "{told:#}");
    let text = told["plan"].as_str().expect("a text");
    assert!(text.contains("\"a.md\""), "{text}");
    assert!(!place.path("out").exists(), "nothing is made");
    assert!(!place.home().join(".local/state/claw/runs").exists(), "and nothing is on record");
}

#[test]
fn the_model_and_policies_can_be_set_for_good() {
    let place = desk(&[json!({ "answer": "one" }), json!({ "answer": "two" }), json!({ "answer": "three" })]);
    let planner = format!("command:{}", place.path("planner").display());
    let config = place.write("home/.config/claw/config.toml", format!("model = \"{planner}\"\n"));
    fs::copy(place.path("policy.toml"), place.write("home/.config/claw/policies/desk.toml", ""))
        .expect("files can be copied");
    for folder in ["notes", "key"] {
        fs::create_dir(place.path("home/.config/claw/policies").join(folder)).expect("folders can be made");
    }
    let answer = |arguments: &[&str]| place.json(arguments).1["answer"].as_str().map(str::to_owned);
    assert_eq!(answer(&["run", "--policy", "policy.toml", "Say it"]).as_deref(), Some("one"));
    // Claw's own folder cannot be granted, so a policy that is kept there names its folders from elsewhere.
    let (code, refused) = place.json(&["check", "--policy", "desk", "--plan", "reply.0"]);
    assert_eq!((code, &refused["error"]["rule"]), (Some(2), &json!("grant.protected")), "{refused:#}");
    place.write("home/.config/claw/policies/desk.toml", "claw = 1\nname = \"desk\"\n");
    // A name is never a file of the folder that one happens to be in.
    place.write("desk", "claw = 1\nname = \"planted\"\n[planner]\nrounds = 0\n");
    assert_eq!(answer(&["run", "--policy", "desk", "Say it"]).as_deref(), Some("two"));
    // Nor is a command that is set for good.
    let out = place
        .command(&["run", "--policy", "desk", "Say it", "--json"])
        .env("CLAW_MODEL", "command:./planner")
        .output()
        .unwrap();
    let refused: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((out.status.code(), &refused["error"]["rule"]), (Some(2), &json!("model.name")), "{refused:#}");
    assert_eq!(place.claw(&["check", "--policy", "none", "--plan", "reply.0"]).code, Some(2));
    // The command line is nearer, and so is the environment.
    let out =
        place.command(&["run", "--policy", "desk", "Say it", "--json"]).env("CLAW_MODEL", "nonsense").output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    fs::set_permissions(&config, fs::Permissions::from_mode(0o666)).expect("modes can be set");
    assert_eq!(place.json(&["audit", "list"]).1["error"]["rule"], "config.permissions");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("modes can be set");
    place.write("home/.config/claw/config.toml", "modle = \"x\"\n");
    assert_eq!(place.json(&["audit", "list"]).1["error"]["rule"], "config.syntax");
}

#[test]
fn a_command_is_taken_to_remember_what_it_was_shown() {
    let place = desk(&[&copied()[..], &[json!({ "answer": "again" })]].concat());
    assert_eq!(ended(&place).0, Some(0));
    // Another session under a policy of that name begins with it.
    let (code, run) = place.json(&RUN);
    assert_eq!(code, Some(0), "{run:#}");
    let log = fs::read_to_string(format!("{}/log.jsonl", run["record"].as_str().unwrap())).unwrap();
    let open: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(open["context"]["secrecy"], json!(["notes"]));
    // A policy of that name that shows less does not hold for this planner.
    place.write("policy.toml", POLICY.replace("accepts = [\"notes\"]\n", "accepts = []\n"));
    let (code, refused) = place.json(&RUN);
    assert_eq!((code, &refused["error"]["rule"]), (Some(2), &json!("planner.context")), "{refused:#}");
    let proposed = ["plan", "--policy", "policy.toml", "--model", "command:./planner", "Copy the notes"];
    assert_eq!(place.json(&proposed).1["error"]["rule"], "planner.context");
    // No program lets it forget.
    let (code, refused) = place.json(&["planner", "reset"]);
    assert_eq!((code, &refused["error"]["rule"]), (Some(2), &json!("planner.reset")));
}

#[test]
fn approvals_can_be_prepared_and_are_of_the_plan_that_was_shown() {
    let place = desk(&[]);
    place.write("policy.toml", POLICY.replace("grants = [\"out\"]\n", "grants = [\"out\"]\napprove = \"each\"\n"));
    let write = |text: &str| {
        let step = step("w", "write", json!({ "path": { "$input": "name" }, "text": text }));
        place.write("plan.json", plan(json!([step]), None).to_string());
    };
    let session = ["--policy", "policy.toml", "--plan", "plan.json", "--input", "name=report.md"];
    let run = |more: &[&str]| place.json(&[&["run"], &session[..], more].concat());
    write("x");
    let (code, asked) = place.json(&[&["check"], &session[..]].concat());
    assert_eq!((code, &asked["verdict"]), (Some(3), &json!("needs-approval")));
    place.write("yes.json", asked.to_string());
    assert_eq!(run(&[]).0, Some(3), "nobody is there to ask");
    write("y");
    let (code, refused) = run(&["--approve-from", "yes.json"]);
    assert_eq!((code, &refused["status"]), (Some(3), &json!("needs-approval")), "another plan: {refused:#}");
    write("x");
    let (code, done) = run(&["--approve-from", "yes.json"]);
    assert_eq!((code, &done["status"]), (Some(0), &json!("completed")), "{done:#}");
    let (code, again) = place.json(&["replay", done["run"].as_str().unwrap()]);
    assert_eq!((code, &again["result"]), (Some(0), &json!("same")), "{again:#}");
    // What a person said yes to is not taken away by the policy that asks for it; what it would refuse is.
    let id = done["run"].as_str().unwrap();
    let (code, same) = place.json(&["replay", "--what-if", "policy.toml", id]);
    assert_eq!(code, Some(0), "{same:#}");
    place.write("narrow.toml", place.read("policy.toml").replace("[\"user\", \"task\"]", "[\"policy\"]"));
    assert_eq!(place.json(&["replay", "--what-if", "narrow.toml", id]).0, Some(3));
    // Another input makes it another plan.
    let other = [&["run"], &session[..5], &["name=other.md", "--approve-from", "yes.json"]].concat();
    assert_eq!(place.json(&other).0, Some(3));
    let files = ["--approve-from", "yes.json"];
    // One that has expired, or that others can write.
    let until = asked["approvals"][0]["until"].as_str().expect("it says until when");
    for time in ["2026-01-01T00:00:00Z", "tomorrow"] {
        place.write("yes.json", asked.to_string().replace(until, time));
        let (code, refused) = run(&files);
        assert_eq!((code, &refused["error"]["rule"]), (Some(2), &json!("approval.file")), "{refused:#}");
    }
    place.write("yes.json", asked.to_string());
    fs::set_permissions(place.path("yes.json"), fs::Permissions::from_mode(0o666)).expect("modes can be set");
    assert_eq!(run(&files).1["error"]["rule"], "approval.file");
}

#[test]
fn what_a_step_is_given_by_others_can_be_approved_once_it_is_known_and_as_long_as_it_is_the_same() {
    let place = desk(&[]);
    place.write("policy.toml", POLICY.replace("grants = [\"out\"]\n", "grants = [\"out\"]\napprove = \"each\"\n"));
    place.write("notes/a.md", "a note");
    let read = step("a", "read", json!({ "path": "a.md" }));
    let write = step("w", "write", json!({ "path": { "$input": "name" }, "text": { "$step": "a" } }));
    place.write("plan.json", plan(json!([read, write]), None).to_string());
    let session = ["--policy", "policy.toml", "--plan", "plan.json", "--input", "name=report.md"];
    let run = |more: &[&str]| place.json(&[&["run"], &session[..], more].concat());
    let asked = place.json(&[&["check"], &session[..]].concat()).1;
    assert_eq!(asked["approvals"][0]["arguments"]["text"], json!({ "$step": "a", "at": "" }), "{asked:#}");
    place.write("plan-yes.json", asked.to_string());
    // Nobody has said yes to what is read, so the plan halts there, and says what it was.
    let (code, halted) = run(&["--approve-from", "plan-yes.json"]);
    assert_eq!((code, &halted["status"]), (Some(3), &json!("halted")), "{halted:#}");
    assert_eq!(halted["violations"][0]["rule"], "approval.missing");
    assert_eq!(halted["approvals"][0]["arguments"]["text"], "a note");
    assert!(!place.path("out/report.md").exists());
    place.write("step-yes.json", halted.to_string());
    let both = ["--approve-from", "plan-yes.json", "--approve-from", "step-yes.json"];
    place.write("notes/a.md", "another note");
    assert_eq!(run(&both).1["status"], "halted", "it is given something else");
    place.write("notes/a.md", "a note");
    let (code, done) = run(&both);
    assert_eq!((code, &done["status"]), (Some(0), &json!("completed")), "{done:#}");
    assert_eq!(place.read("out/report.md"), "a note");
}

#[test]
fn shells_can_complete_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let Ran { code, out, .. } = Place::new().claw(&["completions", shell]);
        assert!(code == Some(0) && out.contains("policy"), "{shell}: {out}");
    }
}
