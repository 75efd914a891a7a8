//! `claw replay`: what a record says, tried again.

use std::process::ExitCode;

use claw_audit::Machine;

use crate::ambient::Home;
use crate::arguments::ReplayArguments;
use crate::command::{replay_recheck, replay_run, replay_what_if};
use crate::error::{Error, UNVERIFIED};
use crate::records;

pub(crate) fn replay(arguments: &ReplayArguments, json: bool) -> Result<ExitCode, Error> {
    if let Some(policy) = &arguments.what_if {
        return replay_what_if::what_if(policy, arguments, json);
    }
    if arguments.recheck {
        return replay_recheck::recheck(arguments, json);
    }
    let [run] = arguments.runs.as_slice() else {
        return Err(Error::input("usage", "one run at a time is run again")
            .help("name it; `--recheck` and `--what-if POLICY` take any number, and run nothing"));
    };
    let home = Home::find()?.private()?;
    let machine = Machine::open(&home.state)?;
    let key = records::key(&machine, arguments.key.as_deref())?;
    match records::one(&home, &machine, run, key) {
        Ok(record) => replay_run::run(&home, record, &arguments.component, json),
        Err(fault) => {
            records::tell_faults(&[fault]);
            Ok(ExitCode::from(UNVERIFIED))
        }
    }
}
