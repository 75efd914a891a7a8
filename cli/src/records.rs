//! The records that a user names: found, and verified.

use std::path::{Path, PathBuf};

use claw_audit::checkpoint::PublicKey;
use claw_audit::{Fault, Machine, Policies, Verified, VerifiedMachine, is_record};
use claw_policy::printable::printable;

use crate::ambient::Home;
use crate::error::Error;

/// A record that a command is about.
pub(crate) struct Found {
    pub(crate) folder: PathBuf,
    /// Whether the user named it, and not a folder that it is in.
    pub(crate) is_named: bool,
}

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

/// Each record that is named, or lies in a folder that is named; where nothing is, every run that the machine's log opened.
pub(crate) fn all(home: &Home, machine: &VerifiedMachine, names: &[PathBuf]) -> Result<Vec<Found>, Error> {
    if names.is_empty() {
        let runs = machine.opened().map(|run| Found { folder: home.runs().join(run), is_named: false });
        return Ok(runs.collect());
    }
    let mut found = Vec::new();
    for name in names {
        let folder = folder(home, name);
        // One that is gone is a fault of the record, and not of the command line.
        if is_record(&folder) || machine.opened().any(|run| Path::new(run) == name) {
            found.push(Found { folder, is_named: true });
            continue;
        }
        let inside = inside(&folder)?;
        if inside.is_empty() {
            let shown = printable(&name.to_string_lossy());
            let message = format!("`{shown}` is no run, no record, and no folder of records");
            return Err(Error::input("record.none", message).help("see `claw audit list`"));
        }
        found.extend(inside);
    }
    Ok(found)
}

/// The records that lie in a folder, by name.
fn inside(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        // A link is no record: what it points at is somebody else's.
        if entry.file_type()?.is_dir() && is_record(&entry.path()) {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders.into_iter().map(|folder| Found { folder, is_named: false }).collect())
}

/// Verifies the record in `folder`: by itself, and, where it is one of this machine's, in the machine's log.
pub(crate) fn verify(
    home: &Home,
    machine: &VerifiedMachine,
    folder: &Path,
    key: PublicKey,
    policies: &mut Policies,
) -> Result<Verified, Fault> {
    let mut record = claw_audit::verify(folder, key)?;
    if is_within(folder, &home.runs()) {
        record.in_machine(machine)?;
    } else {
        record
            .notes
            .push("it is not among this machine's runs: whether its own machine's log has it is not known".to_owned());
    }
    claw_audit::recheck(folder, &record.events, policies)?;
    Ok(record)
}

fn is_within(folder: &Path, runs: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(folder).is_some_and(|folder| folder.parent().map(Path::to_owned) == real(runs))
}
