//! `claw check`: the verdict on a plan, and no effect.

use std::process::ExitCode;
use std::time::SystemTime;

use claw_policy::{Plan, ValidatedPlan};
use serde_json::{Value, json};

use crate::arguments::PlanArguments;
use crate::error::{DONE, Error, REFUSED};
use crate::load::{Loaded, Purpose};
use crate::report;

pub(crate) fn check(arguments: &PlanArguments, json: bool) -> Result<ExitCode, Error> {
    let loaded = Loaded::policy(&arguments.policy, &arguments.narrowing(), Purpose::Decide)?;
    let session = loaded.session(arguments)?;
    let text = loaded.plan(&arguments.plan)?;
    let verdict = Plan::parse(&text, &loaded.policy.limits)
        .and_then(|plan| loaded.policy.check(&session, plan, SystemTime::now()));
    match verdict {
        Ok(plan) => {
            if json {
                report::print_json(
                    &json!({ "verdict": "accepted", "violations": [], "steps": steps_json(&plan), "approvals": [] }),
                )?;
            } else {
                report::print_text(&accepted(&plan))?;
            }
            Ok(ExitCode::from(DONE))
        }
        Err(refusal) => {
            let (violations, questions) = (refusal.violations(), refusal.questions());
            let verdict = if violations.is_empty() { "needs-approval" } else { "refused" };
            if json {
                let violations = report::violations_json(&loaded, violations);
                let approvals = report::questions_json(questions);
                report::print_json(
                    &json!({ "verdict": verdict, "violations": violations, "steps": [], "approvals": approvals }),
                )?;
            }
            report::violations(&loaded, &arguments.plan, violations);
            report::questions(&loaded, questions);
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
