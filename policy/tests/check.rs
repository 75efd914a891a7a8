//! The door: which plans a policy allows, and by which rule the others are refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use claw_policy::catalogue::{Catalogue, Component, Failure, Function, Signature};
use claw_policy::types::{Field, Type};
use claw_policy::{Execution, Given, Label, Limits, Plan, Policy, Refusal, Session, ValidatedPlan};
use serde_json::{Value, json};

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.to_owned(), ty }
}

fn text(name: &str) -> Field {
    field(name, Type::String)
}

fn component(name: &str, parameters: Vec<Field>, output: Option<Type>) -> (String, Component) {
    let signature = Signature { parameters, output, failure: Some(Failure { ty: Some(Type::String) }) };
    let function = Function {
        interface: Some(format!("t:t/{name}@0.1.0")),
        name: name.to_owned(),
        docs: None,
        signature: Ok(signature),
    };
    let component =
        Component { digest: format!("sha256:{name}"), functions: vec![function], imports: Vec::new(), defaults: None };
    (format!("{name}.wasm"), component)
}

fn catalogue() -> Catalogue {
    let entry = Type::Record(vec![text("path"), field("bytes", Type::Unsigned(64))]);
    let order = Type::Record(vec![
        text("to"),
        field("cents", Type::Unsigned(32)),
        field("memo", Type::Option(Box::new(Type::String))),
    ]);
    Catalogue {
        components: BTreeMap::from([
            component("read", vec![text("path")], Some(Type::String)),
            component(
                "list",
                vec![field("under", Type::Option(Box::new(Type::String)))],
                Some(Type::List(Box::new(entry))),
            ),
            component("write", vec![text("path"), text("text")], None),
            component("ask", vec![text("data")], Some(Type::String)),
            component("pay", vec![field("order", order), field("urgent", Type::Bool)], Some(Type::Unsigned(32))),
            component("count", vec![field("n", Type::Unsigned(64))], None),
            component("mail", vec![text("mail")], None),
            component("tag", vec![field("tags", Type::List(Box::new(Type::String)))], Some(Type::String)),
        ]),
        ..Default::default()
    }
}

const POLICY: &str = r#"
claw = 1
name = "shop"
[input.customer]
pattern = '[a-z]{1,20}'
[input.amount]
type = "integer"
maximum = 500
[grant.notes]
dir = "notes"
access = "read"
[grant.open]
dir = "open"
access = "read"
secrecy = []
origin = []
[grant.out]
dir = "out"
access = "write"
accepts = ["notes"]
[grant.shelf]
dir = "shelf"
access = "write"
[capability.read]
component = { path = "read.wasm", digest = "sha256:read" }
grants = ["notes"]
[capability.read.argument]
path = { format = "path", from = ["any"] }
[capability.read-open]
component = { path = "read.wasm", digest = "sha256:read" }
grants = ["open"]
[capability.read-open.argument]
path = { format = "path", from = ["any"] }
[capability.list]
component = { path = "list.wasm", digest = "sha256:list" }
grants = ["notes"]
[capability.list.argument]
under = { from = ["planner"] }
[capability.write]
component = { path = "write.wasm", digest = "sha256:write" }
grants = ["out"]
calls = 2
[capability.write.argument]
path = { format = "path", from = ["policy", "user", "planner"] }
text = { from = ["any"], maxBytes = 100 }
[capability.shelve]
component = { path = "write.wasm", digest = "sha256:write" }
grants = ["shelf"]
[capability.shelve.argument]
path = { enum = ["a.md", "b.md"] }
text = { from = ["any"] }
[capability.ask]
component = { path = "ask.wasm", digest = "sha256:ask" }
output = "json"
[capability.ask.argument]
data = { type = "object", from = ["any"], properties = { q = { maxLength = 5 }, n = { type = "integer", minimum = 1 } } }
[capability.pay]
component = { path = "pay.wasm", digest = "sha256:pay" }
[capability.pay.argument]
urgent = { const = false }
order = { properties = { to = { input = "customer" }, cents = { minimum = 1, maximum = 50000, from = ["planner", "notes"] }, memo = { from = ["any"] } } }
[capability.tag]
component = { path = "tag.wasm", digest = "sha256:tag" }
[capability.tag.argument]
tags = { items = { enum = ["red", "blue"] }, minItems = 1, maxItems = 3 }
[capability.count]
component = { path = "count.wasm", digest = "sha256:count" }
[capability.count.argument]
n = { minimum = 1, maximum = 50000, from = ["planner"] }
[capability.mail]
component = { path = "mail.wasm", digest = "sha256:mail" }
[capability.mail.argument]
mail = { type = "object", from = ["any"], properties = { head = { properties = { to = { input = "customer" }, kind = { const = "note" } } }, body = { maxLength = 9 } } }
[plan]
steps = 6
"#;

