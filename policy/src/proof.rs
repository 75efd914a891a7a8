//! Proofs: what a policy says can never flow where, decided for all plans when it loads.

use crate::capability::Capability;
use crate::flow::{Flow, Source, Traced};
use crate::label::array;
use crate::name::Name;
use crate::never::{Never, NeverTarget};
use crate::policy::Policy;

/// The most capabilities on a way: more are in no policy whose way somebody would read.
const HOPS_MAX: usize = 64;

/// A way for a label to where it should never come.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// From the source on: the capabilities in turn, each with the argument that takes it.
    pub(crate) hops: Vec<Hop>,
    /// What the first of them gets it from.
    start: Start,
    /// How it leaves the last one.
    end: String,
}

/// A capability on the way, and the argument through which it comes in; `None` where it is read through a grant.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) capability: Name,
    pub(crate) argument: Option<String>,
}

#[derive(Clone, Debug)]
enum Start {
    Grant(Name),
    Input(Name),
    Literal,
    Policy,
    Context,
}

/// Which of the two sets of a label a proof is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Secrecy,
    Origin,
}

impl Kind {
    fn source<'t>(self, traced: &'t Traced, label: &Name) -> Option<&'t Source> {
        match self {
            Self::Secrecy => traced.secrecy.get(label),
            Self::Origin => traced.origin.get(label),
        }
    }
}

impl Policy {
    /// The capabilities through which a label can come to a target, in some plan; none where it never does.
    pub fn carriers(&self, label: &Name, target: &NeverTarget) -> Vec<&Name> {
        let flows = || self.flows.capabilities.iter();
        match target {
            NeverTarget::Argument(capability, argument) => {
                let carries =
                    |flow: &Flow| flow.arguments.get(argument).is_some_and(|t| t.label.origin.contains(label));
                flows().filter(|(name, flow)| *name == capability && carries(flow)).map(|(name, _)| name).collect()
            }
            NeverTarget::Planner => {
                let shown = &self.planner.accepts;
                let tells =
                    |flow: &Flow| flow.reads.secrecy.is_subset(shown) && flow.output.label.secrecy.contains(label);
                flows().filter(|(_, flow)| shown.contains(label) && tells(flow)).map(|(name, _)| name).collect()
            }
            NeverTarget::Grant(grant) => {
                let place: Vec<&Name> = self.flows.place(grant).collect();
                let sends = |(name, capability): &(&Name, &Capability)| {
                    let held = capability.grants.iter().filter_map(|held| self.grants.get_key_value(held));
                    let mut sinks = held.filter(|(held, sink)| place.contains(held) && sink.is_sink());
                    sinks.any(|(sink, granted)| {
                        granted.accepted().contains(label) && self.sent_to(name, sink, label, String::new()).is_some()
                    })
                };
                self.capabilities.iter().filter(sends).map(|(name, _)| name).collect()
            }
        }
    }

    /// The first way that a proof fails, or `None` where it holds for every plan.
    pub(crate) fn way(&self, never: &Never) -> Option<Way> {
        match &never.target {
            NeverTarget::Argument(capability, argument) => {
                let flow = self.flows.capabilities.get(capability)?;
                flow.arguments.get(argument)?.origin.get(&never.label)?;
                let end = format!("and so into `{capability}.{argument}`");
                Some(self.back(capability, Some(argument.clone()), &never.label, Kind::Origin, end))
            }
            NeverTarget::Planner => {
                let shown = &self.planner.accepts;
                if !shown.contains(&never.label) {
                    return None;
                }
                let told = |(_, flow): &(&Name, &Flow)| {
                    flow.reads.secrecy.is_subset(shown) && flow.output.label.secrecy.contains(&never.label)
                };
                // One that carries it by itself says more than one that is called after it was shown.
                let by_itself = |(_, flow): &(&Name, &Flow)| {
                    flow.output.secrecy.get(&never.label).is_some_and(|source| *source != Source::Context)
                };
                let all = || self.flows.capabilities.iter().filter(told);
                let (capability, flow) = all().find(by_itself).or_else(|| all().next())?;
                let accepts = format!("`[planner] accepts = {}`, so the planner may be told", array(shown));
                // It counts as shown already where nothing but its being shown brings it here.
                match flow.output.secrecy.get(&never.label)? {
                    Source::Argument(argument) => {
                        Some(self.back(capability, Some(argument.clone()), &never.label, Kind::Secrecy, accepts))
                    }
                    _ => Some(self.back(capability, None, &never.label, Kind::Secrecy, accepts)),
                }
            }
            NeverTarget::Grant(grant) => {
                let place: Vec<&Name> = self.flows.place(grant).collect();
                self.capabilities.iter().find_map(|(name, capability)| {
                    let held = capability.grants.iter().filter_map(|held| self.grants.get_key_value(held));
                    let mut sinks = held.filter(|(held, sink)| place.contains(held) && sink.is_sink());
                    sinks.find_map(|(sink, granted)| {
                        let end = format!("and sends it to `{sink}`, which accepts it (line {})", granted.line);
                        let accepted = granted.accepted().contains(&never.label);
                        accepted.then(|| self.sent_to(name, sink, &never.label, end)).flatten()
                    })
                })
            }
        }
    }

