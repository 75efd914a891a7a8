//! Group J, plans while they run: budgets, what runs beside them, cancelling and failing.

use std::fs;
use std::time::{Duration, SystemTime};

use claw_policy::{Execution, Plan, Policy, Refusal, Session, ValidatedPlan};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::program::violations;
use crate::watch::is_busy;

cases! {
    case_175_a_step_runs_once_and_budgets_are_the_sessions
    case_176_steps_run_one_by_one_and_runs_beside_each_other
    case_177_a_short_plan_cannot_make_much
    case_178_a_budget_cannot_be_split
    case_181_a_check_has_no_effect_and_says_what_a_run_says
    case_182_no_plan_knows_the_time
    case_184_a_plan_in_a_plan_is_data
    case_185_an_interrupt_ends_it_at_any_step
    case_186_half_an_effect_is_no_success
}

const CHECK: [&str; 5] = ["check", "--policy", "policy.toml", "--plan", "plan.json"];

fn step(id: &str, capability: &str, arguments: Value) -> Value {
    json!({ "id": id, "capability": capability, "arguments": arguments })
}

fn write(id: &str, text: Value) -> Value {
    step(id, "write", json!({ "path": format!("{id}.md"), "text": text }))
}

/// As many steps of the guest.
fn attacks(count: usize) -> Value {
    (0..count).map(|n| json!({ "id": format!("s{n}"), "capability": "attack" })).collect()
}

/// The names of a record's events.
fn names(contained: &Contained) -> Vec<&str> {
    contained.events.iter().filter_map(|event| event["event"].as_str()).collect()
}

fn files(arena: &Arena) -> usize {
    fs::read_dir(arena.place.path("out")).expect("it is there").count()
}

fn send(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(process, signal).expect("it is there");
}

fn case_175_a_step_runs_once_and_budgets_are_the_sessions(arena: &mut Arena) -> Contained {
    arena.guest("case_175_fails_when_it_has_written").plan(attacks(3));
    let contained = arena.attack(Ending::Failed("trap"));
    assert_eq!(arena.place.read("out/count"), "x", "what failed is not tried again");
    assert_eq!(names(&contained).iter().filter(|name| **name == "step").count(), 1, "and nothing follows it");
    for key in ["retry", "retries", "attempts", "on-error", "finally", "repeat", "loop", "while"] {
        arena.plan(json!([{ "id": "a", "capability": "attack", key: 3 }]));
        let _contained = arena.attack(Ending::Refused("plan.unknown-key"));
    }
    // Calls are counted before anything runs, bytes while it does.
    let tools = |arena: &mut Arena, lines: &str| {
        arena.tools().instead("builtin:write-file\"", &format!("builtin:write-file\"\n{lines}"));
    };
    tools(arena, "calls = 2");
    let contained = arena
        .plan(json!([write("a", json!("x")), write("b", json!("x")), write("c", json!("x"))]))
        .attack(Ending::Refused("budget.calls"));
    assert_eq!(violations(&contained.document), [("budget.calls".to_owned(), "/steps/2".to_owned())]);
    tools(arena, "");
    arena.and("[plan]\nsteps = 2");
    let _contained = arena.attack(Ending::Refused("budget.steps"));
    arena.tools().and("[limits]\nwritten = \"64KiB\"");
    let large = json!("x".repeat(40 << 10));
    arena.plan(json!([write("a", large.clone()), write("b", large.clone()), write("c", large)]));
    let contained = arena.attack(Ending::Halted("budget.written"));
    assert!(arena.place.path("out/a.md").exists() && !arena.place.path("out/c.md").exists());
    contained
}

