//! `claw check`: the verdict on a plan, and no effect.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use claw_policy::{Plan, Session, ValidatedPlan};
use serde_json::{Value, json};

use crate::arguments::PlanArguments;
use crate::error::{DONE, Error, REFUSED};
use crate::load::{Loaded, Purpose};
use crate::{prepared, report};

pub(crate) fn check(arguments: &PlanArguments, json: bool) -> Result<ExitCode, Error> {
    let loaded = Loaded::policy(&arguments.session.policy, &arguments.session.narrowing(), Purpose::Decide)?;
    let session = loaded.session(&arguments.session)?;
    let text = loaded.plan(&arguments.plan)?;
    verdict(&loaded, &session, &text, &arguments.plan, json!({}), json)
}

/// Tells the verdict on a plan's text, which is shown to come from `from`; with `--json`, beside what `document` has.
pub(crate) fn verdict(
    loaded: &Loaded,
    session: &Session,
    text: &[u8],
    from: &Path,
    document: Value,
    json: bool,
) -> Result<ExitCode, Error> {
    let verdict =
        Plan::parse(text, &loaded.policy.limits).and_then(|plan| loaded.policy.check(session, plan, SystemTime::now()));
    let print = |verdict: Value| {
        let mut document = document.clone();
        if let (Some(document), Value::Object(verdict)) = (document.as_object_mut(), verdict) {
            document.extend(verdict);
        }
        report::print_json(&document)
    };
    match verdict {
        Ok(plan) => {
            if json {
                print(json!({ "verdict": "accepted", "violations": [], "steps": steps_json(&plan), "approvals": [] }))?;
            } else {
                report::print_text(&accepted(&plan))?;
            }
            Ok(ExitCode::from(DONE))
        }
        Err(refusal) => {
            let (violations, questions) = (refusal.violations(), refusal.questions());
            let verdict = if violations.is_empty() { "needs-approval" } else { "refused" };
            if json {
                let violations = report::violations_json(loaded, violations);
                let approvals = prepared::questions(questions);
                print(json!({ "verdict": verdict, "violations": violations, "steps": [], "approvals": approvals }))?;
            }
            report::violations(loaded, from, violations);
            report::questions(loaded, questions);
            match violations.len() {
                0 => tell!("needs approval: no rule refuses the plan, and a person has to be asked"),
                count => tell!("refused: {}; nothing of the plan has run", counted(count)),
            }
            Ok(ExitCode::from(REFUSED))
        }
    }
}

/// `1 violation`, `2 violations`.
pub(crate) fn counted(violations: usize) -> String {
    format!("{violations} violation{}", if violations == 1 { "" } else { "s" })
}

fn steps_json(plan: &ValidatedPlan) -> Vec<Value> {
    let steps = plan.steps().iter();
    steps.map(|step| json!({ "id": step.id(), "capability": step.capability(), "label": step.label() })).collect()
}

fn accepted(plan: &ValidatedPlan) -> String {
    let mut text = format!("accepted: {} step{}\n", plan.steps().len(), if plan.steps().len() == 1 { "" } else { "s" });
    for step in plan.steps() {
        text.push_str(&format!("  {} ({}): {}\n", step.id(), step.capability(), step.label()));
    }
    text
}
