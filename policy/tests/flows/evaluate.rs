//! The reference: what POLICY.md says of a plan, read a second time and computed from the text's words alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Capability, Endorse, Filled, Grant, Kind, Label, Node, Policy, Session, Set, Shape, Step, Typed, Value,
};

/// What can be switched off, to see whether the comparison notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// Rule 2: of an `enum`, a literal counts as the policy's.
    Enum,
    /// Rule 2: a literal that the user typed counts as the task's, where that is admitted.
    Task,
    /// Rule 2: a length and keys that nothing fixes are the planner's.
    Length,
    /// Rule 2: a literal has the context's origins.
    ContextOrigin,
    /// Rule 4.
    Place,
    /// Rule 5, at load.
    Flow,
    SinkByArgument,
    SinkByContext,
    /// Rule 6.
    From,
    Ask,
    /// Rule 7: what the planner learns joins the context.
    Disclosure,
    /// Rule 7: the context's secrecy joins every step.
    ContextSecrecy,
    /// Rule 9.
    Endorsement,
    /// Rule 9: an element that a plan picks out has the planner's origin too.
    Pick,
    /// Rule 10.
    Each,
    Before,
    After,
    Strict,
    StrictDisclosure,
    Calls,
    Steps,
}

impl Rule {
    pub(crate) const ALL: [Self; 21] = [
        Self::Enum,
        Self::Task,
        Self::Length,
        Self::ContextOrigin,
        Self::Place,
        Self::Flow,
        Self::SinkByArgument,
        Self::SinkByContext,
        Self::From,
        Self::Ask,
        Self::Disclosure,
        Self::ContextSecrecy,
        Self::Endorsement,
        Self::Pick,
        Self::Each,
        Self::Before,
        Self::After,
        Self::Strict,
        Self::StrictDisclosure,
        Self::Calls,
        Self::Steps,
    ];
}

/// What is said of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Each as its rule and its place.
    pub(crate) violations: BTreeSet<(String, String)>,
    /// The places that need an approval, where there is no violation.
    pub(crate) questions: BTreeSet<String>,
    /// Of each step, where the plan is accepted.
    pub(crate) labels: Vec<Label>,
}

impl Answer {
    pub(crate) fn is_refused(&self) -> bool {
        !self.violations.is_empty()
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.violations.is_empty() && self.questions.is_empty()
    }
}

/// What has happened in a session.
#[derive(Clone, Debug)]
pub(crate) struct State {
    context: Label,
    files: Vec<usize>,
    typed: Typed,
    steps: Vec<Happened>,
}

#[derive(Clone, Debug)]
struct Happened {
    id: usize,
    capability: usize,
    label: Label,
    endorses: bool,
    failed: bool,
    /// Whether the planner knows that it failed. Until then no verdict may tell it.
    known_failed: bool,
}

/// Whom a schema admits: `from`, and what is admitted once it is approved.
#[derive(Clone, Copy)]
struct Admitted {
    from: Set,
    ask: Set,
}

/// A value in a plan, or a part of one, without its own parts.
struct Place {
    at: String,
    label: Label,
    /// Its origins as `from` counts them.
    counted: Set,
    /// By its own schema, and by those of all that a reference fills.
    admitted: Vec<Admitted>,
}

#[derive(Clone)]
pub(crate) struct Evaluator<'p> {
    policy: &'p Policy,
    off: Option<Rule>,
    places: BTreeMap<usize, Vec<&'p Grant>>,
    reach: BTreeMap<usize, Label>,
}

/// Rule 4: which grants are one place with `grant`, itself too.
fn place<'p>(policy: &'p Policy, grant: &'p Grant) -> Vec<&'p Grant> {
    let touch = |one: &Grant, other: &Grant| {
        let pair = |&(left, right): &(usize, usize)| {
            (left, right) == (one.id, other.id) || (right, left) == (one.id, other.id)
        };
        one.id == other.id
            || policy.overlaps.iter().any(pair)
            || one.hub && other.hub
            || matches!((one.kind, other.kind), (Kind::Host(one), Kind::Host(other)) if one == other)
    };
    let mut place = vec![grant];
    loop {
        let next: Vec<_> = policy.grants.iter().filter(|grant| place.iter().any(|one| touch(one, grant))).collect();
        if next.len() == place.len() {
            return place;
        }
        place = next;
    }
}