fn policy() -> Arc<Policy> {
    Arc::new(Policy::parse(POLICY, &catalogue()).unwrap_or_else(|errors| panic!("{errors:#?}")))
}

fn session(policy: &Policy) -> Session {
    let given = |text: &str, from_file| Given { text: text.to_owned(), from_file };
    let inputs =
        BTreeMap::from([("customer".to_owned(), given("ada", false)), ("amount".to_owned(), given("7", true))]);
    Session::open(policy, inputs).unwrap_or_else(|violations| panic!("{violations:#?}"))
}

fn check_in(policy: &Arc<Policy>, session: &Session, steps: &Value) -> Result<ValidatedPlan, Refusal> {
    let plan = json!({ "claw": 1, "steps": steps }).to_string();
    Plan::parse(plan.as_bytes(), &Limits::default())
        .and_then(|plan| policy.check(session, plan, SystemTime::UNIX_EPOCH))
}

/// Holds what the policy says of a plan against `expect`: each violation as `rule at`.
#[track_caller]
fn check(steps: Value, expect: &[&str]) {
    let policy = policy();
    let found: Vec<String> = match check_in(&policy, &session(&policy), &steps) {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.violations().iter().map(|v| format!("{} {}", v.rule, v.at)).collect(),
    };
    assert_eq!(found, expect, "{steps:#}");
}

fn step(id: &str, capability: &str, arguments: Value) -> Value {
    json!({ "id": id, "capability": capability, "arguments": arguments })
}

#[test]
fn what_is_granted_is_accepted() {
    check(json!([]), &[]);
    check(
        json!([
            step("a", "read", json!({ "path": "a.md" })),
            step("b", "write", json!({ "path": "b.md", "text": { "$step": "a" } }))
        ]),
        &[],
    );
    check(
        json!([step("a", "list", json!({})), step("b", "read", json!({ "path": { "$step": "a", "at": "/0/path" } }))]),
        &[],
    );
    check(json!([step("a", "list", json!({ "under": null }))]), &[]);
    check(json!([step("a", "shelve", json!({ "path": "b.md", "text": "public" }))]), &[]);
    check(
        json!([
            step("a", "ask", json!({ "data": { "q": "why", "n": 2 } })),
            step("b", "ask", json!({ "data": { "q": { "$step": "a", "at": "/x" } } }))
        ]),
        &[],
    );
    check(json!([step("a", "pay", json!({ "order": { "cents": 5 } }))]), &[]);
    check(
        json!([step("a", "pay", json!({ "order": { "to": { "$input": "customer" }, "cents": 5 }, "urgent": false }))]),
        &[],
    );
}

#[test]
fn capabilities_and_arguments_are_known() {
    check(json!([step("a", "shell", json!({ "command": "rm -rf /" }))]), &["capability.unknown /steps/0/capability"]);
    check(json!([step("a", "read", json!({}))]), &["argument.missing /steps/0/arguments"]);
    check(
        json!([step("a", "read", json!({ "path": "a", "Path": "b" }))]),
        &["argument.unknown /steps/0/arguments/Path"],
    );
    check(json!([step("a", "read", json!({ "path": null }))]), &["argument.missing /steps/0/arguments"]);
    check(
        json!([step("a", "pay", json!({ "order": { "cents": 5, "tip": 1 } }))]),
        &["argument.type /steps/0/arguments/order/tip"],
    );
    check(json!([step("a", "ask", json!({ "data": { "z": 1 } }))]), &["argument.schema /steps/0/arguments/data"]);
}

