//! Attacks on the host layer: by calling its methods as a guest's calls would, and by components in text.

mod components;
mod inert;
mod paths;
mod peers;
mod replays;
mod streams;
mod writes;

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptor, HostDirectoryEntryStream, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsResult, StreamError};
use wasmtime_wasi_io::bindings::wasi::io;

use super::*;

/// Settings with the defaults of a policy and no folder.
fn settings() -> Settings {
    Settings {
        folders: Vec::new(),
        connects: false,
        limits: Limits::default(),
        written_left: 1 << 20,
        files_left: 100,
        clock_ms: 1_700_000_000_000,
        seed: [7; 32],
        tape: None,
        outside: None,
    }
}

fn folder(guest_path: &str, dir: &Path, write: bool) -> Folder {
    let dir = Some(File::open(dir).unwrap());
    Folder { guest_path: guest_path.to_owned(), dir, write, dotfiles: false, files: None }
}

/// What a future gives that does all its work at once, as every one of the host's does.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the host waited for something"),
    }
}

/// What a guest with one folder does.
struct Guest {
    host: Host,
    root: Resource<Descriptor>,
}

/// How something is opened.
#[derive(Clone, Copy)]
enum How {
    Read,
    Write,
    Create,
    Truncate,
    CreateNew,
    Folder,
}
use How::{Create, Folder as Directory, Read, Write};

impl How {
    fn flags(self) -> (OpenFlags, DescriptorFlags) {
        match self {
            Read => (OpenFlags::empty(), DescriptorFlags::READ),
            Write => (OpenFlags::empty(), DescriptorFlags::WRITE),
            Create => (OpenFlags::CREATE, DescriptorFlags::WRITE),
            Self::Truncate => (OpenFlags::TRUNCATE, DescriptorFlags::READ),
            Self::CreateNew => (OpenFlags::CREATE | OpenFlags::EXCLUSIVE, DescriptorFlags::READ),
            Directory => (OpenFlags::DIRECTORY, DescriptorFlags::READ),
        }
    }
}

impl Guest {
    fn new(settings: Settings) -> Self {
        let mut host = Host::new(settings);
        let root = host.get_directories().unwrap().remove(0).0;
        Self { host, root }
    }

    fn reader(dir: &Path) -> Self {
        Self::new(Settings { folders: vec![folder("/", dir, false)], ..settings() })
    }

    fn writer(dir: &Path) -> Self {
        Self::new(Settings { folders: vec![folder("/", dir, true)], ..settings() })
    }

    fn root(&self) -> Resource<Descriptor> {
        same(&self.root)
    }

    fn open(&mut self, path: &str, how: How) -> FsResult<Resource<Descriptor>> {
        let root = self.root();
        self.open_in(&root, path, how)
    }

    fn open_in(&mut self, fd: &Resource<Descriptor>, path: &str, how: How) -> FsResult<Resource<Descriptor>> {
        let (open, flags) = how.flags();
        now(self.host.open_at(same(fd), PathFlags::SYMLINK_FOLLOW, path.to_owned(), open, flags))
    }

    fn read(&mut self, path: &str) -> FsResult<String> {
        let file = self.open(path, Read)?;
        let (bytes, _) = now(self.host.read(same(&file), 1 << 40, 0))?;
        HostDescriptor::drop(&mut self.host, file).unwrap();
        Ok(String::from_utf8(bytes).unwrap())
    }

    fn write(&mut self, path: &str, text: &str) -> FsResult<u64> {
        let file = self.open(path, Create)?;
        let written = now(self.host.write(same(&file), text.into(), 0));
        HostDescriptor::drop(&mut self.host, file).unwrap();
        written
    }

    /// Every method that takes a path and only reads.
    fn looks(&mut self, path: &str) -> Vec<(&'static str, FsResult<()>)> {
        let path = path.to_owned();
        let (follow, fd) = (PathFlags::SYMLINK_FOLLOW, self.root());
        vec![
            ("open", self.open(&path, Read).map(drop)),
            ("open a folder", self.open(&path, Directory).map(drop)),
            ("stat", now(self.host.stat_at(same(&fd), follow, path.clone())).map(drop)),
            ("readlink", now(self.host.readlink_at(same(&fd), path.clone())).map(drop)),
            ("metadata-hash", now(self.host.metadata_hash_at(fd, follow, path)).map(drop)),
        ]
    }

    /// Every method that takes a path and changes what is there; `inside` is a file that may be changed.
    fn changes(&mut self, path: &str, inside: &str) -> Vec<(&'static str, FsResult<()>)> {
        let (path, inside) = (path.to_owned(), inside.to_owned());
        let (follow, none) = (PathFlags::SYMLINK_FOLLOW, PathFlags::empty());
        let fd = || Resource::<Descriptor>::new_borrow(0);
        assert_eq!(self.root.rep(), 0);
        let host = &mut self.host;
        let (now_, keep) = (NewTimestamp::Now, NewTimestamp::NoChange);
        vec![
            ("mkdir", now(host.create_directory_at(fd(), path.clone()))),
            ("rmdir", now(host.remove_directory_at(fd(), path.clone()))),
            ("set-times", now(host.set_times_at(fd(), follow, path.clone(), now_, keep))),
            ("symlink", now(host.symlink_at(fd(), inside.clone(), path.clone()))),
            ("link to it", now(host.link_at(fd(), none, inside.clone(), fd(), path.clone()))),
            ("link from it", now(host.link_at(fd(), none, path.clone(), fd(), "new-link".to_owned()))),
            ("rename to it", now(host.rename_at(fd(), inside, fd(), path.clone()))),
            ("rename from it", now(host.rename_at(fd(), path.clone(), fd(), "new-name".to_owned()))),
            ("unlink", now(host.unlink_file_at(fd(), path.clone()))),
            ("write", self.open(&path, Write).map(drop)),
            ("create", self.open(&path, Create).map(drop)),
            ("truncate", self.open(&path, How::Truncate).map(drop)),
            ("create new", self.open(&path, How::CreateNew).map(drop)),
        ]
    }

    fn denied(&self) -> Option<Rule> {
        self.host.denied.as_ref().map(|denied| denied.rule)
    }

    /// The rule of the refusal since the last one that was taken.
    fn take_denied(&mut self) -> Option<Rule> {
        self.host.denied.take().map(|denied| denied.rule)
    }
}

/// The error that a guest is given.
#[track_caller]
fn code<T>(result: FsResult<T>) -> ErrorCode {
    match result {
        Ok(_) => panic!("it was allowed"),
        Err(error) => error.downcast().unwrap(),
    }
}

/// The stop that a call was trapped with.
#[track_caller]
fn stop<T>(result: FsResult<T>) -> Stop {
    match result {
        Ok(_) => panic!("it was allowed"),
        Err(error) => error.downcast().unwrap_err().downcast().unwrap(),
    }
}

#[track_caller]
fn stream_stop<T>(result: Result<T, StreamError>) -> Stop {
    match result {
        Err(StreamError::Trap(error)) => error.downcast().unwrap(),
        Ok(_) => panic!("it was allowed"),
        Err(error) => panic!("{error}"),
    }
}

/// A folder `grant` with `file` and `sub/inner` in it, and a `secret` beside it.
fn tree() -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    fs::create_dir_all(outer.path().join("grant/sub")).unwrap();
    fs::write(outer.path().join("grant/file"), "file").unwrap();
    fs::write(outer.path().join("grant/sub/inner"), "inner").unwrap();
    fs::write(outer.path().join("secret"), "secret").unwrap();
    outer
}