/// Rule 5: what may reach a sink; a folder accepts its own secrecy unasked.
fn accepted(sink: &Grant) -> Set {
    if sink.kind == Kind::Write { sink.accepts | sink.label().secrecy } else { sink.accepts }
}

/// Whether a part of an output of the one shape is a value, or a part of one, of the other. Of an object the policy lists the
/// parts, each with whom it admits, so they are looked at by themselves.
fn can_fit(output: Shape, node: Shape) -> bool {
    use Shape::{Json, List, Number, Object, Record, Rows, Text};
    match (output, node) {
        (Json, _) | (_, Json) => true,
        (Text | List, node) => matches!(node, Text | List | Record),
        (Number, node) => matches!(node, Number | Record),
        (Record | Rows, node) => matches!(node, Text | Number | List | Record | Object),
        (Object, _) => false,
    }
}

/// Whether `at` is the place that is endorsed, a `*` standing for an index.
fn is_at(endorsed: &str, at: &str) -> bool {
    let (endorsed, at): (Vec<_>, Vec<_>) = (endorsed.split('/').collect(), at.split('/').collect());
    let same = |(one, other): (&&str, &&str)| one == other || *one == "*" && other.parse::<usize>().is_ok();
    endorsed.len() == at.len() && endorsed.iter().zip(&at).all(same)
}

impl Admitted {
    /// Rule 6: the default of `from`.
    const DEFAULT: Self = Self { from: Set::POLICY.or(Set::USER), ask: Set::EMPTY };

    /// The nearest `from` counts, with the `ask` beside it.
    fn nearest(self, node: &Node) -> Self {
        node.from.map_or(self, |from| Self { from, ask: node.ask })
    }

    /// Rule 2: whether the task's word counts as that, and not as the planner's: it is admitted; or it is once somebody was
    /// asked, and the planner's is not without that either.
    fn prefers_task(self, planner: Set) -> bool {
        Set::TASK.within(self.from) || Set::TASK.within(self.ask) && !planner.within(self.from)
    }

    /// By `node`, and by every part of it.
    fn throughout(self, node: &Node) -> Vec<Self> {
        let parts = node.nodes.iter().flat_map(|part| self.nearest(part).throughout(part));
        std::iter::once(self).chain(parts).collect()
    }
}

impl<'p> Evaluator<'p> {
    pub(crate) fn new(policy: &'p Policy) -> Self {
        let places = policy.grants.iter().map(|grant| (grant.id, place(policy, grant))).collect();
        let nothing: BTreeMap<_, _> = policy.capabilities.iter().map(|one| (one.id, Label::default())).collect();
        let mut evaluator = Self { policy, off: None, places, reach: nothing };
        loop {
            let context = evaluator.context_origin();
            let round = policy.capabilities.iter().map(|one| (one.id, evaluator.capability_reach(one, context)));
            let round: BTreeMap<_, _> = round.collect();
            if round == evaluator.reach {
                return evaluator;
            }
            evaluator.reach = round;
        }
    }

    /// The same without a rule. What can be reached stays: it stands for what the crate, which has the rule, lets in.
    pub(crate) fn without(&self, off: Option<Rule>) -> Self {
        Self { off, ..self.clone() }
    }

    fn on(&self, rule: Rule) -> bool {
        self.off != Some(rule)
    }

    /// The largest label that a step of this capability can have.
    pub(crate) fn reach(&self, capability: usize) -> Label {
        self.reach[&capability]
    }

