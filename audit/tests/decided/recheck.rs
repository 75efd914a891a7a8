//! What is on record is decided again, in a session that grows by it; and what differs is found, at its line.

use claw_audit::{Event, Fault, Stored, Verdict, recheck};
use serde_json::{Value, json};

use crate::story::{POLICY, Story, Told, output, step};

fn again(told: &Told) -> Result<(), Fault> {
    recheck(&told.folder, &told.events)
}

/// Three plans of one session: the second needs the first, and the third is over a budget because of both.
fn three_plans() -> Told {
    let read = |id: &str| step(id, "read", json!({ "path": "a.md" }));
    let write = step("copy", "write", json!({ "path": { "$input": "customer" }, "text": output("one", "") }));
    let more: Vec<Value> = ["two", "three", "four"].map(read).into();
    Story::of(POLICY, &[("customer", "ada")])
        .submit(json!([read("one")]), &[("one", Ok(json!("a note")))])
        .submit(json!([write]), &[("copy", Ok(Value::Null))])
        .submit(json!(more), &[])
        .seal()
}

/// The line of the event that `which` picks, counted from 1.
fn line(told: &Told, which: impl Fn(&Event) -> bool) -> u64 {
    told.events.iter().position(which).expect("there is one") as u64 + 1
}

#[test]
fn every_plan_of_a_session_is_decided_again() {
    let told = three_plans();
    again(&told).unwrap_or_else(|fault| panic!("{fault}"));
    let refused = told.events.iter().find_map(|event| match event {
        Event::Verdict { verdict: Verdict::Refused, violations, .. } => violations.first(),
        _ => None,
    });
    assert_eq!(refused.map(|found| found.rule.as_str()), Some("budget.calls"), "only by what the session has grown to");
}

#[test]
fn a_plan_that_is_taken_away_shows_in_the_next_one() {
    let mut told = three_plans();
    let second = told.events.iter().rposition(|event| matches!(event, Event::Step { .. })).unwrap() - 2;
    told.events.drain(1..second);
    let fault = again(&told).unwrap_err();
    assert_eq!(fault.line, Some(3), "{fault}");
    assert!(fault.what.contains("\"accepted\"") && fault.what.contains("\"refused\""), "both sides: {fault}");
}

#[test]
fn whatever_is_changed_of_what_was_decided_is_found_at_its_line() {
    type Change = fn(&mut Event) -> bool;
    let changes: [(&str, Change); 9] = [
        ("a verdict", |event| match event {
            Event::Verdict { verdict, .. } => {
                *verdict = if *verdict == Verdict::Refused { Verdict::Accepted } else { Verdict::Refused };
                true
            }
            _ => false,
        }),
        ("a rule", |event| match event {
            Event::Verdict { violations, .. } if !violations.is_empty() => {
                violations[0].rule = "budget.steps".to_owned();
                true
            }
            _ => false,
        }),
        ("a violation less", |event| match event {
            Event::Verdict { violations, .. } => violations.pop().is_some(),
            _ => false,
        }),
        ("a label of a verdict", |event| match event {
            Event::Verdict { steps, .. } if !steps.is_empty() => {
                steps[0].label = Default::default();
                true
            }
            _ => false,
        }),
        ("an argument", |event| match event {
            Event::Step { arguments, .. } => {
                *arguments = Stored::Inline(json!({ "path": "b.md" }));
                true
            }
            _ => false,
        }),
        ("a label", |event| match event {
            Event::Step { label, .. } => {
                label.origin.clear();
                true
            }
            _ => false,
        }),
        ("a grant", |event| match event {
            Event::Step { grants, .. } => {
                grants.push("more".to_owned());
                true
            }
            _ => false,
        }),
        ("an output's label", |event| match event {
            Event::Done { label, .. } => {
                label.secrecy.clear();
                true
            }
            _ => false,
        }),
        ("a step", |event| match event {
            Event::Step { capability, .. } => {
                *capability = "ask".to_owned();
                true
            }
            _ => false,
        }),
    ];
    for (what, change) in changes {
        let mut told = three_plans();
        let at = told.events.iter_mut().position(change).expect("there is such an event");
        let fault = again(&told).expect_err(what);
        assert_eq!(fault.line, Some(at as u64 + 1), "{what}: {fault}");
    }
}

