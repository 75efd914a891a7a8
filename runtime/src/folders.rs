//! The folders that a policy grants: opened once, checked as opened, and handed on as descriptors.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, MetadataExt as _};
use claw_policy::{Document, Folder, LoadError, Name};

/// Everything that names of folders are resolved against.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder that the policy file is in.
    pub base: PathBuf,
    /// The user's home folder, for `~/`.
    pub home: Option<PathBuf>,
    /// What `--dir NAME=PATH` gave.
    pub binds: BTreeMap<Name, PathBuf>,
    /// What no grant may overlap: claw's own folders.
    pub private: Vec<PathBuf>,
    /// What no write grant may contain: the policy, its components, claw's program.
    pub protected: Vec<PathBuf>,
    /// Files with secrets, which no grant may contain.
    pub secrets: Vec<PathBuf>,
    /// Whether folders that a grant creates are made now. Only a run makes them: a check has no effect.
    pub make: bool,
}

/// The folders of one policy, open.
#[derive(Debug, Default)]
pub struct Folders {
    opened: Vec<(Name, Opened)>,
    /// Folders that only a run makes, and where they will be.
    missing: Vec<(Name, PathBuf)>,
}

#[derive(Debug)]
struct Opened {
    dir: Dir,
    real: PathBuf,
}

/// A folder by what it is, whatever its name: device and inode.
type Identity = (u64, u64);

impl Folders {
    /// Opens every folder that a policy grants.
    ///
    /// Links are followed here, once, since the policy's author is trusted; what is opened is what is checked and granted.
    ///
    /// # Errors
    /// Every folder that is missing, is none, or may not be granted.
    ///
    /// # Ambient Authority
    /// Opens folders by path.
    pub fn open(document: &Document, places: &Places) -> Result<Self, Vec<LoadError>> {
        let (mut opened, mut missing, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for grant in document.folders() {
            let (name, span) = (grant.grant, grant.span);
            let error = |rule, message: String, help: &str| LoadError::new(rule, span.clone(), message).help(help);
            let path = match path(&grant.folder, places) {
                Ok(path) => path,
                Err(message) => {
                    errors.push(error(
                        "grant.folder",
                        format!("the folder of `{name}` is not known: {message}"),
                        "give it with `--dir NAME=PATH`",
                    ));
                    continue;
                }
            };
            if grant.create && !path.exists() {
                // What is not there cannot be followed: `missing/../notes` would become another folder than it is now.
                let leads_back = path.components().any(|part| part == std::path::Component::ParentDir);
                let allowed = if leads_back && !is_plain(&path) {
                    Err("its path has `..` in a part that is not there yet".to_owned())
                } else {
                    may_be_made(&path, places)
                };
                if let Err(message) = allowed {
                    errors.push(error(
                        "grant.protected",
                        format!("`{name}` cannot be granted: {message}"),
                        "grant a folder beside it",
                    ));
                    continue;
                }
                if !places.make {
                    missing.push((name, would_be(&path)));
                    continue;
                }
                if let Err(why) = std::fs::create_dir_all(&path) {
                    errors.push(error(
                        "grant.folder",
                        format!("the folder of `{name}` cannot be made: {why}"),
                        "check the path",
                    ));
                    continue;
                }
            }
            match open(&path) {
                Ok(folder) => {
                    if let Err(message) = allowed(&folder, grant.writes, places) {
                        errors.push(error(
                            "grant.protected",
                            format!("`{name}` cannot be granted: {message}"),
                            "grant a folder below or beside it",
                        ));
                    }
                    opened.push((name, folder));
                }
                Err(why) => {
                    let message = format!("the folder of `{name}`, `{}`, cannot be opened: {why}", shown(&path));
                    let help = if grant.writes {
                        "make the folder, or write `create = true` in the grant"
                    } else {
                        "make the folder, or correct `dir`"
                    };
                    errors.push(error("grant.folder", message, help));
                }
            }
        }
        if errors.is_empty() { Ok(Self { opened, missing }) } else { Err(errors) }
    }

    /// The grants whose folders are one, or lie one in the other: by what was opened, whatever it is called.
    pub fn overlaps(&self) -> Vec<(Name, Name)> {
        let opened = self.opened.iter().map(|(name, folder)| (name, folder.real.as_path()));
        let all: Vec<(&Name, &Path, Vec<Identity>)> = opened
            .chain(self.missing.iter().map(|(name, path)| (name, path.as_path())))
            .map(|(name, path)| (name, path, path.ancestors().filter_map(identity).collect()))
            .collect();
        let own = |path: &Path| identity(path);
        let mut pairs = Vec::new();
        for (index, (a, a_path, a_above)) in all.iter().enumerate() {
            for (b, b_path, b_above) in all.iter().skip(index + 1) {
                let inside = own(a_path).is_some_and(|a| b_above.contains(&a))
                    || own(b_path).is_some_and(|b| a_above.contains(&b));
                if inside || a_path.starts_with(b_path) || b_path.starts_with(a_path) {
                    pairs.push(((*a).clone(), (*b).clone()));
                }
            }
        }
        pairs
    }

    /// Where the folder of a grant really is.
    pub fn real_path(&self, grant: &Name) -> Option<&Path> {
        self.opened.iter().find(|(name, _)| name == grant).map(|(_, folder)| folder.real.as_path())
    }

    /// The descriptors, in the order of [`position`](Self::position).
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.opened.iter().map(|(_, folder)| folder.dir.as_fd()).collect()
    }