    fn sinks(&self, capability: &'p Capability) -> impl Iterator<Item = &'p Grant> {
        self.policy.grants_of(capability).filter(|grant| grant.is_sink())
    }

    /// Rules 1 and 4: what is read through a grant.
    fn read(&self, grant: &Grant) -> Label {
        let mut label = grant.label();
        // A file in two folders is as secret, and as foreign, as each of them says.
        for other in &self.policy.grants {
            if self.policy.overlaps.iter().any(|pair| *pair == (grant.id, other.id) || *pair == (other.id, grant.id)) {
                label |= other.label();
            }
        }
        if !self.on(Rule::Place) {
            return label;
        }
        for sink in self.places[&grant.id].iter().filter(|grant| grant.is_sink()) {
            label.secrecy |= accepted(sink);
            // What lies in the folder from elsewhere can be moved within it.
            for other in &self.policy.grants {
                if self.policy.overlaps.iter().any(|pair| *pair == (sink.id, other.id) || *pair == (other.id, sink.id))
                {
                    label.secrecy |= other.label().secrecy;
                }
            }
            for writer in self.policy.capabilities.iter().filter(|writer| writer.grants.contains(&sink.id)) {
                label.origin |= self.reach(writer.id).origin;
            }
        }
        label
    }

    /// The most that the planner can have been shown.
    pub(crate) fn context(&self) -> Label {
        Label { secrecy: self.policy.accepts, origin: self.context_origin() }
    }

    /// All that a capability can read.
    fn reads(&self, capability: &'p Capability) -> Label {
        self.policy.grants_of(capability).fold(Label::default(), |label, grant| label | self.read(grant))
    }

    /// One round of the fixpoint of SPEC's "Reach", for one capability.
    fn capability_reach(&self, capability: &'p Capability, context: Set) -> Label {
        let shown = Label { secrecy: self.policy.accepts, origin: Set::EMPTY };
        let arguments = capability.arguments.iter().map(|node| self.node_reach(node, Admitted::DEFAULT, context));
        arguments.fold(self.reads(capability) | shown, |label, argument| label | argument)
    }

    /// The origins that the context can have: those of every step of which the planner can learn anything.
    fn context_origin(&self) -> Set {
        let shown = self.policy.capabilities.iter().filter(|one| self.reads(one).secrecy.within(self.policy.accepts));
        shown.fold(Set::EMPTY, |origin, one| origin | self.reach(one.id).origin)
    }

    /// The largest label that a value at `node` can have, or a part of it.
    fn node_reach(&self, node: &Node, admitted: Admitted, context: Set) -> Label {
        let of_origin = |origin| Label { secrecy: Set::EMPTY, origin };
        match node.filled {
            Filled::Const => return of_origin(Set::POLICY),
            Filled::Input(id) => {
                let input = self.policy.input(id);
                return Label { secrecy: input.secrecy, origin: input.origin.unwrap_or(Set::USER) };
            }
            Filled::Plan | Filled::Enum => {}
        }
        let admitted = admitted.nearest(node);
        let from = admitted.from | admitted.ask;
        let mut label = of_origin(Set::TASK & from);
        if Set::PLANNER.within(from) {
            label.origin |= Set::PLANNER | (context & from);
        }
        if node.filled == Filled::Enum {
            label.origin |= Set::POLICY | Set::PLANNER | context;
        }
        for input in self.policy.inputs.iter().filter(|input| input.shape == node.shape || node.shape == Shape::Json) {
            for origin in input.origin.map_or(vec![Set::USER, Set::FILE], |origin| vec![origin]) {
                if origin.within(from) {
                    label |= Label { secrecy: input.secrecy, origin };
                }
            }
        }
        for source in &self.policy.capabilities {
            let reach = self.reach(source.id);
            // Its grants' own origins, not what rule 4 adds: that grows, and an edge that it took away again would
            // leave no least fixpoint.
            let own = self.policy.grants_of(source).fold(Set::EMPTY, |own, grant| own | grant.label().origin);
            if can_fit(source.output, node.shape) && own.within(from) {
                label |= Label { secrecy: reach.secrecy, origin: reach.origin & from };
            }
            if let Some(Endorse { at, drop }) = &source.endorse {
                let part = if source.output == Shape::Json { Shape::Json } else { Shape::Number };
                let left = self.reads(source).origin - *drop;
                // Which element it is, the planner says, who must be admitted then.
                let picked = at.contains('*');
                let admitted = !picked || Set::PLANNER.within(from);
                if can_fit(part, node.shape) && (own - *drop).within(from) && admitted {
                    let origin = (left | Set::POLICY | Set::USER) & from;
                    label |= Label { secrecy: reach.secrecy, origin };
                    if picked {
                        label.origin |= Set::PLANNER | (context & from);
                    }
                }
            }
        }
        node.nodes.iter().fold(label, |label, part| label | self.node_reach(part, admitted, context))
    }

    /// Rule 5: what a capability reads through its other grants can reach each of its sinks.
    pub(crate) fn loads(&self) -> bool {
        let leaks = |capability: &'p Capability, sink: &Grant| {
            let mut others = self.policy.grants_of(capability).filter(|other| other.id != sink.id);
            others.any(|other| !self.read(other).secrecy.within(accepted(sink)))
        };
        let by_itself = |capability: &'p Capability| self.sinks(capability).any(|sink| leaks(capability, sink));
        !self.on(Rule::Flow) || !self.policy.capabilities.iter().any(by_itself)
    }

