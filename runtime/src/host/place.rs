//! Where each handle points to: which folder, which path in it, how it was reached; and what was refused on the way.

use std::fmt;
use std::sync::Arc;

use claw_policy::printable::printable;
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::connection::Awaited;

/// What a descriptor stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Index of the folder it came from.
    pub(super) folder: usize,
    /// Path inside that folder, without `.` and `..`; empty is the folder itself.
    pub(super) path: String,
    /// A link lay on the way: `path` is not where it is, and nothing is written there.
    pub(super) through_link: bool,
    /// A file opened for writing. (Whether a folder may be written in is asked anew for each name in it.)
    pub(super) written: bool,
    /// It holds a descriptor of the system's; the granted folders themselves do not.
    pub(super) opened: bool,
}

impl Place {
    /// The granted folder with index `folder`.
    pub(super) fn root(folder: usize) -> Self {
        Self { folder, path: String::new(), through_link: false, written: false, opened: false }
    }
}

/// What a handle that the guest holds is, as far as its table entry does not tell.
#[derive(Debug)]
pub(super) enum Held {
    /// A file or folder.
    Descriptor(Arc<Place>),
    /// A stream that reads a file.
    Input(Arc<Place>),
    /// A stream that writes a file; `gap` is the bytes from the file's end to the stream's start, until it writes.
    /// Once a write has failed it is `closed`.
    Output { place: Arc<Place>, gap: u64, closed: bool },
    /// Standard output or error.
    Printed,
    /// A stream that writes the body of a request.
    Sent(Draft),
    /// A stream that receives from a peer.
    FromPeer(u32),
    /// A stream that sends to a peer.
    ToPeer(u32),
}

impl Held {
    /// What one waits for who waits for it; nothing, where it is always ready.
    pub(super) fn awaited(&self) -> Option<Awaited> {
        match self {
            Self::FromPeer(peer) => Some(Awaited::Bytes(*peer)),
            Self::ToPeer(peer) => Some(Awaited::Room(*peer)),
            _ => None,
        }
    }
}

/// The held handles, by their number in the resource table, and how many files and folders they keep open.
#[derive(Debug, Default)]
pub(super) struct Places {
    held: Vec<Option<Held>>,
    open: u64,
}

impl Places {
    /// Files and folders that are open: those whose last descriptor or stream is not dropped yet.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// Notes what the handle `rep` is.
    pub(super) fn hold(&mut self, rep: u32, held: Held) {
        if let Held::Descriptor(place) = &held
            && place.opened
        {
            self.open += 1;
        }
        let index = rep as usize;
        if self.held.len() <= index {
            self.held.resize_with(index + 1, || None);
        }
        if let Some(entry) = self.held.get_mut(index) {
            *entry = Some(held);
        }
    }

    /// What the handle `rep` is.
    pub(super) fn get(&self, rep: u32) -> Option<&Held> {
        self.held.get(rep as usize)?.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, rep: u32) -> Option<&mut Held> {
        self.held.get_mut(rep as usize)?.as_mut()
    }

    /// Forgets the handle `rep`, which was dropped.
    pub(super) fn release(&mut self, rep: u32) {
        let held = self.held.get_mut(rep as usize).and_then(Option::take);
        if let Some(Held::Descriptor(place) | Held::Input(place) | Held::Output { place, .. }) = held
            && place.opened
            && Arc::strong_count(&place) == 1
        {
            self.open -= 1;
        }
    }
}

/// The rule that something was refused by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// It leaves the folder, by itself or over a link.
    Escape,
    /// A name in it starts with a dot, and the grant has no `dotfiles`.
    Hidden,
    /// It matches none of the grant's `files`.
    Files,
    /// It is a device, a pipe or a socket.
    SpecialFile,
    /// A link would have to be followed to write there, or made that leads out.
    Link,
    /// The grant is for reading.
    ReadOnly,
    /// No grant is for such a request, or its host is at an address that none is for.
    Request,
    /// No grant is for a connection to that address and port.
    Connection,
}

impl Rule {
    /// Its name, in records and violations.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Escape => "path.escape",
            Self::Hidden => "path.hidden",
            Self::Files => "path.files",
            Self::SpecialFile => "path.special-file",
            Self::Link => "path.link",
            Self::ReadOnly => "path.read-only",
            Self::Request => "request.denied",
            Self::Connection => "connection.denied",
        }
    }

    /// What could be done about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::Escape => {
                "a component reaches only what is inside its granted folders; a link must not lead out either"
            }
            Self::Hidden => "the grant's `dotfiles = true` would allow names that start with a dot",
            Self::Files => "the grant's `files` lists the patterns of what may be written",
            Self::SpecialFile => "only files and folders can be opened",
            Self::Link => "write to the file itself; a link that is made must point inside its own folder",
            Self::ReadOnly => "the grant's `access = \"write\"` would allow it",
            Self::Request => {
                "a grant's `http`, `query` and `addresses` would allow it; `claw audit show` tells what of it is not granted"
            }
            Self::Connection => "a grant's `tcp` would allow it",
        }
    }
}

/// The first thing of a step that was refused by a rule, and by which. What does not exist is not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// A path as the guest sees it, from `/`, with what it asked for unchanged: `/notes/../../etc/passwd`. Or a URL, or an
    /// address with its port.
    pub subject: String,
    /// Why.
    pub rule: Rule,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why) = match self.rule {
            Rule::Escape => ("path", "leaves the granted folder"),
            Rule::Hidden => ("path", "has a name that starts with a dot, and would be written"),
            Rule::Files => ("path", "matches none of the grant's `files`, and would be written"),
            Rule::SpecialFile => ("path", "is neither a file nor a folder"),
            Rule::Link => ("path", "would be written over a link, or be a link that leads out"),
            Rule::ReadOnly => ("path", "would be written, and the grant is for reading"),
            Rule::Request => ("request to", "is one that no grant of the capability allows"),
            Rule::Connection => ("connection to", "is one that no grant of the capability allows"),
        };
        write!(f, "the {what} `{}` {why}", printable(&self.subject))
    }
}
