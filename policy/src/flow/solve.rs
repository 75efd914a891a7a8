//! The fixpoint: labels that grow from round to round until nothing does.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::{Bits, NAMES_MAX, Names, Set};
use super::places::places;
use super::{Flow, Flows, Source, Traced};
use crate::capability::{Capability, Input, Planner};
use crate::grant::Grant;
use crate::label::{Admitted, BUILT_IN_ORIGINS, Label, Origin};
use crate::name::Name;
use crate::schema::{JsonType, Schema};
use crate::types::{Kinds, Type};

/// Everything that the flows depend on.
pub(crate) struct Parts<'p> {
    pub(crate) grants: &'p BTreeMap<Name, Grant>,
    pub(crate) capabilities: &'p BTreeMap<Name, Capability>,
    pub(crate) inputs: &'p BTreeMap<Name, Input>,
    pub(crate) planner: &'p Planner,
    pub(crate) overlaps: &'p [(Name, Name)],
}

/// A place in an argument, with everything that could ever fill it.
enum Node {
    Const,
    Input(usize),
    Open { from: Set, is_enum: bool, inputs: Vec<usize>, outputs: Vec<usize>, endorsed: Vec<(usize, usize)> },
}

pub(super) struct Solving<'p> {
    parts: &'p Parts<'p>,
    pub(super) names: Names<'p>,
    grants: Vec<(&'p Name, &'p Grant)>,
    capabilities: Vec<(&'p Name, &'p Capability)>,
    inputs: Vec<(&'p Name, &'p Input)>,
    /// Which place each grant is in.
    place_of: Vec<usize>,
    is_sink: Vec<bool>,
    /// What is read through each grant, whoever writes there.
    own: Vec<Bits>,
    /// What each capability's grants carry by themselves.
    least: Vec<Bits>,
    /// For each capability and argument, its nodes.
    nodes: Vec<Vec<(&'p str, Vec<Node>)>>,
    /// The grants that each capability holds.
    held: Vec<Vec<usize>>,
    arguments: Vec<Vec<Traces>>,
    outputs: Vec<Traces>,
    context: Set,
}

/// A label as bits, with the first source of each.
#[derive(Clone, Default)]
struct Traces {
    bits: Bits,
    secrecy: Vec<(Set, Source<usize, usize>)>,
    origin: Vec<(Set, Source<usize, usize>)>,
}

impl Traces {
    /// Adds what is new; whether anything was.
    fn add(&mut self, bits: Bits, source: Source<usize, usize>) -> bool {
        let (secrecy, origin) = (bits.secrecy & !self.bits.secrecy, bits.origin & !self.bits.origin);
        if secrecy != 0 {
            self.secrecy.push((secrecy, source));
        }
        if origin != 0 {
            self.origin.push((origin, source));
        }
        self.bits = Bits { secrecy: self.bits.secrecy | secrecy, origin: self.bits.origin | origin };
        secrecy | origin != 0
    }
}

impl<'p> Solving<'p> {
    pub(super) fn new(parts: &'p Parts<'p>) -> Self {
        let labels = parts.grants.values().map(|grant| &grant.label);
        let mut names: BTreeSet<&str> = BUILT_IN_ORIGINS.into_iter().collect();
        names.extend(parts.grants.keys().map(Name::as_str));
        names.extend(labels.flat_map(|label| label.secrecy.iter().chain(&label.origin)).map(Name::as_str));
        names.extend(parts.grants.values().flat_map(|grant| &grant.accepts).map(Name::as_str));
        names.extend(
            parts.inputs.values().flat_map(|i| i.secrecy.iter().chain(i.origin.iter().flatten())).map(Name::as_str),
        );
        names.extend(parts.planner.accepts.iter().map(Name::as_str));
        let names = Names(names.into_iter().zip(0..NAMES_MAX as u32).collect());
        let grants: Vec<_> = parts.grants.iter().collect();
        let capabilities: Vec<_> = parts.capabilities.iter().collect();
        let position = |grant: &Name| grants.iter().position(|(name, _)| *name == grant);
        let held = capabilities.iter().map(|(_, c)| c.grants.iter().filter_map(position).collect()).collect();
        let mut solving = Self {
            place_of: places(&grants, parts.overlaps),
            is_sink: grants.iter().map(|(_, grant)| grant.is_sink()).collect(),
            own: Vec::new(),
            least: Vec::new(),
            inputs: parts.inputs.iter().collect(),
            nodes: Vec::new(),
            held,
            arguments: capabilities.iter().map(|(_, c)| vec![Traces::default(); c.arguments.len()]).collect(),
            outputs: vec![Traces::default(); capabilities.len()],
            context: 0,
            parts,
            names,
            grants,
            capabilities,
        };
        solving.own = (0..solving.grants.len()).map(|grant| solving.own(grant)).collect();
        solving.least = (0..solving.capabilities.len()).map(|capability| solving.least(capability)).collect();
        solving.nodes = solving.capabilities.iter().map(|(_, capability)| solving.nodes(capability)).collect();
        solving
    }

