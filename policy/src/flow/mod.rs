//! What can flow where, over all plans: the largest label that each place, argument and output can ever get.

mod bits;
mod places;
mod solve;

use std::collections::{BTreeMap, BTreeSet};

use crate::label::Label;
use crate::name::Name;

pub(crate) use bits::NAMES_MAX;
pub(crate) use solve::Parts;
use solve::Solving;

/// The least fixpoint over the capabilities of a policy (Denning, 1976): no plan, and no number of plans, goes beyond it.
#[derive(Debug, Default)]
pub struct Flows {
    /// The grants of each place: what goes in through one can come out through another.
    pub places: Vec<BTreeSet<Name>>,
    /// What is read through each grant carries this (rule 4).
    pub reads: BTreeMap<Name, Label>,
    /// What each capability can get and give.
    pub capabilities: BTreeMap<Name, Flow>,
    /// What the planner can have been shown, and so what its literals carry.
    pub context: Label,
}

/// What can flow through one capability.
#[derive(Debug, Default)]
pub struct Flow {
    /// What it reads through its grants.
    pub reads: Label,
    /// What each argument can carry.
    pub arguments: BTreeMap<String, Traced>,
    /// What its output can carry.
    pub output: Traced,
}

/// A label with the first way by which each name got into it.
#[derive(Debug, Default)]
pub struct Traced {
    /// The label.
    pub label: Label,
    pub(crate) secrecy: BTreeMap<Name, Source>,
    pub(crate) origin: BTreeMap<Name, Source>,
}

/// How a name got into a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source<N = Name, A = String> {
    /// It is read through the grant.
    Grant(N),
    /// The argument carries it.
    Argument(A),
    /// An output of the capability is referred to.
    Output(N),
    /// The input is referred to, or put in.
    Input(N),
    /// The plan says it.
    Literal,
    /// The policy says it.
    Policy,
    /// The planner had been shown it.
    Context,
}

impl Flows {
    /// Works them out.
    pub(crate) fn of(parts: &Parts<'_>) -> Self {
        let mut solving = Solving::new(parts);
        // First without what the planner has been shown, so that a name is traced to where it comes from.
        while solving.grow(0) {}
        let shown = solving.names.set(&parts.planner.accepts);
        while solving.grow(shown) {}
        solving.finish()
    }

    /// The place that a grant is in.
    pub(crate) fn place(&self, grant: &Name) -> impl Iterator<Item = &Name> {
        self.places.iter().filter(move |place| place.contains(grant)).flatten()
    }
}