#[test]
fn another_output_is_found_where_it_is_used_first() {
    let mut told = three_plans();
    for event in &mut told.events {
        if let Event::Done { output, .. } = event {
            *output = Stored::Inline(Value::from("another note"));
            break;
        }
    }
    let fault = again(&told).unwrap_err();
    let used = line(&told, |event| matches!(event, Event::Step { step, .. } if step == "copy"));
    assert_eq!(fault.line, Some(used), "{fault}");
    assert!(fault.what.contains("a note") && fault.what.contains("another note"), "both sides: {fault}");
}

/// The path comes out of a note, and leads out of the folder: known only while running.
fn halts() -> Told {
    let steps = json!([
        step("one", "read", json!({ "path": "a.md" })),
        step("two", "read", json!({ "path": output("one", "") })),
        step("copy", "write", json!({ "path": "b.md", "text": output("one", "") })),
    ]);
    Story::of(POLICY, &[]).submit(steps, &[("one", Ok(json!("../key")))]).seal()
}

#[test]
fn a_halt_before_a_step_is_decided_again() {
    let told = halts();
    let halt = line(&told, |event| matches!(event, Event::Halt(_)));
    again(&told).unwrap_or_else(|fault| panic!("{fault}"));
    // By another rule.
    let mut told = halts();
    if let Some(Event::Halt(halt)) = told.events.get_mut(halt as usize - 1) {
        halt.violations[0].rule = "path.escape".to_owned();
    }
    assert_eq!(again(&told).unwrap_err().line, Some(halt));
    // Where nothing was to halt.
    let mut told = halts();
    for event in &mut told.events {
        if let Event::Done { output, .. } = event {
            *output = Stored::Inline(Value::from("b.md"));
        }
    }
    let fault = again(&told).unwrap_err();
    assert!(fault.what.contains("by the policy `two` starts"), "{fault}");
}

#[test]
fn a_failure_stands_as_it_is_recorded_and_the_session_knows_of_it() {
    let read = step("one", "read", json!({ "path": "a.md" }));
    let copy = step("copy", "write", json!({ "path": "b.md", "text": output("one", "") }));
    let told = Story::of(POLICY, &[])
        .submit(json!([read]), &[("one", Err(()))])
        // The planner was not told, so the check cannot tell it either: it halts.
        .submit(json!([copy]), &[])
        .seal();
    again(&told).unwrap_or_else(|fault| panic!("{fault}"));
    let halt = told.events.iter().find_map(|event| match event {
        Event::Halt(halt) => halt.violations.first(),
        _ => None,
    });
    assert_eq!(halt.map(|found| found.rule.as_str()), Some("reference.failed"));
}

/// A record writes numbers as RFC 8785 has them. What is decided on them while running is decided on what is read back.
#[test]
fn numbers_are_decided_on_as_they_are_read_back() {
    for number in ["1", "1.0", "-0.0", "1.5", "1e16", "-1e18", "1e19", "1e21", "9007199254740993", "-9007199254740993"]
    {
        let text = format!("{{\"n\":{number},\"all\":[{number}]}}");
        let steps = json!([
            step("said", "ask", json!({ "data": { "$input": "amount" } })),
            step("again", "ask", json!({ "data": output("said", "") })),
            step("count", "count", json!({ "n": output("said", "/n") })),
        ]);
        let came = [
            ("said", Ok(Value::from(text.as_str()))),
            ("again", Ok(Value::from(text.as_str()))),
            ("count", Ok(Value::Null)),
        ];
        let told = Story::of(POLICY, &[("amount", number)]).submit(steps, &came).seal();
        again(&told).unwrap_or_else(|fault| panic!("{number}: {fault}"));
    }
}

#[test]
fn what_was_cut_off_is_decided_again_up_to_there() {
    for told in [three_plans(), halts()] {
        for length in 1..told.events.len() {
            let cut = told.events.get(..length).unwrap();
            recheck(&told.folder, cut).unwrap_or_else(|fault| panic!("{length}: {fault}"));
        }
    }
}