#[test]
fn values_are_of_their_type_and_schema() {
    check(json!([step("a", "read", json!({ "path": 1 }))]), &["argument.type /steps/0/arguments/path"]);
    check(json!([step("a", "read", json!({ "path": "../a" }))]), &["argument.path /steps/0/arguments/path"]);
    check(
        json!([step("a", "pay", json!({ "order": { "cents": 1.5 } }))]),
        &["argument.type /steps/0/arguments/order/cents"],
    );
    check(
        json!([step("a", "pay", json!({ "order": { "cents": 50001 } }))]),
        &["argument.schema /steps/0/arguments/order/cents"],
    );
    check(json!([step("a", "ask", json!({ "data": { "n": 1.0 } }))]), &["argument.schema /steps/0/arguments/data/n"]);
    check(
        json!([step("a", "ask", json!({ "data": { "q": "longer" } }))]),
        &["argument.schema /steps/0/arguments/data/q"],
    );
    check(json!([step("a", "ask", json!({ "data": [] }))]), &["argument.schema /steps/0/arguments/data"]);
    check(
        json!([step("a", "write", json!({ "path": "a", "text": "x".repeat(101) }))]),
        &["argument.schema /steps/0/arguments/text"],
    );
    check(
        json!([step("a", "shelve", json!({ "path": "c.md", "text": "" }))]),
        &["argument.schema /steps/0/arguments/path"],
    );
}

#[test]
fn case_162_references_are_to_earlier_steps() {
    let read = |id: &str, path: Value| step(id, "read", json!({ "path": path }));
    check(json!([read("a", json!({ "$step": "a" }))]), &["reference.forward /steps/0/arguments/path"]);
    check(
        json!([read("a", json!({ "$step": "b" })), read("b", json!("x"))]),
        &["reference.forward /steps/0/arguments/path"],
    );
    check(json!([read("a", json!({ "$step": "z" }))]), &["reference.unknown /steps/0/arguments/path"]);
    check(json!([read("a", json!("x")), read("a", json!("y"))]), &["plan.duplicate-id /steps/1/id"]);
    check(json!([read("a", json!({ "$input": "nobody" }))]), &["input.unbound /steps/0/arguments/path"]);
    for reference in [
        json!({ "$step": "a", "more": 1 }),
        json!({ "$step": 1 }),
        json!({ "$ref": "x" }),
        json!({ "$step": "a", "at": "x" }),
        json!({ "$step": "a", "at": "/~2" }),
        json!({ "$step": "a", "$input": "b" }),
    ] {
        let at =
            if reference.get("$ref").is_some() { "/steps/0/arguments/path/$ref" } else { "/steps/0/arguments/path" };
        check(json!([read("a", reference)]), &[&format!("plan.reference {at}")]);
    }
}

#[test]
fn case_163_a_reference_fits_or_is_refused() {
    let list = step("a", "list", json!({}));
    check(
        json!([list, step("b", "read", json!({ "path": { "$step": "a" } }))]),
        &["reference.type /steps/1/arguments/path"],
    );
    check(
        json!([list, step("b", "read", json!({ "path": { "$step": "a", "at": "/0/bytes" } }))]),
        &["reference.type /steps/1/arguments/path"],
    );
    check(
        json!([list, step("b", "read", json!({ "path": { "$step": "a", "at": "/0/size" } }))]),
        &["reference.part /steps/1/arguments/path"],
    );
    check(
        json!([list, step("b", "read", json!({ "path": { "$step": "a", "at": "/00/path" } }))]),
        &["reference.part /steps/1/arguments/path"],
    );
    let write = step("w", "write", json!({ "path": "a", "text": "b" }));
    check(
        json!([write, step("b", "read", json!({ "path": { "$step": "w" } }))]),
        &["reference.part /steps/1/arguments/path"],
    );
}

