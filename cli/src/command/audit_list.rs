//! `claw audit list`: the runs that have a record.

use std::process::ExitCode;

use claw_audit::Filter;
use claw_policy::printable::printable;
use comfy_table::{Table, presets};
use serde_json::json;

use crate::ambient::{self, Home};
use crate::arguments::ListArguments;
use crate::error::{DONE, Error};
use crate::moment::Moment;
use crate::report;

pub(crate) fn list(wanted: ListArguments, json: bool) -> Result<ExitCode, Error> {
    let now = ambient::now();
    let filter = Filter {
        since: at(wanted.since, |since| since.begin(now))?,
        until: at(wanted.until, |until| until.end(now))?,
        policy: wanted.policy,
        status: wanted.status.map(Into::into),
        capability: wanted.capability,
    };
    let runs = claw_audit::list(&Home::find()?.runs(), &filter)?;
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

fn at(moment: Option<Moment>, ms: impl FnOnce(Moment) -> Option<u64>) -> Result<Option<u64>, Error> {
    let Some(moment) = moment else { return Ok(None) };
    let help = "a time from 1970 to 9999 is wanted";
    ms(moment).map(Some).ok_or_else(|| Error::input("usage", "no run can have been opened then").help(help))
}

/// RFC 3339, in UTC, to the second.
fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
