//! `claw replay`: earlier runs, decided on again from their records.

use std::process::ExitCode;

use claw_audit::{Fault, Policies, Rechecked, Verified};
use claw_policy::printable::printable;
use serde_json::{Value, json};

use crate::arguments::ReplayArguments;
use crate::command::{replay_recheck, replay_what_if};
use crate::error::Error;
use crate::records::{Found, Records};

pub(crate) fn replay(arguments: &ReplayArguments, json: bool) -> Result<ExitCode, Error> {
    match &arguments.what_if {
        Some(policy) => replay_what_if::what_if(policy, arguments, json),
        None if arguments.recheck => replay_recheck::recheck(arguments, json),
        None => Err(Error::input("usage", "it is not said what to decide again")
            .help("add `--recheck`, or `--what-if POLICY`: see `claw replay --help`")),
    }
}

/// Verifies the records that are asked for, and gives each that does to `take`; what is wrong with the others.
pub(crate) fn each(
    arguments: &ReplayArguments,
    policies: &mut Policies,
    take: &mut dyn FnMut(&Found, &Verified, Rechecked, &mut Policies) -> Result<(), Fault>,
) -> Result<Vec<Fault>, Error> {
    let records = Records::of(arguments.key.as_deref())?;
    let log = match records.log() {
        Ok(log) => log,
        Err(fault) => return Ok(vec![fault]),
    };
    let mut faults = Vec::new();
    for found in records.find(&arguments.runs, log.as_ref())? {
        let verified = records.verify(&found, log.as_ref(), policies);
        faults.extend(verified.and_then(|(verified, again)| take(&found, &verified, again, policies)).err());
    }
    Ok(faults)
}

/// Tells what does not verify, for people, on standard error.
pub(crate) fn tell_faults(faults: &[Fault]) {
    for fault in faults {
        tell!("{}", printable(&format!("does not verify: {fault}")));
    }
}

pub(crate) fn faults_json(faults: &[Fault]) -> Vec<Value> {
    let each = |fault: &Fault| json!({ "file": fault.file, "line": fault.line, "what": fault.what });
    faults.iter().map(each).collect()
}

/// `1 run`, `2 runs`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
