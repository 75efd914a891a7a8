//! All that a record changes on a disk, behind one trait: tests put disks there that fail, and that lose what was not synced.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// What a record does to a disk. What is not synced may be lost when the machine stops: a file's bytes until
/// [`sync`](Disk::sync), and its name until [`sync_folder`](Disk::sync_folder) of the folder that it is in.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Makes a folder that is not there, for this user alone.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that is not there, for this user alone, to be appended to.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes at the end of a file, once: so many of the bytes were taken.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize>;
    /// Takes away all of a file but its first bytes.
    fn cut(&self, file: &File, bytes: u64) -> io::Result<()>;
    /// Returns once what a file holds is on disk.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Returns once the names in a folder are on disk.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in the place of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name, which nothing has.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a name away.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Takes a folder away, with all that is in it. No link is followed.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
}

/// The disks of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System;

impl Disk for System {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }
}

/// Writes all of `bytes` at the end of a file.
pub(crate) fn write_all(disk: &dyn Disk, file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match disk.write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a folder with those that it is in, as far as they are not there, each of them on disk when this returns.
pub(crate) fn make_folders(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    // A relative path ends in an empty one, which is the current folder.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folders(disk, parent)?;
    }
    match disk.make_folder(path) {
        // Another run made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    disk.sync_folder(parent.unwrap_or(Path::new(".")))
}

/// Puts what `fill` writes in the place of the file `name` of `folder`, whole or not at all.
///
/// Two at once would use one temporary file: who does it holds the lock of the log in that folder.
pub(crate) fn put(
    disk: &dyn Disk,
    folder: &Path,
    name: &str,
    fill: &mut dyn FnMut(&File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.tmp"));
    let file = match disk.create(&temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // One that was cut off left it.
            disk.remove(&temporary)?;
            disk.create(&temporary)?
        }
        made => made?,
    };
    let put = fill(&file).and_then(|()| disk.rename(&temporary, &folder.join(name)));
    if put.is_err() {
        // The first error is the one to tell.
        let _left = disk.remove(&temporary);
    }
    put
}

/// The same with `bytes`, which are on disk when this returns.
pub(crate) fn put_synced(disk: &dyn Disk, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    put(disk, folder, name, &mut |file| write_all(disk, file, bytes).and_then(|()| disk.sync(file)))?;
    disk.sync_folder(folder)
}
