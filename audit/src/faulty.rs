//! A disk for tests: any one operation fails, and of what was not synced any part is lost.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, System};
use crate::losses::{Done, Lost, Model};

/// What an operation does instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A write takes half of the bytes; anything else is done.
    Short,
    /// A write takes half of the bytes, and nothing that needs room is done from then on.
    NoSpace,
    /// It fails, and what was to be synced never is.
    Io,
}

/// The disk of this machine, with a fault at one operation, and a journal of what was done. It waits for no sync.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<(usize, Fault)>,
    /// Operations so far.
    count: usize,
    journal: Vec<Done>,
    /// Which file each inode is now: a number that is used again is another file.
    files: BTreeMap<u64, usize>,
    next: usize,
}

impl Faulty {
    /// With this fault at the operation of this number, from 0.
    pub(crate) fn with(fault: Fault, at: usize) -> Self {
        let disk = Self::default();
        disk.state().fault = Some((at, fault));
        disk
    }

    /// Over what is in `folder`, all of it on disk.
    pub(crate) fn over(folder: &Path) -> Self {
        let disk = Self::default();
        disk.import(folder);
        disk
    }

    fn import(&self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("folders can be read") {
            let path = entry.expect("folders can be read").path();
            let mut state = self.state();
            if path.is_dir() {
                state.journal.extend([Done::MakeFolder(path.clone()), Done::SyncFolder(folder.to_owned())]);
                drop(state);
                self.import(&path);
            } else {
                let (number, bytes) = (state.next, fs::read(&path).expect("files can be read"));
                state.files.insert(fs::metadata(&path).expect("it is there").ino(), number);
                state.next += 1;
                let made = [Done::Create(path, number), Done::Write(number, bytes), Done::Sync(number)];
                state.journal.extend(made);
                state.journal.push(Done::SyncFolder(folder.to_owned()));
            }
        }
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> usize {
        self.state().count
    }

    /// How long the journal is.
    pub(crate) fn done(&self) -> usize {
        self.state().journal.len()
    }

    /// Makes in `to` what is left of the folder `from` when the machine stops after the first `done` of what was done there.
    pub(crate) fn left(&self, done: usize, from: &Path, to: &Path, lost: &mut dyn Lost) {
        let mut model = Model::default();
        for entry in self.state().journal.iter().take(done) {
            model.take(entry);
        }
        model.write(from, to, lost);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation, and says what it does.
    fn next(&self, kind: Kind) -> Now {
        let mut state = self.state();
        let number = state.count;
        state.count += 1;
        let Some((at, fault)) = state.fault.filter(|(at, _)| number >= *at) else { return Now::Done };
        match (fault, kind) {
            (Fault::NoSpace, Kind::Write) if number == at => Now::Half,
            (Fault::NoSpace, Kind::Write | Kind::Name) => Now::Fails(io::ErrorKind::StorageFull.into()),
            (Fault::Io, _) if number == at => Now::Fails(io::Error::from_raw_os_error(5)),
            (Fault::Short, Kind::Write) if number == at => Now::Half,
            _ => Now::Done,
        }
    }

    /// An operation that is done and noted, if nothing is wrong.
    fn act<T>(
        &self,
        kind: Kind,
        act: impl FnOnce() -> io::Result<T>,
        note: impl FnOnce(&mut State, &T),
    ) -> io::Result<T> {
        if let Now::Fails(error) = self.next(kind) {
            return Err(error);
        }
        let done = act()?;
        note(&mut self.state(), &done);
        Ok(done)
    }

    fn file(&self, file: &File) -> usize {
        let inode = file.metadata().expect("an open file has an inode").ino();
        *self.state().files.get(&inode).expect("it was made on this disk")
    }
}

/// What an operation needs.
#[derive(Clone, Copy)]
enum Kind {
    /// Room for bytes.
    Write,
    /// Room for a name.
    Name,
    /// None.
    Free,
}

/// What comes of one.
enum Now {
    Done,
    Half,
    Fails(io::Error),
}

impl Disk for Faulty {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let note = |state: &mut State, _: &()| state.journal.push(Done::MakeFolder(path.to_owned()));
        self.act(Kind::Name, || System.make_folder(path), note)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.act(
            Kind::Name,
            || System.create(path),
            |state, file| {
                let inode = file.metadata().expect("an open file has an inode").ino();
                state.files.insert(inode, state.next);
                state.journal.push(Done::Create(path.to_owned(), state.next));
                state.next += 1;
            },
        )
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        let number = self.file(file);
        let taken = match self.next(Kind::Write) {
            Now::Done => bytes,
            Now::Half => &bytes[..bytes.len().div_ceil(2)],
            Now::Fails(error) => return Err(error),
        };
        System.write(file, taken)?;
        self.state().journal.push(Done::Write(number, taken.to_vec()));
        Ok(taken.len())
    }

    fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
        let number = self.file(file);
        self.act(Kind::Free, || System.cut(file, bytes), |state, ()| state.journal.push(Done::Cut(number, bytes)))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let number = self.file(file);
        let synced = self.act(Kind::Free, || Ok(()), |state, ()| state.journal.push(Done::Sync(number)));
        synced.inspect_err(|_| self.state().journal.push(Done::Unsynced(number)))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let note = |state: &mut State, _: &()| state.journal.push(Done::SyncFolder(path.to_owned()));
        self.act(Kind::Free, || Ok(()), note)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let note = |state: &mut State, _: &()| state.journal.push(Done::Rename(from.to_owned(), to.to_owned()));
        self.act(Kind::Name, || System.rename(from, to), note)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let note = |state: &mut State, _: &()| state.journal.push(Done::Link(from.to_owned(), to.to_owned()));
        self.act(Kind::Name, || System.link(from, to), note)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let note = |state: &mut State, _: &()| state.journal.push(Done::Remove(path.to_owned()));
        self.act(Kind::Free, || System.remove(path), note)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?.path();
            if fs::symlink_metadata(&entry)?.is_dir() { self.remove_folder(&entry)? } else { self.remove(&entry)? }
        }
        let note = |state: &mut State, _: &()| state.journal.push(Done::Remove(path.to_owned()));
        self.act(Kind::Free, || fs::remove_dir(path), note)
    }
}