#[test]
fn rule_6_only_those_whom_the_policy_names_choose() {
    let read = step("a", "read", json!({ "path": "a.md" }));
    // What a file says may be a payload, and no target.
    check(
        json!([read, step("b", "write", json!({ "path": { "$step": "a" }, "text": "" }))]),
        &["argument.from /steps/1/arguments/path"],
    );
    check(
        json!([step("a", "shelve", json!({ "path": { "$input": "customer" }, "text": "" }))]),
        &["argument.schema /steps/0/arguments/path"],
    );
    check(
        json!([step("a", "pay", json!({ "order": { "to": "mallory", "cents": 5 } }))]),
        &["argument.input /steps/0/arguments/order/to"],
    );
    check(
        json!([step("a", "pay", json!({ "order": { "cents": 5 }, "urgent": true }))]),
        &["argument.const /steps/0/arguments/urgent"],
    );
    check(
        json!([step("a", "pay", json!({ "order": { "cents": { "$input": "amount" } } }))]),
        &["argument.from /steps/0/arguments/order/cents"],
    );
    // The items are the policy's, and how many there are is the planner's choice.
    check(json!([step("a", "tag", json!({ "tags": ["red"] }))]), &["argument.from /steps/0/arguments/tags"]);
    // A reference fills a whole object, so there must be nothing in it that the policy fixes.
    let ask = step("a", "ask", json!({ "data": { "q": { "$input": "customer" } } }));
    let pay = step("b", "pay", json!({ "order": { "$step": "a" } }));
    let policy = policy();
    let refused =
        check_in(&policy, &session(&policy), &json!([ask, pay])).expect_err("whom to pay is the user's to choose");
    let rules: Vec<&str> = refused.violations().iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, ["argument.fixed"], "{refused}");
}

#[test]
fn rule_5_secrets_reach_only_places_that_accept_them() {
    let text = json!({ "$step": "a" });
    let shelve = step("b", "shelve", json!({ "path": "a.md", "text": text }));
    check(json!([step("a", "read", json!({ "path": "a" })), shelve]), &["sink.accepts /steps/1/arguments/text"]);
    check(json!([step("a", "read-open", json!({ "path": "a" })), shelve]), &[]);
    let laundered = step("b", "ask", json!({ "data": { "q": { "$step": "a" } } }));
    let shelve = step("c", "shelve", json!({ "path": "a.md", "text": { "$step": "b", "at": "/x" } }));
    check(
        json!([step("a", "read", json!({ "path": "a" })), laundered, shelve]),
        &["sink.accepts /steps/2/arguments/text"],
    );
}

#[test]
fn budgets_count_over_the_plan_and_the_session() {
    let write = |id: &str| step(id, "write", json!({ "path": "a", "text": "" }));
    check(json!([write("a"), write("b"), write("c")]), &["budget.calls /steps/2"]);
    let list = |id: String| step(&id, "list", json!({}));
    let seven: Vec<Value> = (0..7).map(|n| list(format!("s{n}"))).collect();
    check(json!(seven), &["budget.steps /steps/6"]);

    let policy = policy();
    let plan = check_in(&policy, &session(&policy), &json!([write("a"), write("b")])).expect("two are allowed");
    let (session, _) = run(plan, session(&policy), |_| json!(null));
    let again = check_in(&policy, &session, &json!([write("c")])).expect_err("and no third one, in whatever plan");
    assert_eq!(again.violations()[0].rule, "budget.calls");
    let same = check_in(&policy, &session, &json!([list("a".to_owned())])).expect_err("ids are the session's");
    assert_eq!(same.violations()[0].rule, "plan.duplicate-id");
}

/// Runs a plan with outputs that `give` makes up.
fn run(plan: ValidatedPlan, session: Session, give: impl Fn(&str) -> Value) -> (Session, Option<Value>) {
    let mut execution = Execution::start(plan, session).expect("it is the plan's session");
    while let Some(ready) = execution.next_step() {
        let ready = ready.unwrap_or_else(|refusal| panic!("{refusal}"));
        execution.done(&ready, give(ready.id.as_str()), 0, 0).unwrap_or_else(|fault| panic!("{fault}"));
    }
    execution.finish()
}

#[test]
fn a_plan_runs_in_its_own_session_alone() {
    let policy = policy();
    let steps = json!([step("a", "list", json!({}))]);
    let (first, second) = (check_in(&policy, &session(&policy), &steps), check_in(&policy, &session(&policy), &steps));
    let (grown, _) = run(first.expect("it is allowed"), session(&policy), |_| json!([]));
    let refused =
        Execution::start(second.expect("it is allowed"), grown).expect_err("something has happened in between");
    assert_eq!(refused.violations()[0].rule, "session.changed");
}

