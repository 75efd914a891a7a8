//! The records that a user names: found, and verified.

use std::path::{Path, PathBuf};

use claw_audit::checkpoint::PublicKey;
use claw_audit::{Fault, Machine, Verified, VerifiedMachine};
use serde_json::{Value, json};

use crate::ambient::Home;
use crate::error::Error;

/// The key that the user gives to verify with; this user's own where none is given.
pub(crate) fn key(machine: &Machine, given: Option<&str>) -> Result<PublicKey, Error> {
    let Some(text) = given else { return Ok(machine.key().public()) };
    PublicKey::parse(text)
        .ok_or_else(|| Error::input("usage", "`--key` is no key").help("give what `claw audit key` prints"))
}

/// The folder of the record of `run`: as it is given, or of a run among claw's own.
pub(crate) fn folder(home: &Home, run: &Path) -> PathBuf {
    if run.components().count() > 1 || run.is_dir() { run.to_owned() } else { home.runs().join(run) }
}

/// Whether the record of `run` is, or would be, among this machine's.
pub(crate) fn is_here(home: &Home, run: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    folder(home, run).parent().map(real) == Some(real(&home.runs()))
}

/// Verifies the record of `run`: by itself, its verdicts, and, where it is among this machine's, in the machine's log.
pub(crate) fn one(home: &Home, machine: &Machine, run: &Path, key: PublicKey) -> Result<Verified, Fault> {
    let folder = folder(home, run);
    if is_here(home, run) {
        return in_log(&claw_audit::verify_machine(machine.folder(), key, None)?, &folder, key);
    }
    let mut record = alone(&folder, key)?;
    record.notes.push("it is not among this machine's runs: whether the log of its own has it is not known".to_owned());
    Ok(record)
}

/// Verifies the record in `folder`, which is among this machine's.
pub(crate) fn in_log(log: &VerifiedMachine, folder: &Path, key: PublicKey) -> Result<Verified, Fault> {
    let run = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if log.is_pruned(&run) && !folder.exists() {
        let what = "`claw audit prune` took this record away".to_owned();
        return Err(Fault { file: folder.to_owned(), line: None, what });
    }
    let record = alone(folder, key)?;
    record.in_machine(log)?;
    Ok(record)
}

/// Verifies the record in `folder` by itself, and its verdicts.
fn alone(folder: &Path, key: PublicKey) -> Result<Verified, Fault> {
    let record = claw_audit::verify(folder, key)?;
    claw_audit::recheck(folder, &record.events)?;
    Ok(record)
}

/// A fault as `--json` shows it.
pub(crate) fn fault_json(fault: &Fault) -> Value {
    json!({ "file": fault.file, "line": fault.line, "what": fault.what })
}
