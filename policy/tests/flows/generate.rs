//! Random cases: small policies, and plans that are mostly close to what they allow.

use crate::model::{
    Capability, Endorse, Filled, Grant, Input, Kind, Label, Node, Past, Policy, Session, Set, Shape, Step, Typed, Value,
};

/// A generator of cases, the same for the same seed: SplitMix64.
pub(crate) struct Random(pub(crate) u64);

/// A value that could stand somewhere, and whether it looks as if the policy admitted it.
struct Candidate {
    value: Value,
    likely: bool,
    weight: usize,
}

/// What of an output can be referred to.
fn parts(output: Shape) -> &'static [(&'static str, Shape)] {
    use Shape::{Json, List, Number, Object, Record, Rows, Text};
    match output {
        Text => &[("", Text)],
        Number => &[("", Number)],
        List => &[("", List), ("/0", Text), ("/1", Text)],
        Record => &[("", Record), ("/n", Number), ("/s", Text)],
        Rows => &[("", Rows), ("/0", Record), ("/1/n", Number), ("/0/s", Text)],
        Json | Object => &[
            ("", Json),
            ("/n", Number),
            ("/s", Text),
            ("/rows/0/n", Number),
            ("/rows/1/n", Number),
            ("/rows/1/s", Text),
        ],
    }
}

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.below(among.len())]
    }

    /// An index, each as often as its weight says.
    fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        weights.iter().take_while(|weight| left.checked_sub(**weight).map(|rest| left = rest).is_some()).count()
    }

    fn subset(&mut self, set: Set, percent: usize) -> Set {
        set.each().fold(Set::EMPTY, |some, one| if self.chance(percent) { some | one } else { some })
    }

    fn pair(&mut self, among: &[usize]) -> Option<(usize, usize)> {
        let (one, other) = (self.below(among.len().max(1)), self.below(among.len().max(2) - 1));
        let other = if other >= one { other + 1 } else { other };
        Some((*among.get(one)?, *among.get(other)?))
    }

    pub(crate) fn policy(&mut self) -> Policy {
        let mut grants: Vec<_> = (0..2 + self.below(4)).map(|id| self.grant(id)).collect();
        let named = |unnamed: fn(&Grant) -> bool, label: Set| {
            let own = grants.iter().filter(|grant| unnamed(grant)).map(|grant| Set::grant(grant.id));
            own.fold(label, |all, one| all | one)
        };
        let secrecies = named(|grant| grant.secrecy.is_none(), Set::RED);
        let origins = named(|grant| grant.origin.is_none(), Set::MAIL);
        for grant in grants.iter_mut().filter(|grant| grant.is_sink()) {
            let percent = if self.chance(85) { 50 } else { 100 };
            let own = if grant.kind == Kind::Write { Set::grant(grant.id) } else { Set::EMPTY };
            grant.accepts = self.subset(secrecies, percent) - own;
        }
        let is_folder = |grant: &&Grant| matches!(grant.kind, Kind::Read | Kind::Write);
        let folders: Vec<_> = grants.iter().filter(is_folder).map(|grant| grant.id).collect();
        let overlaps = if self.chance(30) { self.pair(&folders).into_iter().collect() } else { Vec::new() };

        let inputs: Vec<_> = [Shape::Text, Shape::Number]
            .into_iter()
            .enumerate()
            .map(|(id, shape)| Input {
                id,
                shape,
                secrecy: if self.chance(15) { Set::RED } else { Set::EMPTY },
                origin: (!self.chance(75)).then(|| Set::MAIL | self.subset(origins, 30)),
            })
            .collect();
        let some = 1 + self.below(4);
        let capabilities: Vec<_> = (0..some).map(|id| self.capability(id, &grants, &inputs, origins)).collect();

        let ids: Vec<_> = (0..some).collect();
        let before = if self.chance(33) { self.pair(&ids) } else { None };
        let after = if self.chance(33) { self.pair(&ids).filter(|pair| Some(*pair) != before) } else { None };
        Policy {
            overlaps,
            before,
            after,
            strict: self.chance(40),
            steps: self.chance(20).then(|| 2 + self.below(7)),
            shows: ids.into_iter().filter(|_| self.chance(50)).collect(),
            accepts: self.subset(secrecies, 60),
            grants,
            inputs,
            capabilities,
        }
    }

    fn grant(&mut self, id: usize) -> Grant {
        let host = *self.pick(&['a', 'b']);
        Grant {
            id,
            kind: [Kind::Host(host), Kind::Write, Kind::Read][self.weighted(&[30, 25, 45])],
            secrecy: [None, Some(Set::EMPTY), Some(Set::RED)][self.weighted(&[45, 25, 30])],
            origin: [None, Some(Set::EMPTY), Some(Set::MAIL)][self.weighted(&[45, 35, 20])],
            accepts: Set::EMPTY,
            hub: self.chance(12),
        }
    }

    fn capability(&mut self, id: usize, grants: &[Grant], inputs: &[Input], origins: Set) -> Capability {
        use Shape::{Json, List, Number, Object, Record, Rows, Text};
        let ids: Vec<_> = grants.iter().map(|grant| grant.id).collect();
        let granted = match self.weighted(&[15, 70, 15]) {
            0 => Vec::new(),
            1 => vec![*self.pick(&ids)],
            _ => self.pair(&ids).map(|(one, other)| vec![one, other]).unwrap_or_default(),
        };
        let held: Vec<_> = grants.iter().filter(|grant| granted.contains(&grant.id)).collect();
        let output = [Text, Number, List, Record, Rows, Json][self.weighted(&[18, 5, 8, 26, 18, 25])];
        // Only what is named can be dropped.
        let own = held.iter().fold(Set::EMPTY, |own, grant| own | grant.label().origin) & origins;
        let at = match output {
            Record => Some("/n"),
            Rows => Some("/*/n"),
            Json => Some(*self.pick(&["/n", "/rows/*/n"])),
            _ => None,
        };
        let own_each: Vec<_> = own.each().collect();
        let drop = if own.is_empty() || self.chance(80) { own } else { *self.pick(&own_each) };
        let endorse = at.filter(|_| !own.is_empty()).map(|at| Endorse { at, drop });
        let is_sink = held.iter().any(|grant| grant.is_sink());
        let plain = endorse.is_some();
        let arguments = (0..1 + self.weighted(&[70, 30]))
            .map(|_| {
                let any = if plain && self.chance(60) { [70, 30, 0, 0, 0, 0] } else { [36, 30, 7, 12, 8, 7] };
                let shape = [Text, Number, List, Record, Json, Object][self.weighted(&any)];
                self.argument(shape, plain, is_sink, inputs, origins)
            })
            .collect();
        let calls = self.chance(15).then(|| 1 + self.below(3));
        Capability { id, grants: granted, arguments, output, endorse, calls, approve: self.chance(10) }
    }

    /// `plain`: mostly filled by policy and user, so that the step endorses.
    fn argument(&mut self, shape: Shape, plain: bool, is_sink: bool, inputs: &[Input], origins: Set) -> Node {
        let filled_percent = if plain { (50, 70) } else { (8, 6) };
        if matches!(shape, Shape::Text | Shape::Number) {
            let bound = inputs.iter().find(|input| input.shape == shape && input.origin.is_none());
            let filled = match bound {
                _ if self.chance(filled_percent.0) => Some(Filled::Const),
                Some(input) if self.chance(filled_percent.1) => Some(Filled::Input(input.id)),
                _ => None,
            };
            if let Some(filled) = filled {
                return Node { shape, filled, from: None, ask: Set::EMPTY, length: false, nodes: Vec::new() };
            }
        }
        let mut node = self.node(shape, origins);
        node.nodes = match shape {
            Shape::List => vec![self.node(Shape::Text, origins)],
            Shape::Record | Shape::Object => [Shape::Number, Shape::Text].map(|part| self.node(part, origins)).into(),
            _ => Vec::new(),
        };
        for part in &mut node.nodes {
            match self.weighted(&[70, 10, 20]) {
                0 => (part.from, part.ask) = (None, Set::EMPTY),
                1 => (part.from, part.ask) = (Some(Set::ANY), Set::EMPTY),
                _ => {}
            }
        }
        if self.chance(if is_sink { 80 } else { 30 }) && !plain && !(shape == Shape::Number && self.chance(40)) {
            (node.from, node.ask) = (Some(Set::ANY), Set::EMPTY);
        }
        node
    }

    fn node(&mut self, shape: Shape, origins: Set) -> Node {
        let default = Set::POLICY | Set::USER;
        let admitted = Set::PLANNER | Set::FILE | Set::TASK | origins;
        let from = match self.weighted(&[32, 22, 36, 10]) {
            _ if shape == Shape::Number && self.chance(40) => None,
            0 => None,
            1 => Some(default | Set::PLANNER),
            3 => Some(default | Set::TASK),
            _ => Some(default | self.subset(admitted, 50)),
        };
        let percent = if from.is_some() { 30 } else { 15 };
        let ask = if self.chance(percent) { self.subset(admitted, 60) - from.unwrap_or(default) } else { Set::EMPTY };
        let from = if ask.is_empty() { from } else { from.or(Some(default)) };
        let filled = if shape == Shape::Text && self.chance(25) { Filled::Enum } else { Filled::Plan };
        Node { shape, filled, from, ask, length: shape == Shape::List && self.chance(40), nodes: Vec::new() }
    }

    pub(crate) fn session(&mut self, policy: &Policy) -> Session {
        let files = policy.inputs.iter().map(|input| input.id).filter(|_| self.chance(20)).collect();
        let own = Set::PLANNER | Set::USER;
        let origins = policy.grants.iter().fold(own, |all, grant| all | grant.label().origin);
        let percent = if self.chance(15) { 50 } else { 0 };
        let context = Label { secrecy: self.subset(policy.accepts, percent), origin: self.subset(origins, percent) };
        let typed = Typed { text: self.chance(70), number: self.chance(70) };
        Session { files, typed, context, past: Vec::new() }
    }

    pub(crate) fn plan<'s>(&mut self, policy: &Policy, session: &'s Session) -> Vec<Step> {
        let ids = session.past.iter().flat_map(|past| past.plan.iter().map(|step| step.id));
        let next = ids.max().map_or(0, |id| id + 1);
        let done = |past: &'s Past| past.started().iter().filter(move |step| Some(step.id) != past.failed);
        let done: Vec<&Step> = session.past.iter().flat_map(done).collect();
        let mut plan: Vec<Step> = Vec::new();
        for id in next..next + 1 + self.weighted(&[25, 30, 25, 12, 8]) {
            let mut capability = self.pick(&policy.capabilities);
            if let Some((left, _)) = policy.before.filter(|(_, right)| *right == capability.id) {
                let missing = !done.iter().copied().chain(&plan).any(|step| step.capability == left);
                if missing && self.chance(25) {
                    capability = policy.capability(left);
                }
            }
            let earlier: Vec<_> = done.iter().copied().filter(|_| self.chance(30)).chain(&plan).collect();
            let default = Set::POLICY | Set::USER;
            let nodes = capability.arguments.iter();
            let arguments = nodes.map(|node| self.value(policy, capability, node, default, &earlier, 0)).collect();
            plan.push(Step { id, capability: capability.id, arguments });
        }
        plan
    }

    fn value(
        &mut self,
        policy: &Policy,
        capability: &Capability,
        node: &Node,
        around: Set,
        earlier: &[&Step],
        depth: usize,
    ) -> Option<Value> {
        match node.filled {
            Filled::Const => return self.chance(20).then_some(Value::Literal),
            Filled::Input(id) => return self.chance(20).then_some(Value::Input(id)),
            Filled::Plan | Filled::Enum => {}
        }
        let from = node.from.map_or(around, |from| from | node.ask);
        let author = if node.filled == Filled::Enum { Set::POLICY } else { Set::PLANNER };
        let mut candidates = Vec::new();
        let mut add = |value, likely, weight| candidates.push(Candidate { value, likely, weight });
        if matches!(node.shape, Shape::Text | Shape::Number | Shape::Json) {
            add(Value::Literal, author.within(from) || Set::TASK.within(from), 1);
        }
        if matches!(node.shape, Shape::List | Shape::Record | Shape::Object | Shape::Json) {
            let fixed = matches!(node.shape, Shape::Record | Shape::Object) || node.length;
            add(Value::Whole(Vec::new()), fixed || author.within(from), 1);
        }
        for input in policy.inputs.iter().filter(|input| input.shape == node.shape || node.shape == Shape::Json) {
            let admitted = input.origin.unwrap_or(Set::USER).within(from);
            add(Value::Input(input.id), admitted && self.keeps(policy, capability, input.secrecy), 1);
        }
        for step in earlier {
            let source = policy.capability(step.capability);
            let label = policy.grants_of(source).fold(Label::default(), |label, grant| label | grant.label());
            for (at, _) in parts(source.output).iter().filter(|(_, s)| *s == node.shape || node.shape == Shape::Json) {
                let endorsed = source.endorse.as_ref().filter(|endorse| at.replace(['0', '1'], "*") == endorse.at);
                let origin = endorsed.map_or(label.origin, |endorse| label.origin - endorse.drop);
                let likely = origin.within(from) && self.keeps(policy, capability, label.secrecy);
                add(Value::Step(step.id, at), likely, if endorsed.is_some() { 13 } else { 1 });
            }
        }
        let strict = candidates.iter().any(|candidate| candidate.likely) && !self.chance(12);
        candidates.retain(|candidate| candidate.likely || !strict);
        let weights: Vec<_> = candidates.iter().map(|candidate| candidate.weight).collect();
        let value = candidates.swap_remove(self.weighted(&weights)).value;
        let Value::Whole(_) = value else { return Some(value) };
        let length = match node.shape {
            Shape::Json if depth >= 2 => 0,
            Shape::List | Shape::Json if !node.length => self.below(3),
            _ => 2,
        };
        let inner =
            (0..length).map(|index| self.value(policy, capability, node.part(index).1, from, earlier, depth + 1));
        Some(Value::Whole(inner.collect::<Option<_>>()?))
    }

    /// Whether every sink of the capability accepts this, or it is tried without a look at them.
    fn keeps(&mut self, policy: &Policy, capability: &Capability, secrecy: Set) -> bool {
        let mut sinks = policy.grants_of(capability).filter(|grant| grant.is_sink());
        self.chance(35) || sinks.all(|sink| secrecy.within(sink.accepts | sink.label().secrecy))
    }

    /// What becomes of a plan that is accepted.
    pub(crate) fn past(&mut self, plan: Vec<Step>) -> Past {
        let failed = self.chance(20).then(|| self.pick(&plan).id);
        let mut past = Past { plan, failed, disclosed: Vec::new() };
        past.disclosed = past.started().iter().map(|step| step.id).filter(|_| self.chance(50)).collect();
        past
    }
}
