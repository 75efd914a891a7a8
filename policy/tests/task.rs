//! What the user typed into a task: where the policy lets the task choose, a plan may repeat it, whole and of its own type.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use claw_policy::catalogue::{Catalogue, Component, Function, Signature};
use claw_policy::types::{Field, Type};
use claw_policy::{Limits, Plan, Policy, Session, TaskText};
use serde_json::{Value, json};

const POLICY: &str = r#"
claw = 1
name = "task"
[capability.send]
component = { path = "send.wasm", digest = "sha256:send" }
[capability.send.argument]
to = { from = ["task"] }
memo = { from = ["user", "planner"] }
cents = { from = ["policy"], ask = ["task", "planner"] }
cc = { items = { from = ["task"] }, from = ["planner", "task"] }
"#;

fn policy() -> Arc<Policy> {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    let option = |ty| Type::Option(Box::new(ty));
    let parameters = vec![
        field("to", option(Type::String)),
        field("memo", option(Type::String)),
        field("cents", option(Type::Unsigned(32))),
        field("cc", option(Type::List(Box::new(Type::String)))),
    ];
    let signature = Ok(Signature { parameters, output: Some(Type::String), failure: None });
    let function = Function { interface: None, name: "send".to_owned(), docs: None, signature };
    let component =
        Component { digest: "sha256:send".to_owned(), functions: vec![function], imports: Vec::new(), defaults: None };
    let catalogue =
        Catalogue { components: BTreeMap::from([("send.wasm".to_owned(), component)]), ..Catalogue::default() };
    Arc::new(Policy::parse(POLICY, &catalogue).unwrap_or_else(|errors| panic!("{errors:#?}")))
}

const TASK: &str = "Send \"hello there\" to ana@example.com for 1250, as bob says";

fn session(policy: &Policy) -> Session {
    let session = Session::open(policy, BTreeMap::new()).unwrap_or_else(|violations| panic!("{violations:#?}"));
    session.with_task(TaskText::read(TASK).unwrap())
}

/// The rules that refuse a step with these arguments, `asks` where a person has to be asked; or the label's origins.
fn said(arguments: &Value) -> Vec<String> {
    let policy = policy();
    let plan = json!({ "claw": 1, "steps": [{ "id": "a", "capability": "send", "arguments": arguments }] }).to_string();
    let plan = Plan::parse(plan.as_bytes(), &Limits::default()).unwrap();
    match policy.check(&session(&policy), plan, SystemTime::UNIX_EPOCH) {
        Ok(plan) => plan.steps().iter().flat_map(|step| &step.label().origin).map(ToString::to_string).collect(),
        Err(refusal) => {
            let asks = refusal.questions().iter().flat_map(|question| &question.origins);
            let asks = asks.map(|origin| format!("asks {origin}"));
            refusal.violations().iter().map(|violation| violation.rule.to_owned()).chain(asks).collect()
        }
    }
}

#[test]
fn rule_2_what_the_user_typed_whole_is_the_tasks_where_the_task_may_choose() {
    for (arguments, expect) in [
        (json!({ "to": "ana@example.com" }), "task"),
        (json!({ "to": "hello there" }), "task"),
        // Parts, other spellings, plain words, and what only looks like it.
        (json!({ "to": "hello" }), "argument.from"),
        (json!({ "to": "Ana@example.com" }), "argument.from"),
        (json!({ "to": "ana@example.com " }), "argument.from"),
        (json!({ "to": "example.com" }), "argument.from"),
        (json!({ "to": "bob" }), "argument.from"),
        (json!({ "to": "\u{430}na@example.com" }), "argument.from"),
        // A number is no text.
        (json!({ "to": "1250" }), "argument.from"),
        // Where the task may not choose and the planner may, it is the planner's word as any other.
        (json!({ "memo": "ana@example.com" }), "planner"),
        (json!({ "memo": "bob" }), "planner"),
        // A person is asked about whom it is of.
        (json!({ "cents": 1250 }), "asks task"),
        (json!({ "cents": 125 }), "asks planner"),
        // How many there are is the planner's.
        (json!({ "cc": ["ana@example.com"] }), "planner task"),
        (json!({ "cc": ["ana@example.com", "bob"] }), "argument.from"),
    ] {
        assert_eq!(said(&arguments).join(" "), expect, "{arguments}");
    }
}

#[test]
fn a_session_with_a_task_is_another_one() {
    let policy = policy();
    let bare = || Session::open(&policy, BTreeMap::new()).unwrap();
    let of = |task: &str| bare().with_task(TaskText::read(task).unwrap()).state();
    assert_ne!(bare().state(), of("a"));
    assert_ne!(of("a"), of("b"));
    assert_eq!(of("a"), of("a"));
}