    /// The places in each argument of a capability, and what can fill each.
    fn nodes(&self, capability: &'p Capability) -> Vec<(&'p str, Vec<Node>)> {
        let arguments = capability.arguments.iter().map(|(name, argument)| {
            let mut nodes = Vec::new();
            self.node(&argument.schema, &argument.ty, self.names.admitted(&Admitted::default()), &mut nodes);
            (name.as_str(), nodes)
        });
        arguments.collect()
    }

    fn node(&self, schema: &Schema, ty: &Type, outer: Set, nodes: &mut Vec<Node>) {
        if schema.constant.is_some() {
            return nodes.push(Node::Const);
        }
        if let Some(input) = &schema.input {
            return nodes.extend(self.inputs.iter().position(|(name, _)| *name == input).map(Node::Input));
        }
        // What a person can let through counts as let through.
        let from = schema.from.as_ref().map_or(outer, |from| self.names.admitted(from)) | self.names.set(&schema.ask);
        // INVARIANT: whatever a check lets through, and the values' own checks when the step starts, has an edge here. A
        // reference is refused where its type cannot fit; an input by its value alone, so what its JSON can be is all that counts.
        let targets = ty.subterms();
        let all =
            targets.iter().fold(schema.kinds(ty), |all, part| if *part == ty { all } else { all.or(part.kinds()) });
        let fits = |part: &Type| part.kinds().meets(all) && targets.iter().any(|target| part.may_fit(target));
        let is_fed = |ty: &Type| ty.subterms().into_iter().any(fits);
        let outputs = self.capabilities.iter().enumerate().filter(|(_, (_, c))| c.output.as_ref().is_some_and(is_fed));
        let endorsed = self.capabilities.iter().enumerate().flat_map(|(index, (_, c))| {
            let each = c.endorsements.iter().enumerate();
            let part = |at: &[String]| {
                let at: Vec<String> = at.iter().map(|t| if t == "*" { "0".to_owned() } else { t.clone() }).collect();
                c.output.as_ref().and_then(|output| output.part(&at))
            };
            each.filter(move |(_, e)| part(&e.at).is_some_and(|part| fits(&part))).map(move |(e, _)| (index, e))
        });
        let open = schema.open_kinds(ty);
        let is_bound = |input: &Input| input.schema.json_type.map_or(Kinds::STRING, JsonType::kinds).meets(open);
        let inputs = self.inputs.iter().enumerate().filter(|(_, (_, input))| is_bound(input));
        nodes.push(Node::Open {
            from,
            is_enum: schema.options.is_some(),
            inputs: inputs.map(|(index, _)| index).collect(),
            outputs: outputs.map(|(index, _)| index).collect(),
            endorsed: endorsed.collect(),
        });
        let ty = ty.some();
        if let Some(items) = &schema.items {
            let item = if let Type::List(item) = ty { item } else { &Type::Json };
            self.node(items, item, from, nodes);
        }
        for (name, field) in &schema.properties {
            let field_type = match ty {
                Type::Record(fields) => fields.iter().find(|f| f.name == *name).map_or(&Type::Json, |f| &f.ty),
                _ => &Type::Json,
            };
            self.node(field, field_type, from, nodes);
        }
    }

    /// Rule 4: what is read through a grant, given what can have been written by now.
    fn read(&self, grant: usize) -> Bits {
        let mut bits = self.own.get(grant).copied().unwrap_or_default();
        for (held, output) in self.held.iter().zip(&self.outputs) {
            if held.iter().any(|sink| self.gives_back(*sink, grant)) {
                bits.origin |= output.bits.origin;
            }
        }
        bits
    }

    /// Whether what is sent through one grant can be read through the other.
    fn gives_back(&self, sink: usize, grant: usize) -> bool {
        self.is_sink.get(sink) == Some(&true) && self.place_of.get(sink) == self.place_of.get(grant)
    }

    /// What is read through a grant, whoever writes there: its own label, those of folders that overlap it, and what the
    /// sinks of its place accept.
    fn own(&self, grant: usize) -> Bits {
        let mut own = Bits::default();
        for (index, (_, other)) in self.grants.iter().enumerate() {
            // A file in two folders is as secret, and as foreign, as each of them says.
            if index == grant || self.overlap(grant, index) {
                own = own.joined(self.names.bits(&other.label));
            }
            if self.gives_back(index, grant) {
                own.secrecy |= self.names.set(&other.accepted());
                // What lies in the folder from elsewhere can be moved within it, by whoever may write there.
                let inside = (0..self.grants.len()).filter(|inside| self.overlap(index, *inside));
                let inside = inside.filter_map(|inside| self.grants.get(inside));
                own.secrecy |= inside.fold(0, |all, (_, inside)| all | self.names.bits(&inside.label).secrecy);
            }
        }
        own
    }