    /// How a secret comes into a sink of a capability.
    fn sent_to(&self, name: &Name, sink: &Name, label: &Name, end: String) -> Option<Way> {
        let flow = self.flows.capabilities.get(name)?;
        let argument = flow.arguments.iter().find(|(_, traced)| traced.label.secrecy.contains(label));
        if let Some((argument, _)) = argument {
            return Some(self.back(name, Some(argument.clone()), label, Kind::Secrecy, end));
        }
        let others = self.capabilities.get(name)?.grants.iter().filter(|other| *other != sink);
        let mut others = others.filter(|other| self.flows.reads.get(*other).is_some_and(|l| l.secrecy.contains(label)));
        let hops = vec![Hop { capability: name.clone(), argument: None }];
        if let Some(other) = others.next() {
            return Some(Way { hops, start: Start::Grant(other.clone()), end });
        }
        self.planner.accepts.contains(label).then_some(Way { hops, start: Start::Context, end })
    }

    /// Follows a label back to where it came from.
    fn back(&self, capability: &Name, argument: Option<String>, label: &Name, kind: Kind, end: String) -> Way {
        let mut way = Way { hops: vec![Hop { capability: capability.clone(), argument }], start: Start::Context, end };
        // Sources were noted when a label first grew, so they lead back without a circle.
        while let Some(hop) = way.hops.last().filter(|_| way.hops.len() < HOPS_MAX) {
            let Some(flow) = self.flows.capabilities.get(&hop.capability) else { break };
            let source = match &hop.argument {
                Some(argument) => flow.arguments.get(argument).and_then(|traced| kind.source(traced, label)),
                None => kind.source(&flow.output, label),
            };
            match source {
                Some(Source::Output(other)) => {
                    let other = Hop { capability: other.clone(), argument: None };
                    way.hops.push(other);
                }
                Some(Source::Argument(argument)) => {
                    let argument = argument.clone();
                    if let Some(hop) = way.hops.last_mut() {
                        hop.argument = Some(argument);
                    }
                }
                Some(Source::Grant(grant)) => {
                    way.start = Start::Grant(grant.clone());
                    break;
                }
                Some(Source::Input(input)) => {
                    way.start = Start::Input(input.clone());
                    break;
                }
                Some(Source::Literal) => {
                    way.start = Start::Literal;
                    break;
                }
                Some(Source::Policy) => {
                    way.start = Start::Policy;
                    break;
                }
                Some(Source::Context) | None => break,
            }
        }
        way.hops.reverse();
        way
    }

    /// The way as lines for people, each with the policy's line.
    pub(crate) fn told(&self, way: &Way, label: &Name) -> Vec<String> {
        let mut lines = Vec::new();
        let line = |name: &Name| self.capabilities.get(name).map_or(0, |capability| capability.line);
        for (index, hop) in way.hops.iter().enumerate() {
            let (name, at) = (&hop.capability, line(&hop.capability));
            lines.push(match (&hop.argument, index, &way.start) {
                (None, 0, Start::Grant(grant)) => {
                    let written = self.grants.get(grant).is_some_and(|granted| {
                        !granted.label.secrecy.contains(label) && !granted.label.origin.contains(label)
                    });
                    let how = if written { ", where it can have been written" } else { "" };
                    format!("`{name}` (line {at}) reads `{label}` through `{grant}`{how}")
                }
                (Some(argument), 0, Start::Input(input)) => {
                    format!("`{name}.{argument}` (line {at}) takes the input `{input}`")
                }
                (Some(argument), 0, Start::Literal) => {
                    format!("a plan can write `{name}.{argument}` (line {at}) itself")
                }
                (Some(argument), 0, Start::Policy) => {
                    format!("the policy lists what `{name}.{argument}` (line {at}) may be")
                }
                (_, 0, _) => format!("the planner may have been shown it, and calls `{name}` (line {at})"),
                (Some(argument), _, _) => format!("`{name}.{argument}` (line {at}) can refer to what that puts out"),
                (None, _, _) => format!("`{name}` (line {at}) puts it out"),
            });
        }
        lines.push(way.end.clone());
        lines
    }
}
