//! Lists folders: all entries at once, bounded and sorted by name, so that run and replay cannot differ.

use std::vec;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};
use wasmtime_wasi::p2::{FsError, FsResult, ReaddirIterator};

use super::answer::Entry;
use super::{Host, answer_files};

/// Entries of all listings that a step holds at a time; beyond, a listing fails with `insufficient-memory`. They are
/// some 100 bytes each on the host, and no other limit counts them.
const ENTRIES_MAX: usize = 100_000;

/// The folder that is listed, opened anew: reading moves the place that a descriptor is read from.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A listing that the guest reads. It stands in the table where wasmtime would have a `ReaddirIterator`, which collects
/// without bound, looks at each entry's metadata, and keeps the order of the disk.
struct Listing {
    entries: vec::IntoIter<Entry>,
    /// How many it had.
    len: usize,
}

impl Host {
    /// A listing of the folder `fd`.
    pub(super) fn list(&mut self, fd: &Resource<Descriptor>) -> FsResult<Resource<ReaddirIterator>> {
        let dir = self.dir(fd)?;
        let entries = entries(&dir, ENTRIES_MAX - self.listed)?;
        Ok(self.hold_listing(entries)?)
    }

    /// A listing of `entries`.
    pub(super) fn hold_listing(
        &mut self,
        entries: Vec<Entry>,
    ) -> Result<Resource<ReaddirIterator>, ResourceTableError> {
        let len = entries.len();
        let listing = self.table.push(Listing { entries: entries.into_iter(), len })?;
        self.listed += len;
        Ok(Resource::new_own(listing.rep()))
    }

    /// What a listing still has.
    pub(super) fn entries_of(&self, listing: &Resource<ReaddirIterator>) -> Vec<Entry> {
        let listing = self.table.get(&Resource::<Listing>::new_borrow(listing.rep()));
        listing.map(|listing| listing.entries.as_slice().to_vec()).unwrap_or_default()
    }

    /// Its next entry. A name that is not UTF-8 is an `illegal-byte-sequence`, and the one after it can be read.
    pub(super) fn next_entry(&mut self, listing: &Resource<ReaddirIterator>) -> FsResult<Option<DirectoryEntry>> {
        let listing = self.table.get_mut(&Resource::<Listing>::new_borrow(listing.rep()))?;
        let Some(Entry { name, kind }) = listing.entries.next() else { return Ok(None) };
        let name = name.ok_or(ErrorCode::IllegalByteSequence)?;
        Ok(Some(DirectoryEntry { type_: answer_files::kind(kind).unwrap_or(DescriptorType::Unknown), name }))
    }

    /// Drops it.
    pub(super) fn drop_listing(&mut self, listing: &Resource<ReaddirIterator>) -> Result<()> {
        let listing = self.table.delete(Resource::<Listing>::new_own(listing.rep()))?;
        self.listed -= listing.len;
        Ok(())
    }
}

/// The entries of `dir`, sorted by name, without `.` and `..`; at most `most`.
fn entries(dir: &Dir, most: usize) -> FsResult<Vec<Entry>> {
    let mut entries = Vec::new();
    let folder = openat(&*dir.dir, ".", FOLDER, Mode::empty()).map_err(failed)?;
    for entry in rustix::fs::Dir::new(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if entries.len() == most {
            return Err(ErrorCode::InsufficientMemory.into());
        }
        let kind = match entry.file_type() {
            // Some file systems keep no types in their folders.
            FileType::Unknown => statat(&*dir.dir, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
            kind => kind,
        };
        entries.push((name.to_bytes().to_owned(), descriptor_type(kind)));
    }
    entries.sort_unstable_by(|(a, _): &(Vec<u8>, _), (b, _)| a.cmp(b));
    let entry =
        |(name, kind): (Vec<u8>, DescriptorType)| Entry { name: String::from_utf8(name).ok(), kind: kind as u8 };
    Ok(entries.into_iter().map(entry).collect())
}

/// The system's error as the guest's.
pub(super) fn failed(error: Errno) -> FsError {
    std::io::Error::from(error).into()
}

fn descriptor_type(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}
