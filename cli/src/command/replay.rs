//! `claw replay`: what a record says, tried again.

use std::process::ExitCode;

use claw_audit::Machine;
use claw_policy::printable::printable;

use crate::ambient::Home;
use crate::arguments::ReplayArguments;
use crate::command::replay_run;
use crate::error::{Error, UNVERIFIED};
use crate::records;

pub(crate) fn replay(arguments: &ReplayArguments, json: bool) -> Result<ExitCode, Error> {
    let home = Home::find()?.private()?;
    let machine = Machine::open(&home.state)?;
    let key = records::key(&machine, arguments.key.as_deref())?;
    match records::one(&home, &machine, &arguments.run, key) {
        Ok(record) => replay_run::run(&home, record, &arguments.component, json),
        Err(fault) => {
            tell!("{}", printable(&format!("does not verify: {fault}")));
            Ok(ExitCode::from(UNVERIFIED))
        }
    }
}
