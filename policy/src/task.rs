//! What a run is narrowed to: one of the policy's tasks, and capabilities that its user names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::schema::Schema;

/// A part of a policy for one kind of run: `[task.NAME]`.
#[derive(Debug, Default)]
pub struct Task {
    /// The capabilities that are kept; `None` is all.
    pub only: Option<BTreeSet<Name>>,
    /// The most calls of some, at most what the policy says.
    pub calls: BTreeMap<Name, u64>,
    /// What some inputs must be besides.
    pub input: BTreeMap<Name, Schema>,
    /// The line of its name.
    pub line: usize,
}

/// What a run is narrowed to, as its user asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowing {
    /// One of the policy's tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The capabilities that are kept; none is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

impl Narrowing {
    /// Whether nothing is taken away.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
