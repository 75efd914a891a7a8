//! What a guest can try with a path: every operation of `wasi:filesystem` that takes one.

pub mod http;

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

pub use wasip2::filesystem::types::{Descriptor, ErrorCode};

/// The granted folder that is seen at `path`.
pub fn granted(path: &str) -> Descriptor {
    let found = get_directories().into_iter().find(|(_, at)| at == path);
    found.unwrap_or_else(|| panic!("`{path}` is not granted")).0
}

/// What came of an operation.
pub type Tried = (&'static str, Result<(), ErrorCode>);

/// Everything that looks at what is at `path`, from `dir` on; links are followed, and not.
pub fn look(dir: &Descriptor, path: &str) -> Vec<Tried> {
    let mut tried = Vec::new();
    for follow in [PathFlags::empty(), PathFlags::SYMLINK_FOLLOW] {
        for open in [OpenFlags::empty(), OpenFlags::DIRECTORY] {
            let opened = dir.open_at(follow, path, open, DescriptorFlags::READ);
            tried.push(("open", opened.map(drop)));
        }
        tried.push(("stat", dir.stat_at(follow, path).map(drop)));
        tried.push(("hash", dir.metadata_hash_at(follow, path).map(drop)));
    }
    tried
}

/// Everything that changes what is at `path`, from `dir` on, or makes something there; `own` is a file in `dir`.
pub fn change(dir: &Descriptor, own: &str, path: &str) -> Vec<Tried> {
    let mut tried = Vec::new();
    let now = NewTimestamp::Now;
    for follow in [PathFlags::empty(), PathFlags::SYMLINK_FOLLOW] {
        for open in [
            OpenFlags::empty(),
            OpenFlags::CREATE,
            OpenFlags::TRUNCATE,
            OpenFlags::CREATE | OpenFlags::TRUNCATE,
            OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
        ] {
            let opened = dir.open_at(follow, path, open, DescriptorFlags::READ | DescriptorFlags::WRITE);
            tried.push(("open to write", opened.map(drop)));
        }
        tried.push(("set times", dir.set_times_at(follow, path, now, now)));
        tried.push(("link from", dir.link_at(follow, path, dir, "planted")));
        tried.push(("link to", dir.link_at(PathFlags::empty(), own, dir, path)));
    }
    tried.push(("make a folder", dir.create_directory_at(path)));
    tried.push(("remove a folder", dir.remove_directory_at(path)));
    tried.push(("unlink", dir.unlink_file_at(path)));
    tried.push(("rename from", dir.rename_at(path, dir, "planted")));
    tried.push(("rename to", dir.rename_at(own, dir, path)));
    tried.push(("make a link", dir.symlink_at("target", path)));
    tried
}

/// Panics if one of them was done.
pub fn none_is_done(path: &str, tried: Vec<Tried>) {
    for (what, result) in tried {
        assert!(result.is_err(), "{what} `{path}` was done");
    }
}
