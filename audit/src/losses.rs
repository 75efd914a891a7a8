//! What a disk may hold after the machine stopped: of what was not synced, any part is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::disk::{Disk as _, System, write_all};

/// Something that was done to the disk.
#[derive(Clone, Debug)]
pub(crate) enum Done {
    MakeFolder(PathBuf),
    Create(PathBuf, usize),
    Write(usize, Vec<u8>),
    Cut(usize, u64),
    Sync(usize),
    /// A sync that failed: what it should have synced may never be.
    Unsynced(usize),
    SyncFolder(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// What of the things that were not synced is lost.
pub(crate) trait Lost {
    /// Whether a change of a name is; the last one of them, or one before.
    fn name(&mut self, is_last: bool) -> bool;
    /// What of a file comes to the disk, of which `synced` is there, and `written` was written.
    fn bytes(&mut self, synced: &[u8], written: &[u8]) -> Vec<u8>;
}

/// What a disk holds, and what of it is sure to be there.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The synced bytes of each file, and those that were written.
    files: BTreeMap<usize, (Vec<u8>, Vec<u8>)>,
    /// Files whose sync failed: none of theirs succeeds for sure.
    unsynced: Vec<usize>,
    /// What each name is. `None` is a folder.
    names: BTreeMap<PathBuf, Option<usize>>,
    /// Changes of names that are not synced, in their order.
    changes: Vec<Change>,
    /// What each name is when all of them are done.
    now: BTreeMap<PathBuf, Option<usize>>,
}

#[derive(Clone, Debug)]
struct Change {
    gone: Option<PathBuf>,
    new: Option<(PathBuf, Option<usize>)>,
}

impl Change {
    fn folder(&self) -> Option<&Path> {
        self.new.as_ref().map(|(path, _)| path.as_path()).or(self.gone.as_deref())?.parent()
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Option<usize>>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((path, what)) = &self.new {
            names.insert(path.clone(), *what);
        }
    }
}

impl Model {
    /// Does what was done.
    pub(crate) fn take(&mut self, done: &Done) {
        let written = |model: &mut Self, file: &usize, change: &dyn Fn(&mut Vec<u8>)| {
            change(&mut model.files.entry(*file).or_default().1);
        };
        match done {
            Done::MakeFolder(path) => self.change(None, Some((path.clone(), None))),
            Done::Create(path, file) => {
                self.files.insert(*file, Default::default());
                self.change(None, Some((path.clone(), Some(*file))));
            }
            Done::Write(file, bytes) => written(self, file, &|to| to.extend(bytes)),
            Done::Cut(file, bytes) => written(self, file, &|to| to.truncate(usize::try_from(*bytes).unwrap())),
            Done::Sync(file) if !self.unsynced.contains(file) => {
                let (synced, written) = self.files.entry(*file).or_default();
                synced.clone_from(written);
            }
            Done::Sync(_) => {}
            Done::Unsynced(file) => self.unsynced.push(*file),
            Done::SyncFolder(folder) => {
                let changes = std::mem::take(&mut self.changes);
                let (synced, left): (Vec<_>, Vec<_>) =
                    changes.into_iter().partition(|change| change.folder() == Some(folder));
                self.changes = left;
                synced.iter().for_each(|change| change.apply(&mut self.names));
            }
            Done::Rename(from, to) => self.change(Some(from.clone()), Some((to.clone(), self.now[from]))),
            Done::Link(from, to) => self.change(None, Some((to.clone(), self.now[from]))),
            Done::Remove(path) => self.change(Some(path.clone()), None),
        }
    }

    fn change(&mut self, gone: Option<PathBuf>, new: Option<(PathBuf, Option<usize>)>) {
        let change = Change { gone, new };
        change.apply(&mut self.now);
        self.changes.push(change);
    }

    /// Makes in `to` what is left of `from`.
    pub(crate) fn write(mut self, from: &Path, to: &Path, lost: &mut dyn Lost) {
        let changes = std::mem::take(&mut self.changes);
        let last = changes.len().saturating_sub(1);
        let kept = changes.iter().enumerate().filter(|(number, _)| !lost.name(*number == last));
        kept.for_each(|(_, change)| change.apply(&mut self.names));
        // A folder comes before what is in it.
        for (name, what) in &self.names {
            let path = to.join(name.strip_prefix(from).expect("all of it is in one folder"));
            if !path.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match what {
                None => System.make_folder(&path).expect("folders can be made"),
                Some(file) => {
                    let (synced, written) = &self.files[file];
                    let bytes = if synced == written { synced.clone() } else { lost.bytes(synced, written) };
                    let file = System.create(&path).expect("files can be made");
                    write_all(&System, &file, &bytes).expect("files can be written");
                }
            }
        }
    }
}
