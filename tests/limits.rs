//! Each row of the table of limits has a guest or a plan that hits it, and a typed reason that names the row.

use claw_policy::limits::LIMITS;
use serde_json::{Value, json};

use crate::program::{Place, events, violations};

/// The limits that a step hits: the policy's line, what the probe does, how often, and where.
const STEPS: &[(&str, &str, &str, u64, &str)] = &[
    ("fuel", "fuel = 50_000_000", "spin", 1, ""),
    ("time", "time = \"300ms\"\nfuel = 10_000_000_000_000", "spin", 1, ""),
    ("memory", "memory = \"8MiB\"", "allocate", 64 << 20, ""),
    ("handles", "handles = 50", "handles", 1_000, ""),
    ("open-files", "open-files = 5", "open", 50, "/in/a.md"),
    ("host-calls", "host-calls = 1_000", "now", 100_000, ""),
    ("output-bytes", "output-bytes = 1_000", "output", 2_000, ""),
];

#[test]
fn a_step_that_hits_a_limit_fails_by_its_name() {
    for (limit, line, what, n, path) in STEPS {
        let place = Place::with_probe(&format!("[capability.probe.limits]\n{line}\n"));
        place.write("in/a.md", "a");
        let (code, run) = place.act(what, *n, path);
        assert_eq!(code, Some(4), "{limit}: {run:#}");
        assert_eq!(run["status"], "failed", "{limit}");
        assert_eq!(run["steps"][0]["failure"]["kind"], format!("limit.{limit}"), "{run:#}");
    }
}

#[test]
fn a_step_below_its_limits_is_done() {
    let place = Place::with_probe("");
    place.write("in/a.md", "a");
    for (_, _, what, _, path) in STEPS.iter().filter(|(_, _, what, ..)| *what != "spin") {
        let (code, run) = place.act(what, 10, path);
        assert_eq!(code, Some(0), "{what}: {run:#}");
    }
}

