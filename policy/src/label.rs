//! Labels: who may see a value, and who could have shaped it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// The origins that every policy has. Grants and `[labels]` add their own, and cannot take these names.
pub const BUILT_IN_ORIGINS: [&str; 5] = ["policy", "user", "task", "planner", "file"];

/// What a value may reveal, and who could have shaped it.
///
/// A lattice of two sets (Denning, 1976), joined by union in both: the whole algebra.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Categories of secrets that the value may carry.
    pub secrecy: BTreeSet<Name>,
    /// Everyone who could have chosen it, or a part of it.
    pub origin: BTreeSet<Name>,
}

impl Label {
    /// The label of a value that one `origin` chose and that is no secret.
    pub(crate) fn of(origin: Origin) -> Self {
        Self { secrecy: BTreeSet::new(), origin: BTreeSet::from([origin.name()]) }
    }

    /// Joins `other` into this label.
    pub fn join(&mut self, other: &Self) {
        self.secrecy.extend(other.secrecy.iter().cloned());
        self.origin.extend(other.origin.iter().cloned());
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret as {}, from {}", listed(&self.secrecy, "nothing"), listed(&self.origin, "nobody"))
    }
}

/// The most names that a text lists.
const LISTED_MAX: usize = 20;

/// Names as people read them: `` `a`, `b` ``, or `none` where there are none.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a Name>, none: &str) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    if shown.is_empty() { none.to_owned() } else { shown.join(", ") }
}

/// Names as a policy writes them: `["a", "b"]`.
pub(crate) fn array<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", names.join(", "))
}

/// A built-in origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Policy,
    User,
    Task,
    Planner,
    File,
}

impl Origin {
    pub(crate) fn name(self) -> Name {
        let text = match self {
            Self::Policy => "policy",
            Self::User => "user",
            Self::Task => "task",
            Self::Planner => "planner",
            Self::File => "file",
        };
        Name::builtin(text)
    }
}

/// Which origins may choose an argument: the value of `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// `["any"]`: a payload.
    Any,
    /// These origins and no others.
    Only(BTreeSet<Name>),
}

/// Who may choose a value: at once, and once a person has said so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choosers<'s> {
    pub(crate) from: &'s Admitted,
    pub(crate) ask: &'s BTreeSet<Name>,
}

impl Default for Admitted {
    /// `["policy", "user"]`.
    fn default() -> Self {
        Self::Only(BTreeSet::from([Origin::Policy.name(), Origin::User.name()]))
    }
}

impl Admitted {
    /// The part of `origin` that is not admitted.
    pub(crate) fn refused(&self, origin: &BTreeSet<Name>) -> BTreeSet<Name> {
        match self {
            Self::Any => BTreeSet::new(),
            Self::Only(admitted) => origin.difference(admitted).cloned().collect(),
        }
    }

    /// This set with `more`, as a policy writes it.
    pub(crate) fn widened(&self, more: &BTreeSet<Name>) -> String {
        match self {
            Self::Any => "[\"any\"]".to_owned(),
            Self::Only(admitted) => array(admitted.union(more)),
        }
    }
}

impl fmt::Display for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anyone"),
            Self::Only(origins) => f.write_str(&origins.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")),
        }
    }
}
