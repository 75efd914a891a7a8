//! What a planner that may remember has been shown: one context for each policy, which only grows until its user resets it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use claw_policy::{Label, Name, digest};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The most bytes of what is kept: names.
const BYTES_MAX: u64 = 1 << 20;

/// A planner's context, as it is kept. One session has it at a time.
#[derive(Debug)]
pub(crate) struct Memory {
    file: PathBuf,
    planner: String,
    context: Label,
    /// Held until the session ends: another one would not know what this one shows.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    planner: String,
    context: Label,
}

/// Where the contexts of planners are.
fn folder(state: &Path) -> PathBuf {
    state.join("planners")
}

impl Memory {
    /// Opens what the planner `planner` has been shown under the policy `policy`.
    pub(crate) fn open(state: &Path, policy: &Name, planner: &str) -> Result<Self, Error> {
        let folder = folder(state).join(policy.as_str());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let name = digest(planner.as_bytes()).replace(':', "-");
        let lock = private().write(true).create(true).open(folder.join(format!("{name}.lock")))?;
        if lock.try_lock().is_err() {
            return Err(Error::input(
                "planner.busy",
                format!("another session of `{planner}` goes on under this policy"),
            )
            .help("wait for its end: what it shows the planner counts here too"));
        }
        let file = folder.join(format!("{name}.json"));
        let context = read(&file)?;
        Ok(Self { file, planner: planner.to_owned(), context, _lock: lock })
    }

    /// What it has been shown.
    pub(crate) fn context(&self) -> &Label {
        &self.context
    }

    /// Keeps what it is about to be shown. On disk when this returns.
    pub(crate) fn keep(&mut self, context: &Label) -> io::Result<()> {
        let mut grown = self.context.clone();
        grown.join(context);
        if grown == self.context {
            return Ok(());
        }
        let kept = Kept { planner: self.planner.clone(), context: grown.clone() };
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
    let mut count = 0;
    for folder in listed(&folder(state))? {
        if policy.is_some_and(|policy| !folder.ends_with(policy.as_str())) {
            continue;
        }
        for file in listed(&folder)?.into_iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
            let lock = private().write(true).create(true).open(file.with_extension("lock"))?;
            if lock.try_lock().is_err() {
                return Err(Error::input("planner.busy", "a session with a planner goes on").help("wait for its end"));
            }
            fs::remove_file(file)?;
            count += 1;
        }
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
        let open = |policy: &Name, planner: &str| Memory::open(state.path(), policy, planner);
        let mut memory = open(&policy, "command:./a").unwrap();
        assert_eq!(*memory.context(), Label::default());
        memory.keep(&label("notes")).unwrap();
        memory.keep(&label("mail")).unwrap();
        // Not while another session has it; but another planner, and another policy.
        assert!(open(&policy, "command:./a").is_err() && reset(state.path(), None).is_err());
        assert_eq!(*open(&policy, "command:./b").unwrap().context(), Label::default());
        assert_eq!(*open(&other, "command:./a").unwrap().context(), Label::default());
        drop(memory);
        let mut both = label("notes");
        both.join(&label("mail"));
        assert_eq!(*open(&policy, "command:./a").unwrap().context(), both);
        assert_eq!(reset(state.path(), Some(&other)).unwrap(), 0);
        assert_eq!(reset(state.path(), Some(&policy)).unwrap(), 1);
        assert_eq!(*open(&policy, "command:./a").unwrap().context(), Label::default());
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let state = tempfile::tempdir().unwrap();
        let policy = Name::new("notes").unwrap();
        let mut memory = Memory::open(state.path(), &policy, "command:./a").unwrap();
        memory.keep(&label("notes")).unwrap();
        fs::write(&memory.file, "{").unwrap();
        drop(memory);
        assert!(Memory::open(state.path(), &policy, "command:./a").is_err());
    }
}
