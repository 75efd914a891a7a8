//! What a policy grants: folders and hosts, each with the labels of what comes from there and what may go there.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ipnet::IpNet;

use crate::document::{Access, Folder, Secret};
use crate::label::Label;
use crate::name::Name;
use crate::request::{Mismatch, RequestGrant};
use crate::url::{Destination, Host};

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

/// Hosts that are granted.
#[derive(Clone, Debug)]
pub struct HostGrant {
    /// Requests.
    pub http: Vec<RequestGrant>,
    /// Addresses with ports, for TCP.
    pub tcp: Vec<SocketAddr>,
    /// The keys that a query may have; `None` is any.
    pub query: Option<Vec<String>>,
    /// Networks that requests may reach besides public addresses.
    pub addresses: Vec<IpNet>,
    /// The file of the certificates that are trusted, where it is not the platform's.
    pub ca: Option<String>,
    /// The proxy that requests go over.
    pub proxy: Option<String>,
    /// What is put into each request.
    pub secret: Option<Secret>,
}

impl HostGrant {
    /// The hosts that it names.
    pub fn hosts(&self) -> BTreeSet<Host> {
        let tcp = self.tcp.iter().map(|address| Host::Address(address.ip()));
        self.http.iter().map(|request| request.host().clone()).chain(tcp).collect()
    }

    /// All that it names, in one line each.
    pub fn targets(&self) -> impl Iterator<Item = String> {
        self.http.iter().map(RequestGrant::to_string).chain(self.tcp.iter().map(SocketAddr::to_string))
    }

    /// Whether it grants a request.
    ///
    /// # Errors
    /// What of the request it does not grant, of the request that it names and that comes closest.
    pub fn admits(&self, method: &str, to: &Destination) -> Result<(), Mismatch> {
        let requests = self.http.iter().map(|request| request.admits(method, to));
        requests.max_by_key(|admitted| (admitted.is_ok(), admitted.err())).unwrap_or(Err(Mismatch::Host))?;
        let is_granted = |key: &str| self.query.as_ref().is_none_or(|keys| keys.iter().any(|granted| granted == key));
        if to.query_keys().all(|key| is_granted(&key)) { Ok(()) } else { Err(Mismatch::Query) }
    }
}

impl Grant {
    /// The folder that it grants, where it grants one.
    pub fn folder(&self) -> Option<&FolderGrant> {
        match &self.target {
            Target::Folder(folder) => Some(folder),
            Target::Hosts(_) => None,
        }
    }

    /// The hosts that it grants, where it grants some.
    pub fn hosts(&self) -> Option<&HostGrant> {
        match &self.target {
            Target::Folder(_) => None,
            Target::Hosts(hosts) => Some(hosts),
        }
    }

    /// Whether it grants requests over HTTP.
    pub fn is_http(&self) -> bool {
        self.hosts().is_some_and(|hosts| !hosts.http.is_empty())
    }

    /// Whether it grants TCP connections.
    pub fn is_tcp(&self) -> bool {
        self.hosts().is_some_and(|hosts| !hosts.tcp.is_empty())
    }

    /// Whether files can be written through it.
    pub fn writes(&self) -> bool {
        self.folder().is_some_and(|folder| folder.access == Access::Write)
    }

    /// Whether anything can leave through it: a folder that can be written, or any host, since a request tells.
    pub fn is_sink(&self) -> bool {
        self.writes() || self.sends()
    }

    /// Whether requests or connections go through it.
    pub fn sends(&self) -> bool {
        matches!(self.target, Target::Hosts(_))
    }

    /// The secrecy that may be sent there. A folder accepts its own; a host must name it, since it may have many tenants.
    pub fn accepted(&self) -> BTreeSet<Name> {
        match self.target {
            Target::Folder(_) => self.accepts.union(&self.label.secrecy).cloned().collect(),
            Target::Hosts(_) => self.accepts.clone(),
        }
    }
}
