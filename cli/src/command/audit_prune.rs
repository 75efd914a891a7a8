//! `claw audit prune`: records of runs that were sealed long ago are taken away, and the machine's log says which.

use std::process::ExitCode;

use claw_audit::Machine;
use claw_policy::printable::printable;
use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::json;

use crate::ambient::{self, Home};
use crate::error::{DONE, Error, UNVERIFIED};
use crate::report;

pub(crate) fn prune(older_than: Span, json: bool) -> Result<ExitCode, Error> {
    let before = Timestamp::now().to_zoned(TimeZone::UTC).checked_sub(older_than).map_err(|error| {
        Error::input("usage", format!("`--older-than` goes back too far: {error}")).help("give a span such as `30d`")
    })?;
    // Nothing was sealed before 1970.
    let before = u64::try_from(before.timestamp().as_millisecond()).unwrap_or(0);
    let home = Home::find()?.private()?;
    let found = claw_audit::prune(&Machine::open(&home.state)?, &home.runs(), before, ambient::now_ms())?;
    let (kept, pruned): (Vec<_>, Vec<_>) = found.iter().partition(|run| run.kept.is_some());
    if json {
        let pruned = pruned.iter().map(|run| &run.run);
        let kept = kept.iter().map(|run| json!({ "run": run.run, "what": run.kept.as_ref().map(ToString::to_string) }));
        report::print_json(&json!({ "pruned": pruned.collect::<Vec<_>>(), "kept": kept.collect::<Vec<_>>() }))?;
    } else {
        for run in &pruned {
            report::print_text(&format!("{}: pruned", printable(&run.run)))?;
        }
        for (run, fault) in kept.iter().filter_map(|run| Some((&run.run, run.kept.as_ref()?))) {
            tell!("{}", printable(&format!("{run}: kept, since it does not verify: {fault}")));
        }
    }
    Ok(ExitCode::from(if kept.is_empty() { DONE } else { UNVERIFIED }))
}
