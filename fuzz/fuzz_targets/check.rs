//! A check is a function of policy, session and plan: it says the same each time, and where what it refuses is.
#![no_main]

use std::sync::Arc;
use std::time::SystemTime;

use claw_fuzz::{EXAMPLES, first_line};
use claw_policy::{Execution, Plan, Policy, Refusal, Session, ValidatedPlan, fuzzing};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The example's name, and plans of one session with a line `---` between them. The last line of each is what its steps
// put out.
fuzz_target!(|input: &[u8]| {
    let Some((name, plans)) = first_line(input) else { return };
    let Some(example) = EXAMPLES.iter().find(|example| example.name == name) else { return };
    let Ok(plans) = std::str::from_utf8(plans) else { return };
    let mut session = fuzzing::session(&example.policy);
    for plan in plans.split("\n---\n") {
        let (plan, output) = plan.rsplit_once('\n').unwrap_or((plan, ""));
        session = match check(&example.policy, &session, plan) {
            Ok(allowed) => run(allowed, session, output),
            Err(refusal) => {
                // A person says yes: no rule refuses what is only asked about.
                let asked = refusal.violations().is_empty();
                for question in refusal.questions() {
                    session.approve(question.approve(SystemTime::UNIX_EPOCH));
                }
                match check(&example.policy, &session, plan) {
                    Ok(allowed) => run(allowed, session, output),
                    Err(again) => {
                        assert!(!asked, "{again}");
                        session
                    }
                }
            }
        };
    }
});

fn check(policy: &Arc<Policy>, session: &Session, text: &str) -> Result<ValidatedPlan, Refusal> {
    let once = || {
        let plan = Plan::parse(text.as_bytes(), &policy.limits)?;
        policy.check(session, plan, SystemTime::UNIX_EPOCH)
    };
    let shown = |verdict: &Result<ValidatedPlan, Refusal>| {
        verdict.as_ref().map(|plan| format!("{:?}", plan.steps())).map_err(Refusal::clone)
    };
    let verdict = once();
    assert_eq!(shown(&verdict), shown(&once()));
    if let (Err(refusal), Ok(plan)) = (&verdict, serde_json::from_str::<Value>(text)) {
        assert!(!(refusal.violations().is_empty() && refusal.questions().is_empty()));
        for violation in refusal.violations() {
            assert!(is_in(&plan, &violation.at), "{violation:?}");
        }
    }
    verdict
}

/// Whether a pointer points into the plan, or at a key that is missing there.
fn is_in(plan: &Value, at: &str) -> bool {
    let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
    plan.pointer(at).or(plan.pointer(parent)).is_some()
        || plan.pointer(parent.strip_suffix("/arguments").unwrap_or(parent)).is_some()
}

/// Runs a plan as if each step put out `output`.
fn run(plan: ValidatedPlan, session: Session, output: &str) -> Session {
    let policy = Arc::clone(plan.policy());
    assert!(plan.steps().iter().all(|step| policy.capabilities.contains_key(step.capability())));
    let mut execution = Execution::start(plan, session).expect("it was checked against this session");
    let mut ids = Vec::new();
    loop {
        for question in execution.asks() {
            execution.approve(question.approve(SystemTime::UNIX_EPOCH));
        }
        let Some(Ok(step)) = execution.next_step() else { break };
        let output = fuzzing::output(&policy.capabilities[&step.capability], output);
        ids.push(step.id.clone());
        if execution.done(&step, output, 0, 0).is_err() {
            break;
        }
    }
    let (mut session, _) = execution.finish();
    for id in ids {
        session.disclose(&policy, &id);
    }
    session
}
