//! `claw replay`: what a record says, tried again.

use std::process::ExitCode;

use claw_audit::{Fault, Machine, Policies, Verified};
use claw_policy::printable::printable;

use crate::ambient::Home;
use crate::arguments::ReplayArguments;
use crate::command::{replay_recheck, replay_run, replay_what_if};
use crate::error::{Error, UNVERIFIED};
use crate::records::{self, Found};

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
            tell_faults(&[fault]);
            Ok(ExitCode::from(UNVERIFIED))
        }
    }
}

/// Verifies the records that are asked for, and gives each that does to `take`. What is wrong with the others is given back.
pub(crate) fn each(
    arguments: &ReplayArguments,
    take: &mut dyn FnMut(&Found, &Verified, &mut Policies) -> Result<(), Fault>,
) -> Result<Vec<Fault>, Error> {
    let home = Home::find()?.private()?;
    let machine = Machine::open(&home.state)?;
    let key = records::key(&machine, arguments.key.as_deref())?;
    // Its own key signs this machine's log. Records of another machine are elsewhere, and stand for themselves.
    let log = match claw_audit::verify_machine(machine.folder(), machine.key().public(), None) {
        Ok(log) => log,
        Err(fault) => return Ok(vec![fault]),
    };
    let (mut faults, mut policies) = (Vec::new(), Policies::default());
    for found in records::all(&home, &log, &arguments.runs)? {
        let verified = match records::is_here(&home, &found.folder) {
            true => records::in_log(&log, &found.folder, key, &mut policies),
            false => records::alone(&found.folder, key, &mut policies),
        };
        faults.extend(verified.and_then(|record| take(&found, &record, &mut policies)).err());
    }
    Ok(faults)
}

/// Tells what does not verify, for people, on standard error.
pub(crate) fn tell_faults(faults: &[Fault]) {
    for fault in faults {
        tell!("{}", printable(&format!("does not verify: {fault}")));
    }
}

/// `1 run`, `2 runs`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
