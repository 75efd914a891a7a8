//! What a policy says can never flow where.

use std::fmt;

use crate::name::Name;

/// `LABEL -> TARGET`, in no plan, over all sessions.
///
/// It is decided on the largest labels that there can be ([`Flows`](crate::flow::Flows)): order, counts and approvals do not
/// weaken it. So a proof that holds, holds; one that fails may be stricter than it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Never {
    /// A category of secrets, or an origin where the target is an argument.
    pub label: Name,
    /// Where it never comes.
    pub target: NeverTarget,
    /// The line that says so.
    pub line: usize,
}

/// Where something never comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeverTarget {
    /// Into the place of a grant.
    Grant(Name),
    /// To the planner.
    Planner,
    /// Into an argument of a capability.
    Argument(Name, String),
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            NeverTarget::Grant(grant) => write!(f, "{} -> {grant}", self.label),
            NeverTarget::Planner => write!(f, "{} -> planner", self.label),
            NeverTarget::Argument(capability, argument) => write!(f, "{} -> {capability}.{argument}", self.label),
        }
    }
}
