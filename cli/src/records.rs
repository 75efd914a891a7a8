//! The records that a user names: found, and verified.

use std::path::{Path, PathBuf};

use claw_audit::checkpoint::PublicKey;
use claw_audit::{Fault, Machine, Policies, Verified, VerifiedMachine, is_record};
use claw_policy::printable::printable;
use serde_json::{Value, json};

use crate::ambient::Home;
use crate::error::Error;

/// A record that a command is about.
pub(crate) struct Found {
    pub(crate) folder: PathBuf,
    /// Whether the user named it, and not a folder that it is in.
    pub(crate) is_named: bool,
}

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

/// Each record that is named, or lies in a folder that is named; where nothing is, every run of this machine's that was
/// not pruned.
pub(crate) fn all(home: &Home, machine: &VerifiedMachine, names: &[PathBuf]) -> Result<Vec<Found>, Error> {
    if names.is_empty() {
        let runs = machine.opened().map(|run| (run, home.runs().join(run)));
        let kept = runs.filter(|(run, folder)| !machine.is_pruned(run) || folder.exists());
        return Ok(kept.map(|(_, folder)| Found { folder, is_named: false }).collect());
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

/// Verifies the record of `run`: by itself, its verdicts, and, where it is among this machine's, in the machine's log.
pub(crate) fn one(home: &Home, machine: &Machine, run: &Path, key: PublicKey) -> Result<Verified, Fault> {
    let folder = folder(home, run);
    let mut policies = Policies::default();
    if is_here(home, run) {
        return in_log(&claw_audit::verify_machine(machine.folder(), key, None)?, &folder, key, &mut policies);
    }
    alone(&folder, key, &mut policies)
}

/// Verifies the record in `folder`, which is among this machine's.
pub(crate) fn in_log(
    log: &VerifiedMachine,
    folder: &Path,
    key: PublicKey,
    policies: &mut Policies,
) -> Result<Verified, Fault> {
    let run = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if log.is_pruned(&run) && !folder.exists() {
        let what = "`claw audit prune` took this record away".to_owned();
        return Err(Fault { file: folder.to_owned(), line: None, what });
    }
    let record = verified(folder, key, policies)?;
    record.in_machine(log)?;
    Ok(record)
}

/// Verifies the record in `folder`, which is not among this machine's.
pub(crate) fn alone(folder: &Path, key: PublicKey, policies: &mut Policies) -> Result<Verified, Fault> {
    let mut record = verified(folder, key, policies)?;
    record.notes.push("it is not among this machine's runs: whether the log of its own has it is not known".to_owned());
    Ok(record)
}

fn verified(folder: &Path, key: PublicKey, policies: &mut Policies) -> Result<Verified, Fault> {
    let record = claw_audit::verify(folder, key)?;
    policies.recheck(folder, &record.events)?;
    Ok(record)
}

/// Verifies the records that are asked for, and gives each that does to `take`. What is wrong with the others is given back.
pub(crate) fn each(
    runs: &[PathBuf],
    key: Option<&str>,
    take: &mut dyn FnMut(&Found, &Verified, &mut Policies) -> Result<(), Fault>,
) -> Result<Vec<Fault>, Error> {
    let home = Home::find()?.private()?;
    let machine = Machine::open(&home.state)?;
    let key = self::key(&machine, key)?;
    // Its own key signs this machine's log. Records of another machine are elsewhere, and stand for themselves.
    let log = match claw_audit::verify_machine(machine.folder(), machine.key().public(), None) {
        Ok(log) => log,
        Err(fault) => return Ok(vec![fault]),
    };
    let (mut faults, mut policies) = (Vec::new(), Policies::default());
    for found in all(&home, &log, runs)? {
        let verified = match is_here(&home, &found.folder) {
            true => in_log(&log, &found.folder, key, &mut policies),
            false => alone(&found.folder, key, &mut policies),
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

/// A fault as `--json` shows it.
pub(crate) fn fault_json(fault: &Fault) -> Value {
    json!({ "file": fault.file, "line": fault.line, "what": fault.what })
}