    fn overlap(&self, a: usize, b: usize) -> bool {
        let name = |index: usize| self.grants.get(index).map(|(name, _)| *name);
        let (a, b) = (name(a), name(b));
        self.parts.overlaps.iter().any(|(x, y)| (Some(x) == a && Some(y) == b) || (Some(x) == b && Some(y) == a))
    }

    /// What the grants of a capability carry by themselves: no step of it carries less.
    fn least(&self, capability: usize) -> Bits {
        let held = self.held.get(capability).into_iter().flatten().filter_map(|grant| self.grants.get(*grant));
        held.map(|(_, grant)| self.names.bits(&grant.label)).fold(Bits::default(), Bits::joined)
    }

    /// One round; whether anything grew.
    pub(super) fn grow(&mut self, context: Set) -> bool {
        let shown = self.names.set(&self.parts.planner.accepts);
        let reads: Vec<Bits> = (0..self.grants.len()).map(|grant| self.read(grant)).collect();
        let mut grew = false;
        for capability in 0..self.capabilities.len() {
            let held = self.held.get(capability).cloned().unwrap_or_default();
            let mut found: Vec<(Bits, Source<usize, usize>)> =
                vec![(Bits { secrecy: context, origin: 0 }, Source::Context)];
            found.extend(held.iter().filter_map(|grant| Some((*reads.get(*grant)?, Source::Grant(*grant)))));
            let secrets = held.iter().filter_map(|grant| reads.get(*grant)).fold(0, |all, bits| all | bits.secrecy);
            for argument in 0..self.nodes.get(capability).map_or(0, Vec::len) {
                grew |= self.grow_argument(capability, argument);
                let traces = self.arguments.get(capability).and_then(|arguments| arguments.get(argument));
                found.extend(traces.map(|traces| (traces.bits, Source::Argument(argument))));
            }
            let Some(output) = self.outputs.get_mut(capability) else { continue };
            for (bits, source) in found {
                grew |= output.add(bits, source);
            }
            // Whether a step succeeded is told where its label may be shown, and then its origins are the planner's too.
            if secrets & !shown == 0 && output.bits.origin & !self.context != 0 {
                self.context |= output.bits.origin;
                grew = true;
            }
        }
        grew
    }

    fn grow_argument(&mut self, capability: usize, argument: usize) -> bool {
        let mut found = Vec::new();
        let nodes = self.nodes.get(capability).and_then(|arguments| arguments.get(argument));
        for node in nodes.into_iter().flat_map(|(_, nodes)| nodes) {
            self.fill(node, &mut found);
        }
        let traces = self.arguments.get_mut(capability).and_then(|arguments| arguments.get_mut(argument));
        traces
            .is_some_and(|traces| found.into_iter().fold(false, |grew, (bits, source)| traces.add(bits, source) | grew))
    }

    /// Everything that can fill a place in an argument, as far as is known by now.
    fn fill(&self, node: &Node, found: &mut Vec<(Bits, Source<usize, usize>)>) {
        let of = |origin: Set| Bits { secrecy: 0, origin };
        let planner = self.names.origin(Origin::Planner);
        let Node::Open { from, is_enum, inputs, outputs, endorsed } = node else {
            found.push(match node {
                Node::Input(input) => (self.input(*input).0, Source::Input(*input)),
                _ => (of(self.names.origin(Origin::Policy)), Source::Policy),
            });
            return;
        };
        if *is_enum {
            found.push((of(self.names.origin(Origin::Policy)), Source::Policy));
        }
        if from & planner != 0 || *is_enum {
            let carried = if *is_enum { self.context } else { self.context & from };
            found.push((of(planner), Source::Literal));
            found.push((of(carried), Source::Context));
        }
        found.push((of(self.names.origin(Origin::Task) & from), Source::Literal));
        for input in inputs {
            let (label, from_file) = self.input(*input);
            let kinds = [Some(label), from_file].into_iter().flatten().filter(|bits| bits.origin & !from == 0);
            found.extend(kinds.map(|bits| (bits, Source::Input(*input))));
        }
        for output in outputs.iter().filter(|output| self.fits(**output, 0, *from)) {
            let bits = self.outputs.get(*output).map(|traces| traces.bits).unwrap_or_default();
            found.push((Bits { origin: bits.origin & from, ..bits }, Source::Output(*output)));
        }
        let bound = self.names.origin(Origin::Policy) | self.names.origin(Origin::User);
        for (output, endorsement) in endorsed {
            let capability = self.capabilities.get(*output).map(|(_, capability)| *capability);
            let Some(endorsement) = capability.and_then(|c| c.endorsements.get(*endorsement)) else { continue };
            let dropped = self.names.set(&endorsement.drop);
            let read =
                self.held.get(*output).into_iter().flatten().fold(0, |all, grant| all | self.read(*grant).origin);
            let left = read & !dropped & from;
            if self.fits(*output, dropped, *from) && (!endorsement.is_picked() || from & planner != 0) {
                // Those who chose what is endorsed, and which element, were not read through its grants.
                let secrecy = self.outputs.get(*output).map_or(0, |traces| traces.bits.secrecy);
                found.push((Bits { secrecy, origin: left }, Source::Output(*output)));
                found.push((of(bound & from), Source::Policy));
                if endorsement.is_picked() {
                    found.push((of(planner), Source::Literal));
                    found.push((of(self.context & from), Source::Context));
                }
            }
        }
    }

