//! What a policy grants: folders and hosts, each with the labels of what comes from there and what may go there.

use std::collections::BTreeSet;

use crate::document::{Access, Folder, Secret};
use crate::label::Label;
use crate::name::Name;

/// Something outside that is granted.
#[derive(Debug)]
pub struct Grant {
    /// What it is.
    pub target: Target,
    /// What the policy calls the place that it is a part of.
    pub place: Option<Name>,
    /// The label that it gives what is read through it. What can be written there besides is in [`Flows`].
    pub label: Label,
    /// The secrecy that may be sent there.
    pub accepts: BTreeSet<Name>,
    /// The line of its name.
    pub line: usize,
}

/// What a grant is for.
#[derive(Debug)]
pub enum Target {
    /// A folder.
    Folder(FolderGrant),
    /// Hosts on the network.
    Hosts(HostGrant),
}

/// A folder that is granted.
#[derive(Debug)]
pub struct FolderGrant {
    /// Where it is.
    pub folder: Folder,
    /// What may be done in it.
    pub access: Access,
    /// Whether it is made where it is missing.
    pub create: bool,
    /// Whether names that start with a dot may be written.
    pub dotfiles: bool,
    /// Globs of the files that may be written; `None` is any.
    pub files: Option<Vec<String>>,
    /// Where the guest sees it, when the policy says so.
    pub mount: Option<String>,
}

/// Hosts that are granted. This version decides on plans that use them, and runs none.
#[derive(Debug)]
pub struct HostGrant {
    /// Requests, each as `METHOD URL`.
    pub http: Vec<String>,
    /// Addresses with ports.
    pub tcp: Vec<String>,
    /// The hosts of all of them.
    pub hosts: BTreeSet<String>,
    /// The keys that a query may have; `None` is any.
    pub query: Option<Vec<String>>,
    /// Networks that may be reached besides public addresses.
    pub addresses: Vec<String>,
    /// The file of the certificates that are trusted, where it is not the platform's.
    pub ca: Option<String>,
    /// The proxy that requests go over.
    pub proxy: Option<String>,
    pub(crate) secret: Option<Secret>,
}

impl Grant {
    /// The folder that it grants, where it grants one.
    pub fn folder(&self) -> Option<&FolderGrant> {
        match &self.target {
            Target::Folder(folder) => Some(folder),
            Target::Hosts(_) => None,
        }
    }

    /// Whether files can be written through it.
    pub fn writes(&self) -> bool {
        self.folder().is_some_and(|folder| folder.access == Access::Write)
    }

    /// Whether anything can leave through it: a folder that can be written, or any host, since a request tells.
    pub fn is_sink(&self) -> bool {
        self.writes() || matches!(self.target, Target::Hosts(_))
    }

    /// The secrecy that may be sent there. A folder accepts its own; a host must name it, since it may have many tenants.
    pub fn accepted(&self) -> BTreeSet<Name> {
        match self.target {
            Target::Folder(_) => self.accepts.union(&self.label.secrecy).cloned().collect(),
            Target::Hosts(_) => self.accepts.clone(),
        }
    }
}