/// A plan is a straight line, so no two of its steps race; two runs can, and each writes a file as a whole.
fn case_176_steps_run_one_by_one_and_runs_beside_each_other(arena: &mut Arena) -> Contained {
    arena.tools().plan((0..8).map(|n| write(&format!("s{n}"), json!("x"))).collect());
    let contained = arena.attack(Ending::Completed);
    let steps: Vec<&str> = names(&contained).into_iter().filter(|name| matches!(*name, "step" | "done")).collect();
    assert_eq!(steps, ["step", "done"].repeat(8));
    let texts = ["a".repeat(60_000), "b".repeat(60_000)];
    let plan = |text: &str| -> Value {
        (0..16).map(|n| step(&format!("s{n}"), "write", json!({ "path": "same.md", "text": text }))).collect()
    };
    arena.place.write("other.json", json!({ "claw": 1, "steps": plan(&texts[1]) }).to_string());
    arena.plan(plan(&texts[0]));
    let mut command = arena.place.command(&["run", "--policy", "policy.toml", "--plan", "other.json", "--json"]);
    let mut other = None;
    let contained = arena.attack_while(&[Ending::Completed], &mut |_, _| {
        other.get_or_insert_with(|| command.stdout(std::process::Stdio::null()).spawn().expect("it starts"));
    });
    assert_eq!(other.expect("it was started").wait().expect("it ends").code(), Some(0));
    assert!(texts.contains(&arena.place.read("out/same.md")), "one or the other, and no mixture");
    contained
}

fn case_177_a_short_plan_cannot_make_much(arena: &mut Arena) -> Contained {
    arena.place.write("in/long.md", "x".repeat(1_000_000));
    arena.place.write("in/short.md", "x".repeat(1_000));
    arena.tools().and("[capability.render]\ncomponent = \"builtin:render-text\"");
    let read = |path: &str| step("a", "read", json!({ "path": path }));
    let long = json!({ "$step": "a" });
    // Many references to one long output.
    let data: Value = json!({ "all": vec![long.clone(); 10_000] });
    arena.plan(json!([read("long.md"), step("b", "render", json!({ "template": "x", "data": data }))]));
    let contained = arena.attack(Ending::Halted("limit.argument-bytes"));
    assert!(contained.peak.parent_bytes < 128 << 20, "nothing is copied before it is counted: {:?}", contained.peak);
    // Each step twice what the one before was.
    let double = |n: usize| {
        let before = if n == 0 { "a".to_owned() } else { format!("s{}", n - 1) };
        step(&format!("s{n}"), "render", json!({ "template": "{{ t }}{{ t }}", "data": { "t": { "$step": before } } }))
    };
    arena.plan(std::iter::once(read("short.md")).chain((0..40).map(double)).collect());
    let _contained = arena.attack(Ending::Halted("limit.argument-bytes"));
    // There is no loop: a list is one value, and a plan has the steps that it says.
    for key in ["for-each", "map", "items", "with-items", "fan-out", "parallel", "range", "matrix"] {
        let mut one = read("short.md");
        one[key] = json!({ "$step": "a" });
        let _contained = arena.plan(json!([one])).attack(Ending::Refused("plan.unknown-key"));
    }
    arena
        .plan((0..65).map(|n| step(&format!("s{n}"), "list", json!({}))).collect())
        .attack(Ending::Refused("limit.plan-steps"))
}

/// Checks a plan, and makes believe that each of its steps gives nothing.
fn pretend(
    policy: &std::sync::Arc<Policy>,
    session: Session,
    steps: &Value,
    now: SystemTime,
) -> Result<Session, Refusal> {
    let mut execution = Execution::start(check(policy, &session, steps, now)?, session)?;
    while let Some(ready) = execution.next_step() {
        execution.failed(&ready?, 0, 0);
    }
    Ok(execution.finish().0)
}

fn check(
    policy: &std::sync::Arc<Policy>,
    session: &Session,
    steps: &Value,
    now: SystemTime,
) -> Result<ValidatedPlan, Refusal> {
    let text = json!({ "claw": 1, "steps": steps }).to_string();
    Plan::parse(text.as_bytes(), &policy.limits).and_then(|plan| policy.check(session, plan, now))
}