    /// Whether an output of a capability may ever be admitted: by what its grants carry at least, without what is dropped.
    fn fits(&self, capability: usize, dropped: Set, from: Set) -> bool {
        self.least.get(capability).is_some_and(|least| least.origin & !dropped & !from == 0)
    }

    /// What an input carries; and what it carries when it is bound to a file, where the policy leaves that open.
    fn input(&self, input: usize) -> (Bits, Option<Bits>) {
        let Some((_, input)) = self.inputs.get(input) else { return (Bits::default(), None) };
        let secrecy = self.names.set(&input.secrecy);
        match &input.origin {
            Some(origin) => (Bits { secrecy, origin: self.names.set(origin) }, None),
            None => (
                Bits { secrecy, origin: self.names.origin(Origin::User) },
                Some(Bits { secrecy, origin: self.names.origin(Origin::File) }),
            ),
        }
    }

    pub(super) fn finish(self) -> Flows {
        let reads: Vec<Label> = (0..self.grants.len()).map(|grant| self.names.label(self.read(grant))).collect();
        let mut places: BTreeMap<usize, BTreeSet<Name>> = BTreeMap::new();
        for ((name, _), place) in self.grants.iter().zip(&self.place_of) {
            places.entry(*place).or_default().insert((*name).clone());
        }
        let capabilities = self.capabilities.iter().enumerate().map(|(index, (name, _))| {
            let mut own = Label::default();
            for grant in self.held.get(index).into_iter().flatten().filter_map(|grant| reads.get(*grant)) {
                own.join(grant);
            }
            let arguments =
                self.nodes.get(index).into_iter().flatten().zip(self.arguments.get(index).into_iter().flatten());
            let flow = Flow {
                reads: own,
                arguments: arguments
                    .map(|((name, _), traces)| ((*name).to_owned(), self.traced(index, traces)))
                    .collect(),
                output: self.outputs.get(index).map(|traces| self.traced(index, traces)).unwrap_or_default(),
            };
            ((*name).clone(), flow)
        });
        Flows {
            capabilities: capabilities.collect(),
            context: Label {
                secrecy: self.parts.planner.accepts.clone(),
                origin: self.names.named(self.context).collect(),
            },
            reads: self.grants.iter().zip(reads).map(|((name, _), label)| ((*name).clone(), label)).collect(),
            places: places.into_values().collect(),
        }
    }

    fn traced(&self, capability: usize, traces: &Traces) -> Traced {
        let named = |sources: &[(Set, Source<usize, usize>)]| {
            let each = sources.iter().flat_map(|(set, source)| self.names.named(*set).map(move |name| (name, *source)));
            each.filter_map(|(name, source)| Some((name, self.source(capability, source)?))).collect()
        };
        Traced { label: self.names.label(traces.bits), secrecy: named(&traces.secrecy), origin: named(&traces.origin) }
    }

    fn source(&self, capability: usize, source: Source<usize, usize>) -> Option<Source> {
        Some(match source {
            Source::Grant(grant) => Source::Grant(self.grants.get(grant)?.0.clone()),
            Source::Argument(argument) => Source::Argument(self.nodes.get(capability)?.get(argument)?.0.to_owned()),
            Source::Output(other) => Source::Output(self.capabilities.get(other)?.0.clone()),
            Source::Input(input) => Source::Input(self.inputs.get(input)?.0.clone()),
            Source::Literal => Source::Literal,
            Source::Policy => Source::Policy,
            Source::Context => Source::Context,
        })
    }
}