    /// Which of the descriptors is a grant's.
    pub(crate) fn position(&self, grant: &Name) -> Option<usize> {
        self.opened.iter().position(|(name, _)| name == grant)
    }
}

fn path(folder: &Folder, places: &Places) -> Result<PathBuf, String> {
    match folder {
        Folder::Bind(bind) => places
            .binds
            .get(&bind.bind)
            .cloned()
            .ok_or_else(|| format!("`{}` is given when a run starts, and was not", bind.bind)),
        Folder::Path(text) => match (text.strip_prefix("~/"), &places.home) {
            (Some(rest), Some(home)) => Ok(home.join(rest)),
            (Some(_), None) => Err("there is no home folder for `~/`".to_owned()),
            (None, _) => Ok(places.base.join(text)),
        },
    }
}

/// Whether a folder that is not there yet may be made where it would be.
fn may_be_made(path: &Path, places: &Places) -> Result<(), String> {
    let above = ancestors(path);
    match places.private.iter().find(|private| identity(private).is_some_and(|private| above.contains(&private))) {
        Some(private) => Err(format!("it would be in claw's own folder `{}`", shown(private))),
        None => Ok(()),
    }
}

/// Whether the part of a path that is not there has no `..`.
fn is_plain(path: &Path) -> bool {
    let missing = path.ancestors().take_while(|part| !part.exists()).last();
    let rest = missing.and_then(|missing| path.strip_prefix(missing.parent()?).ok());
    rest.is_some_and(|rest| !rest.components().any(|part| part == std::path::Component::ParentDir))
}

/// Where a folder that is not there yet will be: as far as the path exists, what it really is.
fn would_be(path: &Path) -> PathBuf {
    let real =
        path.ancestors().find_map(|part| Some((std::fs::canonicalize(part).ok()?, path.strip_prefix(part).ok()?)));
    real.map_or_else(|| path.to_owned(), |(real, rest)| real.join(rest))
}

fn open(path: &Path) -> std::io::Result<Opened> {
    // `open_ambient_dir` asks for a folder and nothing else, so a FIFO or a device here is an error, and no wait.
    let dir = Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
    let real = match real_path(&dir) {
        Some(real) => real,
        None => std::fs::canonicalize(path)?,
    };
    Ok(Opened { dir, real })
}

/// Where an open folder is now.
fn real_path(dir: &Dir) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;
    std::fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd())).ok()
}

/// Whether an open folder may be granted, by what it is and not by what it is called.
fn allowed(folder: &Opened, writes: bool, places: &Places) -> Result<(), String> {
    let metadata = folder.dir.dir_metadata().map_err(|error| error.to_string())?;
    let own: Identity = (metadata.dev(), metadata.ino());
    let above: Vec<Identity> = folder.real.ancestors().filter_map(identity).collect();
    for private in &places.private {
        // Claw's folder may not be there yet; then what it will be in counts.
        if ancestors(private).contains(&own) || identity(private).is_some_and(|private| above.contains(&private)) {
            return Err(format!("it overlaps claw's own folder `{}`", shown(private)));
        }
    }
    if let Some(secret) = places.secrets.iter().find(|secret| ancestors(secret).contains(&own)) {
        return Err(format!("it contains the secret `{}`", shown(secret)));
    }
    for protected in places.protected.iter().filter(|_| writes) {
        if ancestors(protected).contains(&own) {
            return Err(format!("it can be written, and contains `{}`", shown(protected)));
        }
    }
    Ok(())
}

/// The most links that are followed from one path; the kernel's own bound is 40.
const LINKS_MAX: usize = 40;

/// Every folder that a path, or as much of it as exists, is in: by its name, and over each link on the way, since whoever
/// can write where a link is can put another in its place.
fn ancestors(path: &Path) -> Vec<Identity> {
    let (mut found, mut paths) = (Vec::new(), vec![path.to_owned()]);
    for _ in 0..LINKS_MAX {
        let Some(path) = paths.pop() else { break };
        for part in path.ancestors() {
            found.extend(identity(part));
            if let (Ok(target), Some(parent)) = (std::fs::read_link(part), part.parent()) {
                paths.push(parent.join(target));
            }
        }
        let real = path.ancestors().find_map(|part| std::fs::canonicalize(part).ok());
        found.extend(real.iter().flat_map(|real| real.ancestors()).filter_map(identity));
    }
    found
}

fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn shown(path: &Path) -> String {
    claw_policy::printable::printable(&path.to_string_lossy())
}
