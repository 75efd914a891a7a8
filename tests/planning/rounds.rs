//! The loop: plans through the door, what is told of them, and each of its endings.

use std::time::Duration;

use claw_agent::planner::{PlannerError, Tokens};
use claw_audit::{Event, Status, Told, Why};
use claw_policy::{Label, Name};
use serde_json::{Value, json};

use super::stand_in::{Desk, Held, POLICY, Say, Yes, answer, last, plan, step};

const TASK: &str = "Copy the action of the notes into \"report.md\"";

fn read(id: &str, path: &str) -> Value {
    step(id, "read", json!({ "path": path }))
}

fn write(id: &str, text: Value) -> Value {
    step(id, "write", json!({ "path": "report.md", "text": text }))
}

fn ended(held: &Held) -> (Why, Status) {
    (held.ending.why, held.ending.status)
}

#[test]
fn a_later_round_uses_what_an_earlier_one_gave_and_the_answer_is_an_output() {
    let steps = json!([write("w", json!({ "$step": "a" }))]);
    let mut desk =
        Desk::new([plan(json!([step("l", "list", json!({}))])), plan(json!([read("a", "a.md")])), last(steps, "w")]);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Answered, Status::Completed), "{held:#?}");
    assert_eq!(desk.place.read("out/report.md"), "ACTION(ana): order paper\n");
    assert_eq!(held.ending.answer.as_ref().map(|answer| &answer["path"]), Some(&json!("report.md")));
    // The task first, then what came of each plan; nothing of the last.
    let told = &desk.planner.told;
    assert_eq!(told.len(), 3);
    assert!(
        told[0].contains(TASK.trim_end_matches("\"report.md\"")) && told[0].contains("[\"report.md\"]"),
        "{told:#?}"
    );
    assert!(told[1].contains("\"a.md\"") && told[1].contains("7 more plans"), "{told:#?}");
    assert!(told[2].contains("{\"gave\":\"ACTION(ana): order paper\\n\",\"step\":\"a\"}"), "{told:#?}");
    let names: Vec<&str> = held.events.iter().map(Event::name).filter(|name| *name != "call").collect();
    let round = ["prompt", "reply", "plan", "verdict", "step", "done", "disclosed"];
    let all = [&["open"][..], &round, &round, &round[..6], &["ended", "seal"]].concat();
    assert_eq!(names, all);
}

/// What a tool gives as JSON has its parts only once it has run.
#[test]
fn a_part_that_is_not_there_is_no_answer() {
    let policy = POLICY.replacen("[capability.read]\n", "[capability.read]\noutput = \"json\"\n", 1);
    let plan = json!({ "claw": 1, "steps": [read("a", "a.md")], "answer": { "$step": "a", "at": "/none" } });
    let mut desk = Desk::with_policy(&policy, [Say::Text(plan.to_string()), answer("There is none.")]);
    desk.place.write("notes/a.md", "{\"some\": 1}");
    let held = desk.alone(TASK);
    assert_eq!((ended(&held), held.ending.plans.len()), ((Why::Answered, Status::Completed), 1), "{held:#?}");
    assert_eq!(held.ending.answer, Some(json!("There is none.")));
}

#[test]
fn a_planner_answers_in_its_own_words() {
    let held = Desk::new([answer("There is nothing to do.")]).alone("Is there anything to do?");
    assert_eq!(ended(&held), (Why::Answered, Status::Completed));
    assert_eq!(held.ending.answer, Some(json!("There is nothing to do.")));
    assert!(held.ending.plans.is_empty());
}

#[test]
fn what_is_not_shown_is_a_handle_that_can_be_passed_on() {
    let steps = json!([step("k", "open", json!({ "path": "key.md" })), step("n", "look", json!({ "path": "a.md" }))]);
    let copy = json!([write("w", json!({ "$step": "k" }))]);
    let mut desk = Desk::new([plan(steps), last(copy, "w")]);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Answered, Status::Completed), "{held:#?}");
    assert_eq!(desk.place.read("out/report.md"), "THE-KEY-OF-THE-DESK");
    let told = &desk.planner.told[1];
    assert!(told.contains("{\"step\":\"k\",\"type\":\"string\"}"), "a secret is told by its type alone: {told}");
    assert!(
        told.contains("{\"step\":\"n\",\"succeeded\":true,\"type\":\"string\"}"),
        "and another by whether it is there: {told}"
    );
    let disclosed: Vec<Told> = held
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Disclosed(disclosed) => Some(disclosed.told),
            _ => None,
        })
        .collect();
    assert_eq!(disclosed, [Told::Silent, Told::Handle]);
}