    /// What has happened in a session.
    pub(crate) fn state(&self, session: &Session) -> State {
        let (context, files, typed) = (session.context, session.files.clone(), session.typed);
        let mut state = State { context, files, typed, steps: Vec::new() };
        for past in &session.past {
            for step in past.started() {
                let (happened, _) = self.step(&state, step, 0);
                state.steps.push(Happened { failed: Some(step.id) == past.failed, ..happened });
            }
            for id in &past.disclosed {
                self.disclose(&mut state, *id);
            }
        }
        state
    }

    /// Rules 7 and 8: the planner learns of a step what it may, and that joins the context.
    fn disclose(&self, state: &mut State, id: usize) {
        let label = state.steps.iter().find(|step| step.id == id).expect("a step").label;
        let strict = self.policy.strict && self.on(Rule::StrictDisclosure);
        let others = state.steps.iter().filter(|_| strict).fold(Set::EMPTY, |all, step| all | step.label.secrecy);
        if (label.secrecy | others).within(self.policy.accepts) && self.on(Rule::Disclosure) {
            state.context |= label;
            for step in state.steps.iter_mut().filter(|step| step.id == id) {
                step.known_failed = step.failed;
            }
        }
    }

    /// Whether a plan halts when it runs, since a step that it needs before has failed in silence.
    pub(crate) fn halts(&self, state: &State, plan: &[Step]) -> bool {
        let Some((left, right)) = self.policy.before else { return false };
        let done = state.steps.iter().any(|step| step.capability == left && !step.failed);
        let first = |id: usize| plan.iter().position(|step| step.capability == id);
        !done && first(right).is_some_and(|right| first(left).is_none_or(|left| right < left))
    }

    /// Rule 3: a step's label, and each value in it with its place.
    fn step(&self, state: &State, step: &Step, index: usize) -> (Happened, Vec<Vec<Place>>) {
        let capability = self.policy.capability(step.capability);
        let arguments = capability.arguments.iter().zip(&step.arguments).enumerate();
        let arguments: Vec<_> = arguments
            .map(|(number, (node, value))| {
                let mut places = Vec::new();
                let at = format!("/steps/{index}/arguments/p{number}");
                self.values(state, node, value.as_ref(), at, Admitted::DEFAULT, &mut places);
                places
            })
            .collect();
        let given = arguments.iter().flatten().fold(Label::default(), |label, place| label | place.label);
        let mut label = given | self.reads(capability);
        if self.on(Rule::ContextSecrecy) {
            label.secrecy |= state.context.secrecy;
        }
        // Rule 9: only in a step whose arguments come from policy and user.
        let endorses = given.origin.within(Set::POLICY | Set::USER);
        (
            Happened { id: step.id, capability: step.capability, label, endorses, failed: false, known_failed: false },
            arguments,
        )
    }

