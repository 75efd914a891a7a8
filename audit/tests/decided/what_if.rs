//! What another policy says of a record's plans, step by step, in words of the engine alone.

use claw_audit::{Decided, Other, Policies, WhatIf, what_if};
use serde_json::{Value, json};

use crate::story::{POLICY, Story, Told, catalogue, output, step};

fn by(told: &Told, policy: &str) -> Vec<WhatIf> {
    let catalogue = catalogue();
    let other = Other { text: policy, catalogue: &catalogue, narrowing: None };
    what_if(&told.folder, &told.events, &mut Policies::default(), &other).unwrap_or_else(|fault| panic!("{fault}"))
}

/// The policy with one text in the place of another.
fn with(from: &str, to: &str) -> String {
    assert!(POLICY.contains(from), "{from}");
    POLICY.replace(from, to)
}

/// A plan's verdict on record and now, and each step's.
fn verdicts(plan: &WhatIf) -> (Decided, Decided, Vec<(&str, Decided)>) {
    (plan.recorded, plan.decided, plan.steps.iter().map(|step| (step.id.as_str(), step.decided)).collect())
}

/// Reads, asks about what was read, counts what was said, and copies it.
fn told() -> Told {
    let steps = json!([
        step("one", "read", json!({ "path": "a.md" })),
        step("said", "ask", json!({ "data": { "text": output("one", "") } })),
        step("count", "count", json!({ "n": output("said", "/n") })),
        step("copy", "write", json!({ "path": "b.md", "text": output("one", "") })),
    ]);
    let came = [
        ("one", Ok(json!("a note"))),
        ("said", Ok(json!("{\"n\":7}"))),
        ("count", Ok(Value::Null)),
        ("copy", Ok(Value::Null)),
    ];
    Story::of(POLICY, &[]).submit(steps, &came).seal()
}

#[test]
fn its_own_policy_says_what_is_on_record() {
    let accepted = Decided::Accepted;
    let all = vec![("one", accepted), ("said", accepted), ("count", accepted), ("copy", accepted)];
    let told = told();
    let found = by(&told, POLICY);
    assert_eq!(found.iter().map(verdicts).collect::<Vec<_>>(), [(accepted, accepted, all)]);
    assert!(found[0].steps.iter().all(|step| step.resolved), "every value is on record");
    assert!(!found[0].takes_away());
}

#[test]
fn what_is_given_the_output_of_a_refused_step_is_unknown_and_the_rest_has_a_verdict() {
    use Decided::{Accepted, Refused, Unknown};
    let told = told();
    let found = by(&told, &with("data = { type = \"json\", from = [\"any\"] }", "data = { type = \"json\" }"));
    let steps = vec![("one", Accepted), ("said", Refused), ("count", Unknown), ("copy", Accepted)];
    assert_eq!(verdicts(&found[0]), (Accepted, Refused, steps));
    assert_eq!(found[0].rules().into_iter().collect::<Vec<_>>(), ["argument.from"]);
    assert_eq!(found[0].steps[2].depends_on.iter().map(|step| step.as_str()).collect::<Vec<_>>(), ["said"]);
    assert!(found[0].takes_away());
    // All that depends on the first step, over any number of others.
    let found = by(&told, &with("path = { format = \"path\", from = [\"any\"] }", "path = { from = [\"user\"] }"));
    let steps = vec![("one", Refused), ("said", Unknown), ("count", Unknown), ("copy", Unknown)];
    assert_eq!(verdicts(&found[0]), (Accepted, Refused, steps));
}

#[test]
fn what_is_known_only_while_running_is_decided_by_the_recorded_outputs() {
    use Decided::{Accepted, Halted, Refused};
    let told = told();
    let found = by(&told, &with("n = { type = \"integer\"", "n = { type = \"integer\", maximum = 6"));
    let steps = vec![("one", Accepted), ("said", Accepted), ("count", Refused), ("copy", Accepted)];
    assert_eq!(verdicts(&found[0]), (Accepted, Halted, steps));
    assert_eq!(found[0].steps[2].violations[0].rule, "argument.schema");
    let found = by(&told, &with("n = { type = \"integer\"", "n = { type = \"integer\", maximum = 7"));
    assert_eq!(found[0].decided, Accepted, "it was 7");
}

#[test]
fn an_output_that_the_other_policy_reads_in_another_way_is_not_known() {
    let told = told();
    let text = with("output = \"json\"\n", "")
        .replace("n = { type = \"integer\", from = [\"any\"] }", "n = { from = [\"any\"] }");
    let found = by(&told, &text);
    // A part of a text there is not: that much is known before anything runs.
    assert_eq!(found[0].steps[2].violations[0].rule, "reference.part");
    let steps = json!([
        step("said", "ask", json!({ "data": "x" })),
        step("copy", "ask", json!({ "data": output("said", "") })),
    ]);
    let came = [("said", Ok(json!("\"y\""))), ("copy", Ok(json!("1")))];
    let told = Story::of(POLICY, &[]).submit(steps, &came).seal();
    let found = by(&told, &text);
    let decided: Vec<Decided> = found[0].steps.iter().map(|step| step.decided).collect();
    assert_eq!(decided, [Decided::Accepted, Decided::Unknown]);
}

