//! A session with a planner: its task, what the planner got to know, and what a person allowed are decided again too.

use claw_audit::{Decided, Event, Fault, Other, Policies, Stored, Told, Verdict, recheck, what_if};
use serde_json::{Value, json};

use crate::story::{POLICY, Story, Told as Record, catalogue, output, step};

/// The policy with a planner that sees what is read, a path that the task may choose, and a count that is asked about.
fn policy() -> String {
    POLICY
        .replace("path = { from = [\"planner\", \"user\"] }", "path = { from = [\"task\", \"user\"] }")
        .replace("digest = \"sha256:count\" }", "digest = \"sha256:count\" }\napprove = \"each\"")
        + "[planner]\nshows = [\"read\"]\naccepts = [\"notes\"]\n"
}

const TASK: &str = "copy the notes into b.md";

/// Two rounds: a note is read and shown, then it is copied to where the task says; and a count, once it is allowed.
fn rounds() -> Record {
    let read = json!([step("one", "read", json!({ "path": "a.md" }))]);
    let copy = json!([step("copy", "write", json!({ "path": "b.md", "text": output("one", "") }))]);
    let count = json!([step("count", "count", json!({ "n": 7 }))]);
    Story::with_task(&policy(), TASK)
        .say(json!({ "event": "prompt", "planner": "test", "time": 1, "system": { "inline": "rules" }, "text": { "inline": TASK } }))
        .say(json!({ "event": "reply", "time": 2, "text": { "inline": "a plan" }, "prompt-tokens": 7 }))
        .submit(read, &[("one", Ok(json!("a note")))])
        .disclose("one")
        .submit(copy, &[("copy", Ok(Value::Null))])
        .disclose("copy")
        .submit(count.clone(), &[])
        .approve()
        .submit(count, &[("count", Ok(Value::Null))])
        .say(json!({ "event": "ended", "why": "answered", "answer": { "inline": "done" } }))
        .seal()
}

fn again(record: &Record) -> Result<(), Fault> {
    recheck(&record.folder, &record.events)
}

