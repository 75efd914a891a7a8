//! `claw replay --recheck`: whether the policy engine still says of a run what it said then.

use std::process::ExitCode;

use claw_audit::Policies;
use claw_policy::printable::printable;
use serde_json::json;

use crate::arguments::ReplayArguments;
use crate::command::replay::{counted, each, faults_json, tell_faults};
use crate::error::{DONE, Error, UNVERIFIED};
use crate::report;

pub(crate) fn recheck(arguments: &ReplayArguments, json: bool) -> Result<ExitCode, Error> {
    let mut runs = Vec::new();
    let faults = each(arguments, &mut Policies::default(), &mut |_, verified, rechecked, _| {
        runs.push((verified.run.clone(), rechecked));
        Ok(())
    })?;
    if json {
        let runs = runs.iter().map(|(run, again)| json!({ "run": run, "plans": again.plans, "steps": again.steps }));
        report::print_json(&json!({ "same": runs.collect::<Vec<_>>(), "faults": faults_json(&faults) }))?;
    } else {
        for (run, again) in &runs {
            let (plans, steps) = (counted(again.plans, "plan"), counted(again.steps, "step"));
            report::print_text(&format!("{}: {plans} and {steps} are decided as on record", printable(run)))?;
        }
        tell_faults(&faults);
    }
    Ok(ExitCode::from(if faults.is_empty() { DONE } else { UNVERIFIED }))
}
