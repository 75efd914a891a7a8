//! `claw policy test`: a policy's own tests, each with the verdict that its plan must get.

use std::path::PathBuf;
use std::process::ExitCode;

use claw_policy::printable::printable;
use claw_policy::{Narrowing, run_tests};
use serde_json::json;

use crate::arguments::PolicyArguments;
use crate::error::{DONE, Error, UNUSABLE};
use crate::load::{Loaded, Purpose};
use crate::report;

pub(crate) fn test(policy: PathBuf, dir: Vec<(String, String)>, json: bool) -> Result<ExitCode, Error> {
    let loaded = Loaded::policy(&PolicyArguments { policy, dir }, &Narrowing::default(), Purpose::Test)?;
    let outcomes = run_tests(&loaded.policy, &loaded.document, &loaded.catalogue);
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    if json {
        let tests = outcomes.iter().map(|outcome| {
            json!({
                "plan": outcome.test.plan, "task": outcome.test.task, "line": outcome.test.line,
                "expected": outcome.test.verdict, "expected_rule": outcome.test.rule,
                "verdict": outcome.found.as_ref().ok(), "rules": outcome.rules, "error": outcome.found.as_ref().err(),
                "passed": outcome.passed(),
            })
        });
        report::print_json(&json!({ "tests": tests.collect::<Vec<_>>(), "failed": failed }))?;
    } else {
        let mut text = String::new();
        for outcome in &outcomes {
            let found = match &outcome.found {
                Ok(found) if outcome.rules.is_empty() => found.as_str().to_owned(),
                Ok(found) => format!("{}: {}", found.as_str(), outcome.rules.join(", ")),
                Err(why) => why.clone(),
            };
            let word = if outcome.passed() { "ok    " } else { "FAILED" };
            let expected = outcome.test.verdict.as_str();
            let expected = if outcome.passed() { String::new() } else { format!("expected {expected}, found ") };
            let plan = printable(&outcome.test.plan);
            text.push_str(&format!("{word} {plan} ({expected}{})\n", printable(&found)));
        }
        text.push_str(&match outcomes.len() {
            0 => "the policy has no `[[test]]`\n".to_owned(),
            all => format!("{} of {all} tests passed\n", all - failed),
        });
        report::print_text(&text)?;
    }
    for error in outcomes.iter().filter_map(|outcome| outcome.error(&loaded.document)) {
        report::load_error(&loaded.file, loaded.text(), &error);
    }
    Ok(ExitCode::from(if failed == 0 { DONE } else { UNUSABLE }))
}
