//! The records that a command is about: by their runs, by folder, or all of this machine's. None is believed before it verifies.

use std::path::{Path, PathBuf};

use claw_audit::checkpoint::PublicKey;
use claw_audit::{
    Fault, Machine, Policies, Rechecked, Verified, VerifiedMachine, is_record, recheck, verify, verify_machine,
};
use claw_policy::printable::printable;

use crate::ambient::Home;
use crate::error::Error;

/// Where records are, and what they are verified with.
pub(crate) struct Records {
    home: Home,
    key: PublicKey,
    /// The log of this machine, which has the runs that its own key signs.
    machine: Option<Machine>,
}

/// A record that a command is about.
pub(crate) struct Found {
    pub(crate) folder: PathBuf,
    /// Whether the user named it, and not a folder that it is in.
    pub(crate) is_named: bool,
}

impl Records {
    /// Those of this machine; with a `key`, those of another one, whose log is not here.
    pub(crate) fn of(key: Option<&str>) -> Result<Self, Error> {
        let home = Home::find()?.private()?;
        match key {
            Some(text) => {
                let key = PublicKey::parse(text).ok_or_else(|| {
                    Error::input("usage", "`--key` is no key").help("give what `claw audit key` prints")
                })?;
                Ok(Self { home, key, machine: None })
            }
            None => {
                let machine = Machine::open(&home.state)?;
                Ok(Self { home, key: machine.key().public(), machine: Some(machine) })
            }
        }
    }

    /// The log of all runs, where it is here.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn log(&self) -> Result<Option<VerifiedMachine>, Fault> {
        self.machine.as_ref().map(|machine| verify_machine(machine.folder(), self.key, None)).transpose()
    }

    /// The records that are named; all that the log has opened, where none is.
    pub(crate) fn find(&self, names: &[PathBuf], log: Option<&VerifiedMachine>) -> Result<Vec<Found>, Error> {
        if names.is_empty() {
            let opened = log.into_iter().flat_map(VerifiedMachine::opened);
            return Ok(opened.map(|run| Found { folder: self.home.runs().join(run), is_named: false }).collect());
        }
        let mut found = Vec::new();
        for name in names {
            let is_path = name.components().count() > 1 || name.is_dir();
            let folder = if is_path { name.clone() } else { self.home.runs().join(name) };
            let is_opened = || log.is_some_and(|log| log.opened().any(|run| Path::new(run) == name));
            if is_record(&folder) || is_opened() {
                found.push(Found { folder, is_named: true });
                continue;
            }
            let inside = records_in(&folder)?;
            if inside.is_empty() {
                let shown = printable(&name.to_string_lossy());
                return Err(Error::input(
                    "record.none",
                    format!("`{shown}` is no run, no record, and no folder of records"),
                )
                .help("see `claw audit list`"));
            }
            found.extend(inside);
        }
        Ok(found)
    }

    /// What a record says, once it verifies, the log has it, and its verdicts follow from it.
    pub(crate) fn verify(
        &self,
        found: &Found,
        log: Option<&VerifiedMachine>,
        policies: &mut Policies,
    ) -> Result<(Verified, Rechecked), Fault> {
        let verified = verify(&found.folder, self.key)?;
        log.map_or(Ok(()), |log| verified.in_machine(log))?;
        let rechecked = recheck(&found.folder, &verified.events, policies)?;
        Ok((verified, rechecked))
    }
}

/// The records that lie in a folder, by name.
fn records_in(folder: &Path) -> Result<Vec<Found>, Error> {
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
