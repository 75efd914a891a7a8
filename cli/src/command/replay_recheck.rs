//! `claw replay --recheck`: whether the policy engine still says of a run what it said then.

use std::process::ExitCode;

use claw_audit::Event;
use claw_policy::printable::printable;
use serde_json::json;

use crate::arguments::ReplayArguments;
use crate::error::{DONE, Error, UNVERIFIED};
use crate::records::{counted, each, fault_json, tell_faults};
use crate::report;

/// A run of which everything was decided as before.
struct Same {
    run: String,
    plans: usize,
    steps: usize,
}

pub(crate) fn recheck(arguments: &ReplayArguments, json: bool) -> Result<ExitCode, Error> {
    let mut same = Vec::new();
    // Deciding again is a part of verifying.
    let faults = each(&arguments.runs, arguments.key.as_deref(), &mut |_, record, _| {
        let count = |which: fn(&Event) -> bool| record.events.iter().filter(|event| which(event)).count();
        let plans = count(|event| matches!(event, Event::Verdict { .. }));
        let steps = count(|event| matches!(event, Event::Step { .. }));
        same.push(Same { run: record.run.clone(), plans, steps });
        Ok(())
    })?;
    if json {
        let same = same.iter().map(|same| json!({ "run": same.run, "plans": same.plans, "steps": same.steps }));
        report::print_json(
            &json!({ "same": same.collect::<Vec<_>>(), "faults": faults.iter().map(fault_json).collect::<Vec<_>>() }),
        )?;
    } else {
        for Same { run, plans, steps } in &same {
            let (plans, steps) = (counted(*plans, "plan"), counted(*steps, "step"));
            report::print_text(&format!("{}: {plans}, {steps}: decided as on record", printable(run)))?;
        }
        tell_faults(&faults);
    }
    Ok(ExitCode::from(if faults.is_empty() { DONE } else { UNVERIFIED }))
}
