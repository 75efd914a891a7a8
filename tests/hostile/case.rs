//! A case of the catalogue: its numbers, its name, and the attack, which only the oracle can end.

use crate::arena::Arena;
use crate::oracle::Contained;

/// A case, or several that one attack is about.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// `case_`, its numbers in the catalogue, and what must hold.
    pub(crate) name: &'static str,
    /// The attack. It cannot end well without the oracle: nothing else makes a [`Contained`].
    pub(crate) attack: fn(&mut Arena) -> Contained,
}

impl Case {
    /// Its numbers in the catalogue.
    pub(crate) fn numbers(self) -> Vec<u16> {
        numbers(self.name)
    }
}

/// The numbers that a name begins with: `case_074_075_links` is about two.
pub(crate) fn numbers(name: &str) -> Vec<u16> {
    let parts = name.strip_prefix("case_").unwrap_or_default().split('_');
    parts.map_while(|part| part.parse().ok().filter(|_| part.len() == 3)).collect()
}

/// A list of cases, each named as its function is.
macro_rules! cases {
    ($($name:ident)*) => {
        /// The cases of this group.
        pub(crate) const CASES: &[crate::case::Case] =
            &[$(crate::case::Case { name: stringify!($name), attack: $name }),*];
    };
}
pub(crate) use cases;