#[test]
fn values_known_only_while_running_are_checked_when_their_step_starts() {
    let policy = policy();
    let steps =
        json!([step("a", "list", json!({})), step("b", "read", json!({ "path": { "$step": "a", "at": "/0/path" } }))]);
    for (output, rule) in [
        (json!([{ "path": "../../etc/passwd", "bytes": 1 }]), Some("argument.path")),
        (json!([]), Some("reference.part")),
        (json!([{ "path": "fine.md", "bytes": 1 }]), None),
    ] {
        let plan = check_in(&policy, &session(&policy), &steps).expect("it is allowed");
        let mut execution = Execution::start(plan, session(&policy)).expect("it is the plan's session");
        let first = execution.next_step().expect("a step").expect("it holds");
        execution.done(&first, output, 0, 0).expect("it is a list");
        let second = execution.next_step().expect("a step");
        assert_eq!(second.err().map(|refusal| refusal.violations()[0].rule), rule);
    }
}

#[test]
fn outputs_are_what_the_function_and_the_policy_say() {
    let policy = policy();
    for (capability, arguments, output, holds) in [
        ("list", json!({}), json!([{ "path": "a", "bytes": 1 }]), true),
        ("list", json!({}), json!([{ "path": "a" }]), false),
        ("list", json!({}), json!("a"), false),
        ("ask", json!({ "data": {} }), json!("{\"x\": [1, 2]}"), true),
        ("ask", json!({ "data": {} }), json!("{\"x\": 1, \"x\": 2}"), false),
        ("ask", json!({ "data": {} }), json!("no JSON"), false),
    ] {
        let plan =
            check_in(&policy, &session(&policy), &json!([step("a", capability, arguments)])).expect("it is allowed");
        let mut execution = Execution::start(plan, session(&policy)).expect("it is the plan's session");
        let ready = execution.next_step().expect("a step").expect("it holds");
        assert_eq!(execution.done(&ready, output.clone(), 0, 0).is_ok(), holds, "{capability}: {output}");
    }
}

#[test]
fn json_travels_in_a_string_and_constants_are_put_in() {
    let policy = policy();
    let steps =
        json!([step("a", "ask", json!({ "data": { "n": 3 } })), step("b", "pay", json!({ "order": { "cents": 5 } }))]);
    let plan = check_in(&policy, &session(&policy), &steps).expect("it is allowed");
    let mut execution = Execution::start(plan, session(&policy)).expect("it is the plan's session");
    let ask = execution.next_step().expect("a step").expect("it holds");
    assert_eq!(ask.arguments, [json!("{\"n\":3}")]);
    execution.done(&ask, json!("{}"), 0, 0).expect("it is JSON");
    let pay = execution.next_step().expect("a step").expect("it holds");
    assert_eq!(pay.arguments, [json!({ "to": "ada", "cents": 5 }), json!(false)]);
}

#[test]
fn rules_1_to_3_labels_come_from_arguments_and_grants() {
    let policy = policy();
    let label = |secrecy: &[&str], origin: &[&str]| -> Label {
        serde_json::from_value(json!({ "secrecy": secrecy, "origin": origin })).expect("a label")
    };
    for (steps, expected) in [
        (json!([step("a", "read", json!({ "path": "a" }))]), label(&["notes"], &["notes", "planner"])),
        (json!([step("a", "read-open", json!({ "path": "a" }))]), label(&[], &["planner"])),
        (json!([step("a", "list", json!({}))]), label(&["notes"], &["notes"])),
        (json!([step("a", "pay", json!({ "order": { "cents": 1 } }))]), label(&[], &["planner", "policy", "user"])),
        (json!([step("a", "ask", json!({ "data": { "n": { "$input": "amount" } } }))]), label(&[], &["file"])),
    ] {
        let plan = check_in(&policy, &session(&policy), &steps).expect("it is allowed");
        assert_eq!(plan.steps().last().map(|step| step.label().clone()), Some(expected), "{steps}");
    }
}