#[test]
fn a_session_with_disclosures_and_approvals_is_decided_again() {
    let record = rounds();
    again(&record).unwrap_or_else(|fault| panic!("{fault}"));
    let verdicts = record.events.iter().filter_map(|event| match event {
        Event::Verdict { verdict, .. } => Some(*verdict),
        _ => None,
    });
    use Verdict::{Accepted, NeedsApproval};
    assert_eq!(verdicts.collect::<Vec<_>>(), [Accepted, Accepted, NeedsApproval, Accepted]);
    let told = record.events.iter().filter_map(|event| match event {
        Event::Disclosed(disclosed) => Some((disclosed.step.as_str(), disclosed.told)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [("one", Told::Shown), ("copy", Told::Silent)]);
}

#[test]
fn whatever_is_changed_of_what_was_told_or_allowed_is_found_at_its_line() {
    type Change = fn(&mut Event) -> bool;
    let changes: [(&str, Change); 5] = [
        ("how much is told", |event| match event {
            Event::Disclosed(disclosed) => {
                disclosed.told = if disclosed.told == Told::Shown { Told::Handle } else { Told::Shown };
                true
            }
            _ => false,
        }),
        ("of which step", |event| match event {
            Event::Disclosed(disclosed) => {
                disclosed.step = "two".to_owned();
                true
            }
            _ => false,
        }),
        ("what the planner knows then", |event| match event {
            Event::Disclosed(disclosed) => {
                disclosed.context.secrecy.clear();
                true
            }
            _ => false,
        }),
        ("which step is allowed", |event| match event {
            Event::Approval(approval) => {
                approval.step = "copy".to_owned();
                true
            }
            _ => false,
        }),
        ("what is allowed", |event| match event {
            Event::Approval(approval) => {
                approval.subject = claw_policy::digest(b"another plan");
                true
            }
            _ => false,
        }),
    ];
    for (what, change) in changes {
        let mut record = rounds();
        let at = record.events.iter_mut().position(change).expect("there is such an event");
        let fault = again(&record).expect_err(what);
        assert_eq!(fault.line, Some(at as u64 + 1), "{what}: {fault}");
    }
}

/// A count of what a note says is asked about twice: when the plan comes, and when the number is known.
fn asked_again(yes: bool) -> Record {
    let plan = json!([
        step("one", "read", json!({ "path": "a.md" })),
        step("count", "tell", json!({ "path": output("one", "") })),
    ]);
    let policy = policy()
        + "[capability.tell]\ncomponent = { path = \"read.wasm\", digest = \"sha256:read\" }\napprove = \"each\"\n[capability.tell.argument]\npath = { from = [\"any\"] }\n";
    let story = Story::with_task(&policy, TASK).submit(plan.clone(), &[]).approve();
    let story = if yes { story } else { story.deny() };
    story.submit(plan, &[("one", Ok(json!("a note"))), ("count", Ok(json!("seven")))]).seal()
}

#[test]
fn what_a_person_says_when_a_step_starts_is_decided_again() {
    for yes in [true, false] {
        again(&asked_again(yes)).unwrap_or_else(|fault| panic!("{fault}"));
    }
    let count = |record: &Record| record.events.iter().filter(|event| matches!(event, Event::Approval(_))).count();
    assert_eq!((count(&asked_again(true)), count(&asked_again(false))), (2, 1));
    // It is of these values, and no step starts without it.
    let last = |events: &[Event]| events.iter().rposition(|event| matches!(event, Event::Approval(_))).unwrap();
    let mut record = asked_again(true);
    let at = last(&record.events);
    let gone = record.events.remove(at);
    assert!(again(&record).unwrap_err().what.contains("it halts"));
    // Nor is there one too many, before the step or after it.
    record.events.splice(at..at, [gone.clone(), gone.clone()]);
    assert_eq!(again(&record).unwrap_err().line, Some(at as u64 + 2));
    let mut record = asked_again(true);
    let seal = record.events.len() - 1;
    record.events.insert(seal, gone);
    assert_eq!(again(&record).unwrap_err().line, Some(seal as u64 + 1));
    let mut record = asked_again(true);
    if let Event::Approval(approval) = &mut record.events[at] {
        approval.subject = claw_policy::digest(b"other values");
    }
    assert_eq!(again(&record).unwrap_err().line, Some(at as u64 + 1));
}

#[test]
fn what_the_planner_was_shown_cannot_be_left_out() {
    let mut record = rounds();
    record.events.retain(|event| !matches!(event, Event::Disclosed(disclosed) if disclosed.step == "one"));
    let fault = again(&record).unwrap_err();
    assert!(fault.what.contains("notes"), "the next verdict has its labels: {fault}");
    // Nor a yes.
    let mut record = rounds();
    record.events.retain(|event| !matches!(event, Event::Approval(_)));
    assert!(again(&record).unwrap_err().what.contains("needs-approval"));
    // Nor the task, whose words the plan repeats.
    let mut record = rounds();
    if let Some(Event::Open { task, .. }) = record.events.first_mut() {
        *task = Some(Stored::Inline("copy the notes".into()));
    }
    assert!(again(&record).unwrap_err().what.contains("refused"));
}

#[test]
fn another_policy_decides_on_each_round_with_what_it_would_have_shown() {
    let verdicts = |policy: &str| {
        let record = rounds();
        let catalogue = catalogue();
        let other = Other { text: policy, catalogue: &catalogue, narrowing: None };
        let found = what_if(&record.folder, &record.events, &mut Policies::default(), &other);
        let found = found.unwrap_or_else(|fault| panic!("{fault}"));
        found.iter().map(|plan| plan.decided).collect::<Vec<_>>()
    };
    use Decided::{Accepted, NeedsApproval, Refused};
    // The last one is the one before it, which a person said yes to.
    assert_eq!(verdicts(&policy()), [Accepted, Accepted, NeedsApproval, Accepted]);
    let no_task = policy().replace("[\"task\", \"user\"]", "[\"user\"]");
    assert_eq!(verdicts(&no_task), [Accepted, Refused, NeedsApproval, Accepted]);
    // Once the note is shown, nothing that does not accept it can be written.
    let closed = policy().replace("accepts = [\"notes\"]\n[capability.read]", "[capability.read]");
    assert_eq!(verdicts(&closed), [Accepted, Refused, NeedsApproval, Accepted]);
}
