//! What planners that may remember have been shown: one context for each policy, which only grows until its user resets it.
//!
//! It is one for all of them: a program is not known by how its path is spelled, nor by what it tells another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use claw_policy::{Label, Name, Policy, Session};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The most bytes of what is kept: names.
const BYTES_MAX: u64 = 1 << 20;

/// A planner's context, as it is kept. One session has it at a time.
#[derive(Debug)]
pub(crate) struct Memory {
    file: PathBuf,
    context: Label,
    /// Held until the session ends: another one would not know what this one shows.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    context: Label,
}

/// Where the contexts of planners are.
fn folder(state: &Path) -> PathBuf {
    state.join("planners")
}

impl Memory {
    /// Opens what planners have been shown under the policy `policy`.
    pub(crate) fn open(state: &Path, policy: &Name) -> Result<Self, Error> {
        let folder = folder(state);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        File::open(state)?.sync_all()?;
        let lock = private().write(true).create(true).open(folder.join(format!("{policy}.lock")))?;
        if lock.try_lock().is_err() {
            let message = "another session with a planner that may remember goes on under this policy";
            return Err(Error::input("planner.busy", message)
                .help("wait for its end: what it shows the planner counts here too"));
        }
        let file = folder.join(format!("{policy}.json"));
        let context = read(&file)?;
        Ok(Self { file, context, _lock: lock })
    }

    /// The session of a planner that may remember: it has been shown what is kept here.
    pub(crate) fn opens(&self, policy: &Policy, session: Session) -> Result<Session, Error> {
        session.with_context(policy, &self.context).map_err(|refusal| {
            let why = refusal.violations().first().map_or_else(String::new, |why| why.message.clone());
            Error::input("planner.context", why).help("let it forget, and then run `claw planner reset`")
        })
    }

    /// Keeps what it is about to be shown. On disk when this returns.
    pub(crate) fn keep(&mut self, context: &Label) -> io::Result<()> {
        let mut grown = self.context.clone();
        grown.join(context);
        if grown == self.context {
            return Ok(());
        }
        let kept = Kept { context: grown.clone() };
        let (text, new) = (serde_json::to_vec(&kept)?, self.file.with_extension("new"));
        let mut file = private().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.file)?;
        if let Some(folder) = self.file.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.context = grown;
        Ok(())
    }
}

/// Takes away what planners were shown, of one policy or of all; says how many there were.
pub(crate) fn reset(state: &Path, policy: Option<&Name>) -> Result<usize, Error> {
    let is_kept = |file: &PathBuf| file.extension().is_some_and(|end| end == "json");
    let is_of =
        |file: &PathBuf| policy.is_none_or(|policy| file.file_stem().is_some_and(|name| name == policy.as_str()));
    let mut count = 0;
    for file in listed(&folder(state))?.into_iter().filter(|file| is_kept(file) && is_of(file)) {
        let lock = private().write(true).create(true).open(file.with_extension("lock"))?;
        if lock.try_lock().is_err() {
            return Err(Error::input("planner.busy", "a session with a planner goes on").help("wait for its end"));
        }
        fs::remove_file(file)?;
        count += 1;
    }
    Ok(count)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Fails closed: what cannot be read could have been anything.
fn read(file: &Path) -> Result<Label, Error> {
    let mut text = String::new();
    match File::open(file).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Label::default()),
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    serde_json::from_str::<Kept>(&text).map(|kept| kept.context).map_err(|error| {
        Error::own(format!("what the planner was shown cannot be read: {error}"), "let it forget: `claw planner reset`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str) -> Label {
        serde_json::from_value(serde_json::json!({ "secrecy": [name], "origin": [name] })).unwrap()
    }

    #[test]
    fn a_context_only_grows_until_it_is_reset() {
        let state = tempfile::tempdir().unwrap();
        let (policy, other) = (Name::new("notes").unwrap(), Name::new("mail").unwrap());
        let open = |policy: &Name| Memory::open(state.path(), policy);
        let mut memory = open(&policy).unwrap();
        assert_eq!(memory.context, Label::default());
        memory.keep(&label("notes")).unwrap();
        memory.keep(&label("mail")).unwrap();
        // Not while another session has it; but another policy's.
        assert!(open(&policy).is_err() && reset(state.path(), None).is_err());
        assert_eq!(open(&other).unwrap().context, Label::default());
        drop(memory);
        let mut both = label("notes");
        both.join(&label("mail"));
        assert_eq!(open(&policy).unwrap().context, both);
        assert_eq!(reset(state.path(), Some(&other)).unwrap(), 0);
        assert_eq!(reset(state.path(), Some(&policy)).unwrap(), 1);
        assert_eq!(open(&policy).unwrap().context, Label::default());
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let state = tempfile::tempdir().unwrap();
        let policy = Name::new("notes").unwrap();
        let mut memory = Memory::open(state.path(), &policy).unwrap();
        memory.keep(&label("notes")).unwrap();
        fs::write(&memory.file, "{").unwrap();
        drop(memory);
        assert!(Memory::open(state.path(), &policy).is_err());
    }
}
