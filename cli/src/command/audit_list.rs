//! `claw audit list`: the runs that have a record.

use std::process::ExitCode;

use claw_policy::printable::printable;
use comfy_table::{Table, presets};
use serde_json::json;

use crate::ambient::Home;
use crate::error::{DONE, Error};
use crate::report;

pub(crate) fn list(json: bool) -> Result<ExitCode, Error> {
    let runs = claw_audit::list(&Home::find()?.runs())?;
    if json {
        let runs = runs.iter().map(|run| {
            json!({
                "run": run.run, "opened": run.opened.map(time), "status": run.status.map(claw_audit::Status::as_str),
                "policy": run.policy, "record": run.folder,
            })
        });
        report::print_json(&runs.collect::<Vec<_>>())?;
        return Ok(ExitCode::from(DONE));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["RUN", "OPENED", "STATUS", "POLICY"]);
    for run in &runs {
        let opened = run.opened.map_or_else(|| "?".to_owned(), time);
        let status = run.status.map_or("unfinished", claw_audit::Status::as_str);
        table.add_row([
            printable(&run.run),
            opened,
            status.to_owned(),
            run.policy.clone().unwrap_or_else(|| "?".to_owned()),
        ]);
    }
    report::print_text(&table.to_string())?;
    Ok(ExitCode::from(DONE))
}

/// RFC 3339, in UTC, to the second.
fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
