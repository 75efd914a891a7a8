//! Walks a path to where something is to be written: one open folder after the other, and over no link.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use super::path::join;

/// A folder on the way: opened only to be walked through, and no link.
const THROUGH: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(SEARCH);
#[cfg(target_os = "linux")]
const SEARCH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const SEARCH: OFlags = OFlags::RDONLY;

/// Where a path leads to.
#[derive(Debug)]
pub(super) enum Walked {
    /// To the name `name`, which may not exist or be a link, in the folder `parent`.
    To(End),
    /// A name on the way is a link.
    Link,
    /// Above the folder that it started in.
    Escape,
    /// Nowhere.
    Failed(Errno),
}

/// The end of a walk.
#[derive(Debug)]
pub(super) struct End {
    /// The folder that holds `name`; `None` is the one that the walk started in.
    pub(super) parent: Option<OwnedFd>,
    /// One name, or `.`.
    pub(super) name: String,
    /// The path ended in a slash: what it names has to be a folder.
    pub(super) slash: bool,
    /// The path inside the granted folder.
    pub(super) path: String,
}

impl End {
    /// The name, with the slash that the path ended in.
    pub(super) fn slashed(&self) -> String {
        if self.slash { format!("{}/", self.name) } else { self.name.clone() }
    }
}

/// Walks `path` from `start`, which is `base` in its granted folder. What is walked through is held open, so that nobody
/// can put a link there after it was looked at.
pub(super) fn walk(start: &File, base: &str, path: &str) -> Walked {
    if path.is_empty() {
        return Walked::Failed(Errno::NOENT);
    }
    if path.starts_with('/') {
        return Walked::Escape;
    }
    let mut folders: Vec<OwnedFd> = Vec::new();
    let mut name: Option<&str> = None;
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        // What was the last name so far has to be a folder, also before a `..`.
        if let Some(through) = name.take() {
            let here = folders.last().map_or(start.as_fd(), AsFd::as_fd);
            match step(here, through) {
                Ok(folder) => folders.push(folder),
                Err(walked) => return walked,
            }
        }
        if part != ".." {
            name = Some(part);
        } else if folders.pop().is_none() {
            return Walked::Escape;
        }
    }
    let Some(joined) = join(base, path) else { return Walked::Escape };
    let slash = name.is_some() && (path.ends_with('/') || path.ends_with("/."));
    Walked::To(End { parent: folders.pop(), name: name.unwrap_or(".").to_owned(), slash, path: joined })
}

/// Opens the folder `name` in `here`, unless it is a link.
fn step(here: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Walked> {
    openat(here, name, THROUGH, Mode::empty()).map_err(|error| match error {
        Errno::NOTDIR | Errno::LOOP if is_link(here, name) => Walked::Link,
        error => Walked::Failed(error),
    })
}

fn is_link(here: BorrowedFd<'_>, name: &str) -> bool {
    statat(here, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}