#[test]
fn a_failure_is_told_where_it_may_be_and_the_session_goes_on() {
    let mut desk = Desk::new([plan(json!([read("a", "none.md"), read("b", "a.md")])), answer("It is not there.")]);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Answered, Status::Completed));
    let told = &desk.planner.told[1];
    assert!(told.contains("\"failed\":\"") && told.contains("\"step\":\"a\"") && !told.contains("\"b\""), "{told}");
    // Without its reason, where only that it failed may be told.
    let mut desk =
        Desk::new([plan(json!([step("a", "look", json!({ "path": "none.md" }))])), answer("It is not there.")]);
    desk.alone(TASK);
    assert!(desk.planner.told[1].contains("{\"step\":\"a\",\"succeeded\":false}"), "{:#?}", desk.planner.told);
}

#[test]
fn a_failure_that_may_not_be_told_ends_it() {
    let mut desk = Desk::new([plan(json!([step("k", "open", json!({ "path": "none.md" }))]))]);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Silent, Status::Failed));
    assert_eq!(desk.planner.told.len(), 1, "nothing more is asked, which would tell it");
}

#[test]
fn a_refused_plan_is_mended_by_rules_and_places_without_values() {
    let bad = json!([read("a", "a.md"), step("w", "write", json!({ "path": "planted-word.md", "text": "x" }))]);
    let mut desk = Desk::new([plan(bad), last(json!([write("w", json!("x"))]), "w")]);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Answered, Status::Completed), "{held:#?}");
    let told = &desk.planner.told[1];
    assert!(told.contains("argument.from at /steps/1/arguments/path\n"), "{told}");
    assert!(!told.contains("planted-word") && told.contains("can mend 1 more"), "{told}");
    // It is the same round.
    assert!(!held.events.iter().any(|event| matches!(event, Event::Disclosed(_))));
}

#[test]
fn a_planner_mends_as_often_as_the_policy_says_in_a_session() {
    let bad = || plan(json!([step("w", "write", json!({ "path": "x.md", "text": "x" }))]));
    for (corrections, asked) in [("", 3), ("corrections = 0", 1), ("corrections = 1", 2), ("corrections = 20", 21)] {
        let policy = format!("{POLICY}{corrections}\n");
        let mut desk = Desk::with_policy(&policy, [bad()]);
        let held = desk.alone(TASK);
        assert_eq!(ended(&held), (Why::Refused, Status::Refused), "{corrections}");
        assert_eq!(desk.planner.told.len(), asked, "{corrections}");
        assert_eq!(held.ending.violations()[0].rule, "argument.from");
    }
    // Over all rounds, and what has run shows in how it ends.
    let good = |id: &str| plan(json!([read(id, "a.md")]));
    let mut desk = Desk::new([bad(), good("a"), bad(), good("b"), bad()]);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Refused, Status::Halted));
    assert_eq!(desk.planner.told.len(), 5);
}

#[test]
fn what_an_input_holds_is_not_told_by_a_refusal() {
    let policy = POLICY.replace("pattern = '[a-z]{1,20}\\.md'\n", "");
    let narrow = policy.replace("path = { format = \"path\", from", "path = { format = \"path\", maxLength = 5, from");
    let steps = json!([step("w", "write", json!({ "path": { "$input": "name" }, "text": "x" }))]);
    let mut desk = Desk::with_policy(&narrow, [plan(steps)]).given("too-long.md");
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Refused, Status::Refused), "{held:#?}");
    assert_eq!(desk.planner.told.len(), 1, "it is not asked to mend what it may not know");
    assert!(!desk.planner.system.contains("too-long"), "nor is it told what the user gave");
    assert!(desk.planner.system.contains("name: {"), "{}", desk.planner.system);
}

