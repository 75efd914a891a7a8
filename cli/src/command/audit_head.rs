//! `claw audit head`: the checkpoint of the machine's log. Whoever keeps it elsewhere sees later whether anything before it changed.

use std::process::ExitCode;

use claw_audit::Machine;
use serde_json::json;

use crate::ambient::{self, Home};
use crate::error::{DONE, Error};
use crate::report;

pub(crate) fn head(json: bool) -> Result<ExitCode, Error> {
    let machine = Machine::open(&Home::find()?.private()?.state)?;
    let Some(note) = ambient::read_text(&machine.checkpoint())? else {
        return Err(Error::input("record.none", "no run is on record yet").help("run a plan first"));
    };
    if json {
        report::print_json(&json!({ "checkpoint": note }))?
    } else {
        report::print_text(note.trim_end())?
    }
    Ok(ExitCode::from(DONE))
}
