//! `claw planner reset`: what planners were shown counts no more. Their user says so, at a terminal.

use std::os::fd::AsFd as _;
use std::process::ExitCode;

use claw_policy::Name;
use serde_json::json;

use crate::ambient::{self, Home, Typed};
use crate::error::{DONE, Error, REFUSED};
use crate::{memory, report};

pub(crate) fn reset(policy: Option<&str>, json: bool) -> Result<ExitCode, Error> {
    let policy = policy.map(Name::new).transpose().map_err(|error| Error::input("usage", error.to_string()))?;
    let home = Home::find()?.private()?;
    if !ambient::can_ask() {
        return Err(Error::input("planner.reset", "what planners remember is reset at a terminal alone")
            .help("run it where you can answer: no program may do this for you"));
    }
    let whose = policy.as_ref().map_or_else(|| "every policy".to_owned(), |policy| format!("the policy {policy}"));
    tell!("From now on, what planners were shown under {whose} counts as forgotten. Do they really not keep it?");
    tell!("Type yes and Enter if so.");
    let interrupt = ambient::interrupt()?;
    let answer = ambient::read_line(interrupt.as_fd());
    if !matches!(answer, Typed::Line(line) if line.trim_end_matches(['\n', '\r']) == "yes") {
        tell!("nothing was changed");
        return Ok(ExitCode::from(REFUSED));
    }
    let count = memory::reset(&home.state, policy.as_ref())?;
    if json {
        report::print_json(&json!({ "reset": count }))?;
    } else {
        tell!("reset: {count}");
    }
    Ok(ExitCode::from(DONE))
}