fn case_178_a_budget_cannot_be_split(arena: &mut Arena) -> Contained {
    // Not over capabilities: bytes and files are the session's.
    let other = "[capability.other]\ncomponent = \"builtin:write-file\"\ngrants = [\"out\"]\ncalls = 1\n";
    arena.tools().and(&format!("{other}[limits]\nwritten = \"64KiB\""));
    let large = json!({ "path": "b.md", "text": "x".repeat(40 << 10) });
    arena.plan(json!([step("a", "write", large.clone()), step("b", "other", large.clone())]));
    let _contained = arena.attack(Ending::Halted("budget.written"));
    arena.tools().and(&format!("{other}[limits]\nfiles = 2"));
    arena.plan(json!([
        step("a", "write", json!({ "path": "new-a.md", "text": "x" })),
        step("b", "other", json!({ "path": "new-b.md", "text": "x" })),
        step("c", "write", json!({ "path": "new-c.md", "text": "x" })),
    ]));
    let contained = arena.attack(Ending::Halted("budget.files"));
    assert!(!arena.place.path("out/new-c.md").exists());
    // Nor over the plans of a session, whatever became of them.
    let (policy, session) = contained.reopen();
    let now = SystemTime::UNIX_EPOCH;
    let calls = |id: &str| json!([step(id, "other", json!({ "path": "x.md", "text": "x" }))]);
    let session = pretend(&policy, session, &calls("a"), now).expect("the first call is allowed");
    let refusal = check(&policy, &session, &calls("b"), now).expect_err("the second is not, in another plan");
    assert_eq!(refusal.violations()[0].rule, "budget.calls");
    contained
}

fn case_181_a_check_has_no_effect_and_says_what_a_run_says(arena: &mut Arena) -> Contained {
    arena
        .changing("made")
        .tools()
        .instead("access = \"write\"", "access = \"write\"\ncreate = true")
        .instead("dir = \"out\"", "dir = \"made/later\"");
    for (plan, ending) in [
        (json!([write("a", json!("x"))]), Ending::Completed),
        (
            json!([write("a", json!("x")), step("b", "read", json!({ "path": "../x" }))]),
            Ending::Refused("argument.path"),
        ),
        (json!([write("a", json!("x")), step("b", "shell", json!({}))]), Ending::Refused("capability.unknown")),
        (json!([write("a", json!({ "$step": "b" }))]), Ending::Refused("reference.unknown")),
        (json!({}), Ending::Refused("plan.shape")),
    ] {
        let _none_there = fs::remove_dir_all(arena.place.path("made"));
        arena.plan(plan);
        let (_, checked) = arena.place.json(&CHECK);
        assert!(!arena.place.path("made").exists(), "a check makes nothing");
        assert_eq!(checked["record"], Value::Null, "and leaves no record");
        let contained = arena.attack(ending);
        assert_eq!(violations(&checked), violations(&contained.document));
        assert_eq!(checked["verdict"] == "accepted", matches!(ending, Ending::Completed));
    }
    arena.plan(json!([write("a", json!("x"))])).attack(Ending::Completed)
}

fn case_182_no_plan_knows_the_time(arena: &mut Arena) -> Contained {
    arena.tools();
    for argument in
        [json!({ "$now": true }), json!({ "$time": "+1h" }), json!({ "$env": "HOME" }), json!({ "$random": 4 })]
    {
        let _contained = arena.plan(json!([write("a", argument)])).attack(Ending::Refused("plan.reference"));
    }
    for key in ["not-before", "expires", "at", "deadline", "schedule", "delay", "valid-until"] {
        let plan = json!({ "claw": 1, "steps": [], key: "2099-01-01T00:00:00Z" });
        let _contained = arena.plan_text(plan.to_string()).attack(Ending::Refused("plan.unknown-key"));
    }
    // What does run out is an approval, by the time at which the plan is checked and not by one that it says.
    arena.instead("builtin:write-file\"", "builtin:write-file\"\napprove = \"each\"");
    let contained = arena.plan(json!([step("a", "list", json!({}))])).attack(Ending::Completed);
    let (policy, mut session) = contained.reopen();
    let asked = |minutes: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(60 * minutes);
    let steps = json!([write("a", json!("x"))]);
    let refusal = check(&policy, &session, &steps, asked(60)).expect_err("a person has to be asked");
    session.approve(refusal.questions()[0].approve(asked(60)));
    assert!(check(&policy, &session, &steps, asked(69)).is_ok());
    for late in [71, 1_000] {
        let refusal = check(&policy, &session, &steps, asked(late)).expect_err("the approval has run out");
        assert_eq!(refusal.questions().len(), 1);
    }
    contained
}