#[test]
fn tables_are_summed_over_a_step() {
    let place = Place::new();
    let component = wat::parse_str(
        r#"(component
            (core module $m
                (table $t 0 funcref)
                (func (export "run") (result i32)
                    (table.grow $t (ref.null func) (i32.const 5000))
                    (if (i32.eq (i32.const -1)) (then unreachable))
                    (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export "run") (result bool) (canon lift (core func $i "run"))))"#,
    )
    .expect("the text is a component");
    place.write("tables.wasm", &component);
    let digest = claw_policy::digest(&component);
    for (tables, code) in [(4_000, Some(4)), (6_000, Some(0))] {
        let policy = format!(
            "claw = 1\nname = \"t\"\n[capability.run]\ncomponent = {{ path = \"tables.wasm\", digest = \"{digest}\" }}\n\
             [capability.run.limits]\ntables = {tables}\n"
        );
        place.write("policy.toml", policy);
        place.write("plan.json", r#"{"claw":1,"steps":[{"id":"a","capability":"run"}]}"#);
        let (ended, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
        assert_eq!(ended, code, "{run:#}");
        if code == Some(4) {
            assert_eq!(run["steps"][0]["failure"]["kind"], "limit.tables", "{run:#}");
        }
    }
}

#[test]
fn output_beyond_the_limit_is_dropped_and_fails_nobody() {
    let place = Place::with_probe("[capability.probe.limits]\nstdout = \"4KiB\"\n");
    let (code, run) = place.act("print", 10 << 20, "");
    assert_eq!(code, Some(0), "{run:#}");
}

#[test]
fn a_budget_that_runs_out_halts_the_session() {
    for (limit, line, what, n, path) in [
        ("written", "written = \"64KiB\"", "write", 1 << 20, "/out/a.md"),
        ("written", "written = \"64KiB\"", "grow-file", 1 << 20, "/out/a.md"),
        ("files", "files = 10", "create", 20, "/out"),
    ] {
        let place = Place::with_probe("");
        let policy = place.read("policy.toml").replace("[grant.in]", &format!("[limits]\n{line}\n[grant.in]"));
        place.write("policy.toml", policy);
        let (code, run) = place.act(what, n, path);
        assert_eq!((code, run["status"].as_str()), (Some(3), Some("halted")), "{run:#}");
        assert_eq!(violations(&run), [(format!("budget.{limit}"), "/steps/0".to_owned())]);
        let written: u64 = std::fs::read_dir(place.path("out"))
            .expect("it is there")
            .map(|file| file.expect("it can be read").metadata().expect("it can be read").len())
            .sum();
        assert!(written <= 64 << 10, "{written} bytes were written");
    }
}

#[test]
fn a_record_that_is_full_halts_the_session() {
    let place = Place::with_probe("");
    let policy = place.read("policy.toml").replace("[grant.in]", "[limits]\nlog = \"16KiB\"\n[grant.in]");
    place.write("policy.toml", policy);
    let (code, run) = place.act("write", 1 << 20, "/out/a.md");
    assert_eq!((code, run["status"].as_str()), (Some(3), Some("halted")), "{run:#}");
    assert_eq!(violations(&run)[0].0, "budget.log");
}

/// Also where the step failed, which the record has no room to say: what there is of it is in order.
#[test]
fn a_record_that_is_full_is_in_order_however_its_step_ended() {
    let place = Place::with_probe("[capability.probe.limits]\nhost-calls = 300\n");
    let policy = place.read("policy.toml").replace("[grant.in]", "[limits]\nlog = \"16KiB\"\n[grant.in]");
    place.write("policy.toml", policy);
    let (code, run) = place.act("write", 1 << 22, "/out/a.md");
    assert_eq!(run["steps"][0]["failure"]["kind"], "limit.host-calls", "{run:#}");
    assert_eq!((code, run["status"].as_str()), (Some(3), Some("halted")), "{run:#}");
    assert_eq!(violations(&run)[0].0, "budget.log");
    let id = run["run"].as_str().expect("an id");
    let (code, verified) = place.json(&["audit", "verify", id]);
    assert_eq!(code, Some(0), "{verified:#}");
    let (code, again) = place.json(&["replay", id]);
    assert_eq!((code, again["result"].as_str()), (Some(0), Some("cut-off")), "{again:#}");
}

#[test]
fn a_tape_that_is_full_leaves_calls_out_and_fails_nobody() {
    for (tape, left_out) in [("tape = \"4KiB\"", true), ("tape = \"1MiB\"", false)] {
        let place = Place::with_probe(&format!("[capability.probe.limits]\n{tape}\n"));
        let (code, run) = place.act("write", 200_000, "/out/a.md");
        assert_eq!(code, Some(0), "{run:#}");
        let events = events(std::path::Path::new(run["record"].as_str().expect("a path")));
        let done = events.iter().find(|event| event["event"] == "done").expect("it is done");
        assert_eq!(done["usage"]["calls-left-out"] != 0, left_out, "{done:#}");
    }
}

#[test]
fn an_argument_that_is_too_long_is_refused() {
    let place = Place::with_probe("[capability.probe.limits]\nargument-bytes = 100\n");
    let (code, run) = place.act("nothing", 1, &"x".repeat(200));
    assert_eq!(code, Some(3));
    assert_eq!(violations(&run), [("limit.argument-bytes".to_owned(), "/steps/0/arguments/path".to_owned())]);
}

#[test]
fn a_plan_over_its_limits_is_refused() {
    let place = Place::with_probe("");
    let base = place.read("policy.toml");
    let step = json!({ "id": "a", "capability": "probe", "arguments": { "what": "nothing", "path": "x".repeat(300) } });
    let other = json!({ "id": "b", "capability": "probe", "arguments": { "what": "nothing" } });
    for (limit, line, steps) in [
        ("plan-bytes", "plan-bytes = 300", json!([step])),
        ("plan-depth", "plan-depth = 3", json!([step])),
        ("plan-steps", "plan-steps = 1", json!([step, other])),
    ] {
        place.write("policy.toml", base.replace("[grant.in]", &format!("[limits]\n{line}\n[grant.in]")));
        place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
        let (code, check) = place.json(&["check", "--policy", "policy.toml", "--plan", "plan.json"]);
        assert_eq!(code, Some(3), "{limit}");
        assert_eq!(violations(&check)[0].0, format!("limit.{limit}"));
    }
}

#[test]
fn a_request_that_is_too_large_is_not_sent() {
    let place = Place::new();
    let policy = "claw = 1\nname = \"web\"\n[grant.web]\nhttp = [\"POST http://127.0.0.1:1/\"]\nsecrecy = []\n\
                  [capability.fetch]\ncomponent = \"builtin:http-fetch\"\ngrants = [\"web\"]\n\
                  [capability.fetch.limits]\nhttp-bytes = \"10KiB\"\n";
    place.write("policy.toml", policy);
    let arguments = json!({ "url": "http://127.0.0.1:1/", "method": "POST", "body": "x".repeat(20_000) });
    let step = json!({ "id": "a", "capability": "fetch", "arguments": arguments });
    place.write("plan.json", json!({ "claw": 1, "steps": [step] }).to_string());
    let (code, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, &run["steps"][0]["failure"]["kind"]), (Some(4), &json!("limit.http-bytes")), "{run:#}");
}

#[test]
fn a_step_that_would_send_more_than_it_may_sends_nothing() {
    let place = Place::new();
    let policy = "claw = 1\nname = \"web\"\n[limits]\nsent = 1_000\n[grant.web]\nhttp = [\"POST http://127.0.0.1:1/\"]\n\
                  secrecy = []\n[capability.fetch]\ncomponent = \"builtin:http-fetch\"\ngrants = [\"web\"]\n";
    place.write("policy.toml", policy);
    let long = "x".repeat(1_000);
    for (name, value) in [("body", json!(long)), ("headers", json!([{ "name": "x", "value": long }]))] {
        let arguments = json!({ "url": "http://127.0.0.1:1/", "method": "POST", name: value });
        let step = json!({ "id": "a", "capability": "fetch", "arguments": arguments });
        place.write("plan.json", json!({ "claw": 1, "steps": [step] }).to_string());
        let (code, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
        assert_eq!((code, &run["steps"][0]["failure"]["kind"]), (Some(4), &json!("limit.sent")), "{run:#}");
        let events = events(std::path::Path::new(run["record"].as_str().expect("a path")));
        assert!(events.iter().all(|event| event["event"] != "exchange"), "the parent was not asked: {events:#?}");
    }
}

#[test]
fn each_row_of_the_table_is_hit_by_a_test_of_this_file() {
    let here = include_str!("limits.rs");
    for row in LIMITS {
        assert!(here.contains(&format!("{} = ", row.name)), "no test sets `{}`", row.name);
    }
}

#[test]
fn case_195_limits_have_bounds_and_no_unlimited() {
    let place = Place::with_probe("");
    let base = place.read("policy.toml");
    for value in ["0", "-1", "\"unlimited\"", "1e30", "99999999999999999999", "1.5", "true", "\"64 parsecs\"", "[]"] {
        place.write("policy.toml", base.replace("[grant.in]", &format!("[limits]\nfuel = {value}\n[grant.in]")));
        let (code, document) = place.json(&["policy", "explain", "policy.toml"]);
        assert_eq!(code, Some(2), "{value}");
        let rule = document["error"]["rule"].as_str().expect("a rule").to_owned();
        assert!(rule == "policy.limit" || rule == "policy.syntax", "{value}: {rule}");
    }
    let (_, document) = place_explained(&place, &base);
    for row in LIMITS {
        assert_eq!(document["limits"][row.name], row.default, "what is missing has its default");
        assert!(row.default <= row.most);
    }
}

fn place_explained(place: &Place, policy: &str) -> (Option<i32>, Value) {
    place.write("policy.toml", policy);
    place.json(&["policy", "explain", "policy.toml"])
}
