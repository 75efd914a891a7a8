//! `claw audit show`: what a record tells of its run, once it verifies.

use std::path::PathBuf;
use std::process::ExitCode;

use claw_audit::{Fault, Machine};
use claw_policy::printable::printable;
use serde_json::json;

use crate::account::Account;
use crate::ambient::Home;
use crate::arguments::Shown;
use crate::error::{DONE, Error, UNVERIFIED};
use crate::{records, report};

pub(crate) fn show(run: PathBuf, key: Option<&str>, shown: Shown, json: bool) -> Result<ExitCode, Error> {
    let home = Home::find()?.private()?;
    let machine = Machine::open(&home.state)?;
    let key = records::key(&machine, key)?;
    let folder = records::folder(&home, &run);
    let opened = || {
        claw_audit::verify_machine(machine.folder(), key, None)
            .is_ok_and(|log| log.opened().any(|run| folder.ends_with(run)))
    };
    // What was never there is no fault of a record; what is gone is.
    if !folder.exists() && !opened() {
        let run = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        return Err(Error::input("record.none", format!("there is no record of a run `{}`", printable(&run)))
            .help("see `claw audit list`"));
    }
    let record = match records::one(&home, &machine, &run, key) {
        Ok(record) => record,
        Err(fault) => return unverified(&fault, json),
    };
    let account = Account::of(&record, shown.values)
        .map_err(|why| Error::own(format!("the record cannot be read any more: {why}"), "see `claw audit verify`"))?;
    if json {
        report::print_json(&account)?;
    } else {
        report::print_text(&account.to_text(shown.calls))?;
    }
    Ok(ExitCode::from(DONE))
}

/// Nothing is shown of what does not verify. What is signed is the whole: if that is not what was written, there is no
/// line of it that certainly is.
fn unverified(fault: &Fault, json: bool) -> Result<ExitCode, Error> {
    if json {
        report::print_json(&json!({ "fault": records::fault_json(fault) }))?;
    } else {
        tell!("{}", printable(&format!("does not verify: {fault}")));
        tell!("nothing of it is shown: its lines are signed as a whole, so no line of it is known to be true");
    }
    Ok(ExitCode::from(UNVERIFIED))
}