    /// Rule 2: the label of a value and of each of its parts.
    fn values(
        &self,
        state: &State,
        node: &Node,
        value: Option<&Value>,
        at: String,
        admitted: Admitted,
        places: &mut Vec<Place>,
    ) {
        let admitted = admitted.nearest(node);
        let mut literal = Label { secrecy: Set::EMPTY, origin: Set::PLANNER };
        if self.on(Rule::ContextOrigin) {
            literal.origin |= state.context.origin;
        }
        let (label, counted, admitted) = match (node.filled, value) {
            (Filled::Const, _) => (Label { origin: Set::POLICY, ..Label::default() }, Set::POLICY, vec![admitted]),
            (Filled::Input(id), _) => {
                let label = self.input(state, id);
                (label, label.origin, vec![admitted])
            }
            (_, Some(Value::Input(id))) => {
                let label = self.input(state, *id);
                (label, label.origin, vec![admitted])
            }
            (filled, Some(Value::Literal)) => {
                if state.typed.is(node) && self.on(Rule::Task) && admitted.prefers_task(literal.origin) {
                    literal = Label { secrecy: Set::EMPTY, origin: Set::TASK };
                }
                let listed = filled == Filled::Enum && self.on(Rule::Enum);
                (literal, if listed { Set::POLICY } else { literal.origin }, vec![admitted])
            }
            (_, Some(Value::Step(id, part))) => {
                let label = self.reference(state, *id, part, literal);
                (label, label.origin, admitted.throughout(node))
            }
            (_, Some(Value::Whole(parts))) => {
                for (index, part) in parts.iter().enumerate() {
                    let (key, node) = node.part(index);
                    self.values(state, node, Some(part), format!("{at}/{key}"), admitted, places);
                }
                let open = node.shape == Shape::Json || node.shape == Shape::List && !node.length;
                if !open || !self.on(Rule::Length) {
                    return;
                }
                (literal, literal.origin, vec![admitted])
            }
            (_, None) => return,
        };
        places.push(Place { at, label, counted, admitted });
    }

    /// Rule 2: an input is the user's, or what the policy declares.
    fn input(&self, state: &State, id: usize) -> Label {
        let input = self.policy.input(id);
        let bound = if state.files.contains(&id) { Set::FILE } else { Set::USER };
        Label { secrecy: input.secrecy, origin: input.origin.unwrap_or(bound) }
    }

    /// Rules 3 and 9: a step's output has its label, but for an endorsed part.
    fn reference(&self, state: &State, id: usize, part: &str, literal: Label) -> Label {
        let step = state.steps.iter().find(|step| step.id == id).expect("a step");
        let mut label = step.label;
        let endorse = &self.policy.capability(step.capability).endorse;
        if let Some(Endorse { at, drop }) = endorse.as_ref().filter(|endorse| is_at(endorse.at, part))
            && step.endorses
            && self.on(Rule::Endorsement)
        {
            label.origin = label.origin - *drop;
            if at.contains('*') && self.on(Rule::Pick) {
                label.origin |= literal.origin;
            }
        }
        label
    }

    /// Of each step of a plan its label, and what each of its arguments carries.
    pub(crate) fn labels(&self, state: &State, plan: &[Step]) -> Vec<(Label, Vec<Label>)> {
        let mut state = state.clone();
        let mut labels = Vec::new();
        for (index, step) in plan.iter().enumerate() {
            let (happened, arguments) = self.step(&state, step, index);
            let joined = |places: &Vec<Place>| places.iter().fold(Label::default(), |all, place| all | place.label);
            labels.push((happened.label, arguments.iter().map(joined).collect()));
            state.steps.push(happened);
        }
        labels
    }