fn case_184_a_plan_in_a_plan_is_data(arena: &mut Arena) -> Contained {
    let inner = json!({ "claw": 1, "steps": [write("evil", json!("x"))] });
    arena.tools();
    for (steps, rule) in [
        (json!([write("a", inner.clone())]), "argument.type"),
        (json!([inner.clone()]), "plan.unknown-key"),
        (json!([[write("a", json!("x"))]]), "plan.shape"),
        (json!([inner.to_string()]), "plan.shape"),
        (json!([step("a", "plan", inner.clone())]), "capability.unknown"),
        (json!([step("a", "run", json!({ "plan": inner }))]), "capability.unknown"),
        (json!([{ "id": "a", "capability": "list", "steps": inner["steps"] }]), "plan.unknown-key"),
    ] {
        let _contained = arena.plan(steps).attack_any(&[Ending::Refused(rule), Ending::Refused("plan.shape")]);
    }
    // As a text it is one, and as a file nobody runs it.
    arena.plan(json!([step("a", "write", json!({ "path": "plan.json", "text": inner.to_string() }))]));
    let contained = arena.attack(Ending::Completed);
    assert_eq!(arena.place.read("out/plan.json"), inner.to_string());
    assert_eq!(files(arena), 1, "it is the one file");
    contained
}

fn case_185_an_interrupt_ends_it_at_any_step(arena: &mut Arena) -> Contained {
    arena.guest("case_185_writes_and_takes_a_while").plan(attacks(4));
    let mut last = arena.attack(Ending::Completed);
    for (after, signal) in [(1, Signal::INT), (2, Signal::TERM), (3, Signal::INT), (4, Signal::TERM)] {
        fs::remove_dir_all(arena.place.path("out")).and_then(|()| fs::create_dir(arena.place.path("out"))).unwrap();
        let out = arena.place.path("out");
        let mut sent = false;
        last = arena.attack_while(&[Ending::Interrupted], &mut |parent, _| {
            if !sent && fs::read_dir(&out).unwrap().count() == after {
                send(parent, signal);
                sent = true;
            }
        });
        assert!(sent);
        let started = names(&last).iter().filter(|name| **name == "step").count();
        assert_eq!((files(arena), started), (after, after), "the step that ran is the last, and each is on record");
        assert_eq!(last.document["answer"], Value::Null);
    }
    last
}

fn case_186_half_an_effect_is_no_success(arena: &mut Arena) -> Contained {
    arena.guest("case_186_writes_half").plan(attacks(2));
    let contained = arena.attack(Ending::Failed("trap"));
    let failed = contained.events.iter().find(|event| event["event"] == "failed").expect("it is on record");
    assert_eq!(failed["usage"]["written"], 8 << 10, "with what it wrote: {failed:#}");
    assert_eq!((contained.document["answer"].clone(), files(arena)), (Value::Null, 1));
    assert!(!names(&contained).contains(&"done"));
    // A worker that is killed cannot say what it wrote, and that is said.
    let mut killed = false;
    let contained = arena.attack_while(&[Ending::Failed("worker")], &mut |_, workers| {
        if let (false, Some(worker)) = (killed, workers.last().filter(|worker| is_busy(**worker))) {
            send(*worker, Signal::KILL);
            killed = true;
        }
    });
    assert!(killed);
    let why = contained.document["steps"][0]["failure"]["message"].as_str().expect("a reason");
    assert!(why.contains("what it wrote until then is not known"), "{why}");
    contained
}