#[test]
fn a_question_is_asked_of_a_step_also_where_another_is_refused() {
    use Decided::{Accepted, NeedsApproval, Refused};
    let told = told();
    let asks = with("[capability.write]", "[capability.write]\napprove = \"each\"");
    let found = by(&told, &asks);
    let steps = vec![("one", Accepted), ("said", Accepted), ("count", Accepted), ("copy", NeedsApproval)];
    assert_eq!(verdicts(&found[0]), (Accepted, NeedsApproval, steps));
    assert!(found[0].steps[3].resolved, "and what it would be given is decided on, as if somebody had said yes");
    assert!(found[0].takes_away());
    let found = by(&told, &asks.replace("n = { type = \"integer\", from = [\"any\"] }", "n = { type = \"integer\" }"));
    let steps = vec![("one", Accepted), ("said", Accepted), ("count", Refused), ("copy", NeedsApproval)];
    assert_eq!(verdicts(&found[0]), (Accepted, Refused, steps));
}

#[test]
fn inputs_that_the_other_policy_does_not_take_are_refused_and_no_fault() {
    let steps = json!([
        step("one", "read", json!({ "path": "a.md" })),
        step("copy", "write", json!({ "path": { "$input": "customer" }, "text": "x" })),
    ]);
    let told = Story::of(POLICY, &[("customer", "ada")])
        .submit(steps, &[("one", Ok(json!("a"))), ("copy", Ok(Value::Null))])
        .seal();
    for (policy, rule) in [
        (with("[input.customer]\npattern = '[a-z]{1,20}'", ""), "input.unknown"),
        (with("{1,20}", "{5}"), "input.schema"),
    ] {
        let found = by(&told, &policy);
        assert_eq!((found[0].decided, found[0].violations[0].rule), (Decided::Refused, rule));
        assert_eq!(found[0].steps[0].decided, Decided::Accepted, "what does not need it");
        assert_eq!(found[0].steps[1].violations[0].rule, "input.unbound");
    }
}

#[test]
fn a_plan_after_one_that_is_refused_now_keeps_a_verdict_of_its_own() {
    use Decided::{Accepted, Refused, Unknown};
    let plan = |id: &str, text: Value| {
        json!([
            step(id, "read", json!({ "path": "a.md" })),
            step(&format!("{id}-copy"), "write", json!({ "path": "b.md", "text": text })),
        ])
    };
    let told = Story::of(POLICY, &[])
        .submit(plan("x", json!("x")), &[("x", Ok(json!("a"))), ("x-copy", Ok(Value::Null))])
        .submit(plan("y", output("x", "")), &[("y", Ok(json!("a"))), ("y-copy", Ok(Value::Null))])
        .submit(plan("z", json!("z")), &[("z", Ok(json!("a"))), ("z-copy", Ok(Value::Null))])
        .seal();
    let found = by(&told, &with("text = { from = [\"any\"] }", "text = { from = [\"any\"], pattern = '[a-wyz ]*' }"));
    let found: Vec<_> = found.iter().map(verdicts).collect();
    assert_eq!(found[0], (Accepted, Refused, vec![("x", Accepted), ("x-copy", Refused)]));
    assert_eq!(found[1], (Accepted, Unknown, vec![("y", Accepted), ("y-copy", Unknown)]));
    assert_eq!(found[2], (Accepted, Accepted, vec![("z", Accepted), ("z-copy", Accepted)]));
}

#[test]
fn what_was_refused_and_would_be_accepted_is_known_as_far_as_its_text_says() {
    let steps = json!([
        step("one", "read", json!({ "path": "a.md" })),
        step("copy", "write", json!({ "path": output("one", ""), "text": "x" })),
    ]);
    let told = Story::of(POLICY, &[]).submit(steps, &[]).seal();
    let found = by(&told, &with("path = { from = [\"planner\", \"user\"] }", "path = { from = [\"any\"] }"));
    assert_eq!((found[0].recorded, found[0].decided), (Decided::Refused, Decided::Accepted));
    assert_eq!(found[0].recorded_rules.iter().collect::<Vec<_>>(), ["argument.from"]);
    assert_eq!(found[0].steps.iter().map(|step| step.resolved).collect::<Vec<_>>(), [true, false]);
    assert!(!found[0].takes_away());
}
