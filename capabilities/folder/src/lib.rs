//! The folder that a file capability is granted, as its guest sees it: paths, a walk, and failures in words.

mod failure;
mod path;
mod walk;

pub use failure::Failure;
pub use path::RelativePath;
pub use walk::{MAX_DEPTH, MAX_FILES};

use std::fs::{self, Metadata};
use std::path::PathBuf;

/// All that a capability is granted of the file system.
///
/// A guest sees its only folder as `/`, or several as `/name` each, and then there is no `/`. Plans know nothing of this:
/// their paths are relative.
pub struct Folder {
    root: PathBuf,
    mounts: Vec<RelativePath>,
}

impl Folder {
    /// What the host has granted to this guest.
    pub fn granted() -> Self {
        let mounts =
            mounted().iter().filter_map(|path| RelativePath::parse(path.trim_start_matches('/')).ok()).collect();
        Self { root: PathBuf::from("/"), mounts }
    }

    /// A folder to test with, granted whole where `mounts` is empty, and otherwise only in the folders it names.
    ///
    /// # Errors
    ///
    /// If one of `mounts` is not a relative path.
    pub fn for_tests(root: impl Into<PathBuf>, mounts: &[&str]) -> Result<Self, Failure> {
        let mounts = if mounts.is_empty() { &[""] } else { mounts };
        Ok(Self {
            root: root.into(),
            mounts: mounts.iter().map(|name| RelativePath::parse(name)).collect::<Result<_, _>>()?,
        })
    }

    /// Where `path` is in the guest's own file system.
    pub fn locate(&self, path: &RelativePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// What is at `path`. A symbolic link is not followed.
    ///
    /// # Errors
    ///
    /// If there is nothing, or it may not be seen.
    pub fn metadata(&self, path: &RelativePath) -> Result<Metadata, Failure> {
        fs::symlink_metadata(self.locate(path)).map_err(|error| Failure::of(&error, path.as_str()))
    }
}

/// Where the host has mounted folders. The standard library does not tell.
#[cfg(target_family = "wasm")]
fn mounted() -> Vec<String> {
    wasip2::filesystem::preopens::get_directories().into_iter().map(|(_, path)| path).collect()
}

/// Outside a sandbox, where the guests are only compiled and tested, nothing is.
#[cfg(not(target_family = "wasm"))]
fn mounted() -> Vec<String> {
    Vec::new()
}
