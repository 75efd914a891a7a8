//! A policy: what is granted, to which capabilities, chosen by whom, within which limits.

use std::collections::{BTreeMap, BTreeSet};

use crate::capability::{Capability, Input, Planner};
use crate::document::TestVerdict;
use crate::flow::Flows;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::name::Name;
use crate::never::Never;
use crate::task::{Narrowing, Task};

/// What a session may do in which order.
#[derive(Debug, Default)]
pub struct Order {
    /// The right one needs an earlier left one.
    pub before: Vec<Ordered>,
    /// Once the left one has started, the right one may not.
    pub after: Vec<Ordered>,
    /// Whether a sink must accept the secrecy of every earlier step too.
    pub strict: bool,
}

/// Two capabilities in their order.
#[derive(Debug)]
pub struct Ordered {
    /// The left one.
    pub first: Name,
    /// The right one.
    pub second: Name,
    /// The line that says so.
    pub line: usize,
}

/// A plan with the verdict that it must get, whenever the policy is used.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its plan's file, from the policy's folder.
    pub plan: String,
    /// The verdict.
    pub verdict: TestVerdict,
    /// The rule that refuses it, where the test says so.
    pub rule: Option<String>,
    /// The task that the policy is narrowed to.
    pub task: Option<Name>,
    /// The inputs that are bound.
    pub input: BTreeMap<String, String>,
    /// The line of the test.
    pub line: usize,
}

/// A policy that has loaded: every name in it is known, every schema fits its type, every import is granted.
#[derive(Debug)]
pub struct Policy {
    /// Its own name.
    pub name: Name,
    /// `sha256:` and the hexadecimal digest of its text.
    pub digest: String,
    /// The folders that are granted.
    pub grants: BTreeMap<Name, Grant>,
    /// What a plan may call.
    pub capabilities: BTreeMap<Name, Capability>,
    /// What the user binds outside the plan.
    pub inputs: BTreeMap<Name, Input>,
    /// What the planner may see.
    pub planner: Planner,
    /// The limits of the session and of one plan. A capability has its own.
    pub limits: Limits,
    /// The most steps of a session.
    pub steps_max: u64,
    /// The line of that bound, where the policy gives one.
    pub(crate) steps_line: Option<usize>,
    /// What comes before what.
    pub order: Order,
    /// What can flow where, over all plans.
    pub flows: Flows,
    /// What is proved to hold for all plans.
    pub proved: Vec<Never>,
    /// The policy's own tests.
    pub tests: Vec<Test>,
    /// What a run can be narrowed to.
    pub tasks: BTreeMap<Name, Task>,
    /// What it is narrowed to, for a run of a part of it.
    pub narrowing: Narrowing,
    /// What of the sandbox a machine must have to run its plans.
    pub requires: BTreeSet<&'static str>,
    /// What its author should look at: line and text.
    pub warnings: Vec<(usize, String)>,
}