#[test]
fn what_is_no_plan_is_asked_for_again_at_most_twice() {
    let bad = [
        "Sure, here it is.",
        "```json\n{\"answer\":\"x\"}\n```",
        "{\"answer\":\"x\"} {\"answer\":\"y\"}",
        "{\"answer\":",
    ];
    let good = || answer("done");
    for (replies, why, asked) in [
        (vec![Say::Text(bad[0].to_owned()), good()], Why::Answered, 2),
        (vec![Say::Text(bad[1].to_owned()), Say::Text(bad[2].to_owned()), good()], Why::Answered, 3),
        (bad[..3].iter().map(|text| Say::Text((*text).to_owned())).chain([good()]).collect(), Why::NoPlan, 3),
        (vec![Say::Cut("{\"answer\":\"done\"}".to_owned()), good()], Why::Answered, 2),
        (vec![Say::Text(bad[3].to_owned())], Why::NoPlan, 3),
        (vec![Say::Text("x".repeat(2 << 20)), good()], Why::Answered, 2),
    ] {
        let mut desk = Desk::new(replies);
        let held = desk.alone(TASK);
        assert_eq!(held.ending.why, why);
        assert_eq!(desk.planner.told.len(), asked);
        // What it said is not said again.
        assert!(
            desk.planner.told[1].starts_with(&desk.planner.told[0]) && !desk.planner.told[1].contains("Sure, here")
        );
        assert_eq!(held.ending.status, if why == Why::Answered { Status::Completed } else { Status::Refused });
    }
}

#[test]
fn it_ends_when_its_rounds_are_used() {
    let policy = format!("{POLICY}rounds = 2\n");
    let mut desk = Desk::with_policy(&policy, [plan(json!([read("a", "a.md")])), plan(json!([read("b", "a.md")]))]);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Rounds, Status::Failed));
    assert!(desk.planner.told[1].contains("one more plan"), "{:#?}", desk.planner.told);
    let told = held.events.iter().filter(|event| matches!(event, Event::Disclosed(_))).count();
    assert_eq!(told, 1, "of the last plan nobody is told");
}

#[test]
fn it_ends_when_its_tokens_or_its_time_are_used_up() {
    let policy = format!("{POLICY}tokens = 5_000\n");
    let steps = (0..9).map(|n| plan(json!([read(&format!("a{n}"), "a.md")])));
    let mut desk = Desk::with_policy(&policy, steps);
    desk.planner.tokens = Tokens { prompt: Some(2_000), reply: Some(10) };
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Tokens, Status::Failed));
    assert!(held.ending.tokens <= 5_000, "{}", held.ending.tokens);

    let policy = format!("{POLICY}time = \"200ms\"\n");
    let mut desk = Desk::with_policy(&policy, [answer("late")]);
    desk.planner.takes = Duration::from_secs(5);
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Time, Status::Failed));
}

#[test]
fn a_planner_that_fails_or_is_interrupted_ends_it_for_that_reason() {
    let failed =
        PlannerError::Failed { what: "POST http://x/".to_owned(), why: "500".to_owned(), help: "try later".to_owned() };
    let held = Desk::new([Say::No(failed)]).alone(TASK);
    assert_eq!(ended(&held), (Why::Planner, Status::Failed));
    assert_eq!(held.ending.message, "POST http://x/: 500: try later");
    let held = Desk::new([plan(json!([read("a", "a.md")])), Say::No(PlannerError::Interrupted)]).alone(TASK);
    assert_eq!(ended(&held), (Why::Interrupted, Status::Interrupted));
}

#[test]
fn a_halt_ends_it() {
    // The path comes out of a note, and leads out of the folder: known only while running.
    let mut desk = Desk::with_policy(
        &POLICY.replace("from = [\"user\", \"task\"]", "from = [\"any\"]"),
        [
            plan(json!([read("a", "a.md")])),
            plan(json!([read("b", "out.md"), step("w", "write", json!({ "path": { "$step": "b" }, "text": "x" }))])),
        ],
    );
    desk.place.write("notes/out.md", "../key/key.md");
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Halted, Status::Halted), "{held:#?}");
    assert_eq!(desk.place.read("key/key.md"), "THE-KEY-OF-THE-DESK");
}

#[test]
fn what_needs_an_approval_runs_once_a_person_said_yes_and_else_it_ends() {
    let policy = POLICY.replace("grants = [\"out\"]\n", "grants = [\"out\"]\napprove = \"each\"\n");
    let steps = || last(json!([write("w", json!("x"))]), "w");
    let held = Desk::with_policy(&policy, [steps()]).alone(TASK);
    assert_eq!(ended(&held), (Why::Refused, Status::Refused));
    assert_eq!(held.ending.questions().len(), 1);

    let (mut desk, mut yes) = (Desk::with_policy(&policy, [steps()]), Yes::default());
    let held = desk.work(TASK, &mut yes);
    assert_eq!(ended(&held), (Why::Answered, Status::Completed), "{held:#?}");
    assert_eq!(yes.0, ["w"]);
    assert_eq!(desk.place.read("out/report.md"), "x");
    let approvals = held.events.iter().filter(|event| matches!(event, Event::Approval(_))).count();
    assert_eq!(approvals, 1);
}

