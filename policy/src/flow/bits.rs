//! Labels as bits of one word each, while the flows are worked out.

use std::collections::BTreeMap;

use crate::label::{Admitted, Label, Origin};
use crate::name::Name;

/// The most names that labels are made of: a set of them is one word.
pub(crate) const NAMES_MAX: usize = 128;

/// A set of names, as bits of the one word.
pub(super) type Set = u128;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) secrecy: Set,
    pub(super) origin: Set,
}

impl Bits {
    pub(super) fn joined(self, other: Self) -> Self {
        Self { secrecy: self.secrecy | other.secrecy, origin: self.origin | other.origin }
    }
}

/// The names that labels of one policy are made of.
pub(super) struct Names<'p>(pub(super) BTreeMap<&'p str, u32>);

impl<'p> Names<'p> {
    pub(super) fn set<'n>(&self, names: impl IntoIterator<Item = &'n Name>) -> Set {
        names.into_iter().filter_map(|name| self.0.get(name.as_str())).fold(0, |set, bit| set | (1 << bit))
    }

    pub(super) fn bits(&self, label: &Label) -> Bits {
        Bits { secrecy: self.set(&label.secrecy), origin: self.set(&label.origin) }
    }

    pub(super) fn origin(&self, origin: Origin) -> Set {
        self.set([&origin.name()])
    }

    pub(super) fn admitted(&self, admitted: &Admitted) -> Set {
        match admitted {
            Admitted::Any => Set::MAX,
            Admitted::Only(names) => self.set(names),
        }
    }

    pub(super) fn named(&self, set: Set) -> impl Iterator<Item = Name> {
        self.0.iter().filter(move |(_, bit)| set & (1 << **bit) != 0).filter_map(|(name, _)| Name::new(name).ok())
    }

    pub(super) fn label(&self, bits: Bits) -> Label {
        Label { secrecy: self.named(bits.secrecy).collect(), origin: self.named(bits.origin).collect() }
    }
}
