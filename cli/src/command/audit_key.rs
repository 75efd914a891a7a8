//! `claw audit key`: the public key that this user's records are verified with.

use std::process::ExitCode;

use claw_audit::Machine;
use serde_json::json;

use crate::ambient::Home;
use crate::error::{DONE, Error};
use crate::report;

pub(crate) fn key(json: bool) -> Result<ExitCode, Error> {
    let key = Machine::open(&Home::find()?.private()?.state)?.key().public().to_text();
    if json {
        report::print_json(&json!({ "key": key }))?
    } else {
        report::print_text(&key)?
    }
    Ok(ExitCode::from(DONE))
}