/// What is on record is what its approval was bound to, also where the planner remembers nothing yet.
#[test]
fn an_approval_holds_in_the_first_session_of_a_planner_that_remembers() {
    let policy = POLICY.replace("grants = [\"out\"]\n", "grants = [\"out\"]\napprove = \"each\"\n");
    let mut desk = Desk::with_policy(&policy, [last(json!([write("w", json!("x"))]), "w")]);
    desk = desk.remembering(Label::default());
    let held = desk.work(TASK, &mut Yes::default());
    assert_eq!(ended(&held), (Why::Answered, Status::Completed), "{held:#?}");
}

#[test]
fn a_planner_that_remembers_is_shown_nothing_that_cannot_be_kept() {
    let replies = || [plan(json!([read("a", "a.md")])), answer("done")];
    let mut desk = Desk::new(replies()).remembering(Label::default());
    let held = desk.alone(TASK);
    assert_eq!(held.ending.why, Why::Answered);
    let notes = Name::new("notes").unwrap();
    let has = |context: &Label| context.secrecy.contains(&notes);
    assert_eq!(desk.kept.iter().map(has).collect::<Vec<_>>(), [false, true], "before each prompt");
    // What it remembers is there from the start, and on record.
    let context = desk.kept.pop().unwrap();
    let held = Desk::new([answer("done")]).remembering(context.clone()).alone(TASK);
    assert!(matches!(&held.events[0], Event::Open { context: Some(found), .. } if **found == context));

    let mut desk = Desk::new(replies()).remembering(Label::default()).that_cannot_keep();
    let held = desk.alone(TASK);
    assert_eq!(ended(&held), (Why::Planner, Status::Failed));
    assert!(desk.planner.told.is_empty(), "it is not asked");
}

/// About three bytes a token: rather more tokens than a model counts.
#[test]
fn the_prompt_for_fifty_capabilities_is_at_most_20_000_tokens() {
    let components = ["read-file", "write-file", "list-files", "search-files", "json-query", "render-text"];
    let mut policy = "claw = 1\nname = \"large\"\n[grant.in]\ndir = \"notes\"\naccess = \"read\"\n".to_owned();
    policy += "[grant.out]\ndir = \"out\"\naccess = \"write\"\ncreate = true\naccepts = [\"in\"]\n";
    for n in 0..50 {
        let component = components[n % components.len()];
        let grants = match component {
            "write-file" => "grants = [\"out\"]\n",
            "json-query" | "render-text" => "",
            _ => "grants = [\"in\"]\n",
        };
        policy += &format!("[capability.capability-{n}]\ncomponent = \"builtin:{component}\"\n{grants}");
    }
    let mut desk = Desk::with_policy(&policy, [answer("done")]);
    desk.alone(TASK);
    let tokens = desk.planner.system.len().div_ceil(3);
    println!("the prompt for 50 capabilities has {} bytes, about {tokens} tokens", desk.planner.system.len());
    assert!(tokens <= 20_000, "{tokens}");
    for n in 0..50 {
        assert!(desk.planner.system.contains(&format!("\ncapability-{n}: ")), "{n}");
    }
}

#[test]
fn the_schema_of_a_reply_takes_the_plans_that_the_policy_has_a_form_for() {
    let mut desk = Desk::new([answer("done")]).given("x.md");
    desk.alone(TASK);
    let validator = jsonschema::validator_for(&desk.planner.schema).expect("it is a schema");
    let write = |path: Value| json!({ "claw": 1, "steps": [step("w", "write", json!({ "path": path, "text": "x" }))] });
    for (reply, fits) in [
        (write(json!("x.md")), true),
        (write(json!({ "$input": "name" })), true),
        (write(json!({ "$step": "a", "at": "/0" })), true),
        (write(json!({ "$input": "other" })), false),
        (write(json!(7)), false),
        (json!({ "claw": 1, "steps": [], "answer": "done" }), true),
        (json!({ "claw": 1, "steps": [read("a", "a.md")], "answer": { "$step": "a" } }), true),
        (json!({ "claw": 1, "steps": [step("a", "shell", json!({}))] }), false),
        (json!({ "claw": 1, "steps": [step("a", "read", json!({}))] }), false),
        (json!({ "claw": 2, "steps": [] }), false),
        (json!({}), false),
    ] {
        assert_eq!(validator.is_valid(&reply), fits, "{reply}");
    }
}