    /// What it reads elsewhere that a capability can send into a grant's place; `None` where it has no sink there.
    pub(crate) fn sent(&self, capability: usize, grant: usize) -> Option<Set> {
        let capability = self.policy.capability(capability);
        let is_there = |sink: &&Grant| self.places[&grant].iter().any(|one| one.id == sink.id);
        let read = |sink: &Grant| {
            let others = self.policy.grants_of(capability).filter(|other| other.id != sink.id);
            others.fold(Set::EMPTY, |all, other| all | self.read(other).secrecy)
        };
        self.sinks(capability).filter(is_there).map(read).reduce(|all, one| all | one)
    }

    /// The whole answer, and which rules it is by.
    pub(crate) fn answer(&self, state: &State, plan: &[Step]) -> (Answer, BTreeSet<Rule>) {
        let mut state = state.clone();
        let (mut answer, mut violated, mut asked) = (Answer::default(), BTreeSet::new(), BTreeSet::new());
        for (index, step) in plan.iter().enumerate() {
            let (happened, arguments) = self.step(&state, step, index);
            let mut violate = |rule: Rule, name: &str, at: String| {
                if self.on(rule) {
                    violated.insert(rule);
                    answer.violations.insert((name.to_owned(), at));
                }
            };
            let mut ask = |rule: Rule, at: String| {
                if self.on(rule) {
                    asked.insert(rule);
                    answer.questions.insert(at);
                }
            };
            let capability = self.policy.capability(step.capability);
            let (at, at_capability) = (format!("/steps/{index}"), format!("/steps/{index}/capability"));

            // Rule 5, and `strict`.
            for sink in self.sinks(capability) {
                for (number, places) in arguments.iter().enumerate() {
                    if places.iter().any(|place| !place.label.secrecy.within(accepted(sink))) {
                        violate(Rule::SinkByArgument, "sink.accepts", format!("{at}/arguments/p{number}"));
                    }
                }
                if !state.context.secrecy.within(accepted(sink)) {
                    violate(Rule::SinkByContext, "sink.accepts", at_capability.clone());
                }
                let earlier = |step: &Happened| !step.label.secrecy.within(accepted(sink));
                if self.policy.strict && state.steps.iter().any(earlier) {
                    violate(Rule::Strict, "strict.accepts", at_capability.clone());
                }
            }

            // Rule 6.
            for place in arguments.into_iter().flatten() {
                let all = |admits: &dyn Fn(&Admitted) -> Set| {
                    place.admitted.iter().all(|admitted| place.counted.within(admits(admitted)))
                };
                if !all(&|admitted| admitted.from | admitted.ask) {
                    violate(Rule::From, "argument.from", place.at);
                } else if !all(&|admitted| admitted.from) {
                    ask(Rule::Ask, place.at);
                }
            }

            // Rule 10.
            if capability.approve {
                ask(Rule::Each, at.clone());
            }

            // Order and budgets.
            let of = |id: usize| state.steps.iter().filter(move |step| step.capability == id);
            if let Some((left, right)) = self.policy.before
                && step.capability == right
                && !of(left).any(|step| !step.known_failed)
            {
                violate(Rule::Before, "order.before", at_capability.clone());
            }
            if let Some((left, right)) = self.policy.after
                && step.capability == right
                && of(left).next().is_some()
            {
                violate(Rule::After, "order.after", at_capability);
            }
            if capability.calls.is_some_and(|calls| of(step.capability).count() >= calls) {
                violate(Rule::Calls, "budget.calls", at.clone());
            }
            if self.policy.steps.is_some_and(|steps| state.steps.len() >= steps) {
                violate(Rule::Steps, "budget.steps", at);
            }
            answer.labels.push(happened.label);
            state.steps.push(happened);
        }
        if answer.is_refused() {
            answer.questions.clear();
            asked.clear();
        }
        if !answer.is_accepted() {
            answer.labels.clear();
        }
        violated.append(&mut asked);
        (answer, violated)
    }
}