#[test]
fn case_155_no_other_keys() {
    for plan in [
        json!({ "claw": 1, "steps": [], "note": "" }),
        json!({ "claw": 1, "steps": [{ "id": "a", "capability": "list", "Arguments": {} }] }),
        json!({ "claw": 1, "steps": [{ "id": "a", "capability": "list", "__proto__": {} }] }),
    ] {
        let refused = Plan::parse(plan.to_string().as_bytes(), &Limits::default()).expect_err("nothing is ignored");
        assert_eq!(refused.violations()[0].rule, "plan.unknown-key", "{plan}");
    }
}

#[test]
fn case_170_a_pattern_takes_linear_time() {
    let policy = POLICY.replace("pattern = '[a-z]{1,20}'", "pattern = '(a+)+'");
    let policy = Policy::parse(&policy, &catalogue()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let given = Given { text: format!("{}!", "a".repeat(50_000)), from_file: false };
    let refused =
        Session::open(&policy, BTreeMap::from([("customer".to_owned(), given)])).expect_err("it does not match");
    assert_eq!(refused[0].rule, "input.schema");
}

#[test]
fn case_188_and_189_policies_have_no_unknown_or_double_keys() {
    for (from, to) in [
        ("calls = 2", "cals = 2"),
        ("calls = 2", "calls = 2\ncalls = 3"),
        ("[plan]", "[capability.read]\n[plan]"),
        ("access = \"read\"", "access = \"Read\""),
    ] {
        assert!(Policy::parse(&POLICY.replacen(from, to, 1), &catalogue()).is_err(), "{to}");
    }
}

#[test]
fn bounds_hold_for_integers_that_travel_as_strings() {
    check(json!([step("a", "count", json!({ "n": 50000 }))]), &[]);
    for n in [json!(0), json!(50001), json!("9007199254740993"), json!("18446744073709551615")] {
        check(json!([step("a", "count", json!({ "n": n }))]), &["argument.schema /steps/0/arguments/n"]);
    }
}

#[test]
fn integers_that_travel_as_strings_are_within_bounds_that_reach_as_far() {
    let wide = POLICY.replace("n = { minimum = 1, maximum = 50000,", "n = { minimum = 1, maximum = 9007199254740999,");
    let policy = Arc::new(Policy::parse(&wide, &catalogue()).unwrap_or_else(|errors| panic!("{errors:#?}")));
    for (n, allowed) in [("9007199254740993", true), ("9007199254740999", true), ("9007199254741000", false)] {
        let found = check_in(&policy, &session(&policy), &json!([step("a", "count", json!({ "n": n }))]));
        assert_eq!(found.is_ok(), allowed, "{n}");
    }
}

#[test]
fn what_the_policy_puts_in_is_there_whatever_the_plan_says() {
    let policy = policy();
    for mail in [
        json!({ "body": "hi" }),
        json!({ "head": {}, "body": "hi" }),
        json!({ "head": { "kind": "note" }, "body": "hi" }),
    ] {
        let plan = check_in(&policy, &session(&policy), &json!([step("a", "mail", json!({ "mail": mail }))]))
            .expect("it is allowed");
        let mut execution = Execution::start(plan, session(&policy)).expect("it is the plan's session");
        let ready = execution.next_step().expect("a step").expect("it holds");
        assert_eq!(ready.given["mail"], json!({ "head": { "to": "ada", "kind": "note" }, "body": "hi" }));
    }
    let ask = step("a", "ask", json!({ "data": {} }));
    for (mail, rule) in [
        (json!({ "head": "mallory" }), "argument.schema"),
        (json!({ "head": [{ "to": "mallory" }] }), "argument.schema"),
        (json!([{ "to": "mallory" }]), "argument.schema"),
        (json!({ "head": { "to": "mallory" } }), "argument.input"),
        (json!({ "head": { "kind": "order" } }), "argument.const"),
        (json!({ "$step": "a" }), "argument.fixed"),
        (json!({ "head": { "$step": "a" } }), "argument.fixed"),
    ] {
        let refused = check_in(&policy, &session(&policy), &json!([ask, step("b", "mail", json!({ "mail": mail }))]));
        let rules: Vec<&str> =
            refused.expect_err("whom it is to is fixed").violations().iter().map(|v| v.rule).collect();
        assert!(rules.contains(&rule), "{mail}: {rules:?}");
    }
}

#[test]
fn a_refusal_does_not_tell_the_value() {
    let policy = policy();
    let steps = json!([
        step("a", "read", json!({ "path": "a" })),
        step("b", "write", json!({ "path": "b", "text": { "$step": "a" } }))
    ]);
    let plan = check_in(&policy, &session(&policy), &steps).expect("it is allowed");
    let mut execution = Execution::start(plan, session(&policy)).expect("it is the plan's session");
    let ready = execution.next_step().expect("a step").expect("it holds");
    execution.done(&ready, json!("TOP-SECRET ".repeat(20)), 0, 0).expect("it is a string");
    let refused = execution.next_step().expect("a step").expect_err("it is over `maxBytes`");
    assert!(!refused.to_string().contains("TOP-SECRET"), "{refused}");
}

#[test]
fn the_number_of_items_is_checked_before_anything_runs() {
    let items = json!([{ "$step": "a" }, { "$step": "a" }, { "$step": "a" }, { "$step": "a" }]);
    let policy = policy();
    let steps = json!([step("a", "ask", json!({ "data": {} })), step("b", "tag", json!({ "tags": items }))]);
    let refused = check_in(&policy, &session(&policy), &steps).expect_err("four are over `maxItems`");
    assert!(refused.violations().iter().any(|violation| violation.rule == "argument.schema"), "{refused}");
}

#[test]
fn a_keyword_that_could_never_matter_does_not_load() {
    for schema in [
        "n = { pattern = '[0-4]' }",
        "n = { maxLength = 1 }",
        "n = { maxItems = 1 }",
        "n = { minimum = 1, pattern = 'a' }",
        "n = { type = 'string' }",
        "n = { properties = { a = {} } }",
    ] {
        let policy = POLICY.replace("n = { minimum = 1, maximum = 50000, from = [\"planner\"] }", schema);
        assert!(Policy::parse(&policy, &catalogue()).is_err(), "{schema}");
    }
}

#[test]
fn what_a_load_error_repeats_of_the_policy_is_printable() {
    for hostile in ["\\u001B[2J", "\\u202E", "\\r", "\\u0000"] {
        let policy = POLICY.replace("pattern = '[a-z]{1,20}'", &format!("pattern = \"({hostile}\""));
        let errors = Policy::parse(&policy, &catalogue()).expect_err("the group is not closed");
        let message = &errors[0].message;
        assert!(message.contains("regex parse error"), "{message}");
        assert!(!message.contains(['\u{1b}', '\u{202e}', '\r', '\0']), "{message:?}");
    }
}

#[test]
fn faults_cost_no_more_than_the_text_that_they_are_about() {
    let keys: Vec<String> = (0..50_000).map(|_| "\"a\":1".to_owned()).collect();
    let refused =
        Plan::parse(format!("{{{}}}", keys.join(",")).as_bytes(), &Limits::default()).expect_err("they are the same");
    assert_eq!(refused.violations().len(), 100);
    let long = format!(r#"{{"claw":1,"steps":[],"{}":1}}"#, "k".repeat(5_000));
    let refused = Plan::parse(long.as_bytes(), &Limits::default()).expect_err("no key is that long");
    assert_eq!(refused.violations()[0].rule, "plan.key");
    let steps: Vec<Value> = (0..60).map(|n| step(&format!("s{n}"), "shell", json!({ "a": 1, "b": 2 }))).collect();
    let plan = json!({ "claw": 1, "steps": steps, "x": 1, "y": 2 }).to_string();
    assert_eq!(
        Plan::parse(plan.as_bytes(), &Limits::default()).expect_err("two keys are unknown").violations().len(),
        2
    );
}

#[test]
fn a_plan_that_is_cut_at_any_byte_is_refused() {
    let whole =
        r#"{"claw":1,"steps":[{"id":"a","capability":"read","arguments":{"path":"ü.md"}}],"answer":{"$step":"a"}}"#;
    assert!(Plan::parse(whole.as_bytes(), &Limits::default()).is_ok());
    for length in 0..whole.len() {
        assert!(Plan::parse(&whole.as_bytes()[..length], &Limits::default()).is_err(), "cut to {length} bytes");
    }
}
