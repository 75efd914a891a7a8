//! The records that a user names: found, and verified.

use std::path::{Path, PathBuf};

use claw_audit::checkpoint::PublicKey;
use claw_audit::{Fault, Machine, Verified, VerifiedMachine};

use crate::ambient::Home;
use crate::error::Error;

/// The key that the user gives to verify with; this machine's where none is given.
pub(crate) fn key(machine: &Machine, given: Option<&str>) -> Result<PublicKey, Error> {
    match given {
        None => Ok(machine.key().public()),
        Some(text) => PublicKey::parse(text)
            .ok_or_else(|| Error::input("usage", "`--key` is no key").help("give what `claw audit key` prints")),
    }
}

/// The folder of the record of `run`: the run's id, or the folder itself.
pub(crate) fn folder(home: &Home, run: &Path) -> PathBuf {
    if run.components().count() > 1 || run.is_dir() { run.to_owned() } else { home.runs().join(run) }
}

/// Verifies the record in `folder`: by itself, and, where it is one of this machine's, in the machine's log.
pub(crate) fn verify(home: &Home, machine: &VerifiedMachine, folder: &Path, key: PublicKey) -> Result<Verified, Fault> {
    let mut record = claw_audit::verify(folder, key)?;
    if is_within(folder, &home.runs()) {
        record.in_machine(machine)?;
    } else {
        record
            .notes
            .push("it is not among this machine's runs: whether its own machine's log has it is not known".to_owned());
    }
    claw_audit::recheck(folder, &record.events)?;
    Ok(record)
}

fn is_within(folder: &Path, runs: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(folder).is_some_and(|folder| folder.parent().map(Path::to_owned) == real(runs))
}
