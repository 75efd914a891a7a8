//! A case as plain data: a policy, a session and a plan, and how the crate is told of them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use claw_policy::catalogue::{Catalogue, Component, Failure, Function, Signature};
use claw_policy::types::{Field, Type};
use claw_policy::{Given, Name};
use serde_json::{Value as Json, json};

/// The names that are no grant's, a bit each in this order.
const NAMES: [&str; 7] = ["policy", "user", "planner", "file", "task", "red", "mail"];

/// A set of names, a bit each: the built-in origins, the two `[labels]`, and the grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Set(u32);

impl Set {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const POLICY: Self = Self(1);
    pub(crate) const USER: Self = Self(1 << 1);
    pub(crate) const PLANNER: Self = Self(1 << 2);
    pub(crate) const FILE: Self = Self(1 << 3);
    pub(crate) const TASK: Self = Self(1 << 4);
    /// The secrecy of `[labels]`.
    pub(crate) const RED: Self = Self(1 << 5);
    /// The origin of `[labels]`.
    pub(crate) const MAIL: Self = Self(1 << 6);
    pub(crate) const ANY: Self = Self(u32::MAX);

    pub(crate) fn grant(id: usize) -> Self {
        Self(1 << (8 + id))
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its names, each as a set of one.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        (0..16).map(|bit| Self(1 << bit)).filter(move |one| one.within(self))
    }

    pub(crate) fn names(self) -> Vec<String> {
        if self == Self::ANY {
            return vec!["any".to_owned()];
        }
        let name = |bit: usize| NAMES.get(bit).map_or_else(|| format!("g{}", bit - 8), |name| (*name).to_owned());
        self.each().map(|one| name(one.0.trailing_zeros() as usize)).collect()
    }

    fn of<'n>(names: impl IntoIterator<Item = &'n Name>) -> Self {
        names.into_iter().fold(Self::EMPTY, |set, name| {
            let named = NAMES.iter().position(|known| *known == name.as_str());
            set | named.map_or_else(|| Self::grant(name.as_str()[1..].parse().expect("a grant")), |bit| Self(1 << bit))
        })
    }
}

impl BitOr for Set {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl BitOrAssign for Set {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.or(other);
    }
}

impl BitAnd for Set {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for Set {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) secrecy: Set,
    pub(crate) origin: Set,
}

impl Label {
    pub(crate) fn within(self, other: Self) -> bool {
        self.secrecy.within(other.secrecy) && self.origin.within(other.origin)
    }

    pub(crate) fn read(label: &claw_policy::Label) -> Self {
        Self { secrecy: Set::of(&label.secrecy), origin: Set::of(&label.origin) }
    }

    pub(crate) fn written(self) -> claw_policy::Label {
        serde_json::from_value(json!({ "secrecy": self.secrecy.names(), "origin": self.origin.names() }))
            .expect("a label")
    }
}

impl BitOr for Label {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self { secrecy: self.secrecy | other.secrecy, origin: self.origin | other.origin }
    }
}

impl BitAnd for Label {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self { secrecy: self.secrecy & other.secrecy, origin: self.origin & other.origin }
    }
}

impl BitOrAssign for Label {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// What a value is, of an input, a parameter or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Number,
    /// Of texts.
    List,
    /// With the fields `n` and `s`, a number and a text.
    Record,
    /// A list of such records, as an output alone.
    Rows,
    /// Any JSON, in a string.
    Json,
    /// An object of `n` and `s`, in a string: as a parameter alone.
    Object,
}

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) grants: Vec<Grant>,
    /// Folders that overlap, by their grants.
    pub(crate) overlaps: Vec<(usize, usize)>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) before: Option<(usize, usize)>,
    pub(crate) after: Option<(usize, usize)>,
    pub(crate) strict: bool,
    pub(crate) steps: Option<usize>,
    pub(crate) shows: Vec<usize>,
    /// What the planner accepts.
    pub(crate) accepts: Set,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    Host(char),
}

#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: usize,
    pub(crate) kind: Kind,
    /// `None` is its own name.
    pub(crate) secrecy: Option<Set>,
    pub(crate) origin: Option<Set>,
    pub(crate) accepts: Set,
    /// Whether it says `place = "hub"`.
    pub(crate) hub: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) id: usize,
    pub(crate) shape: Shape,
    pub(crate) secrecy: Set,
    pub(crate) origin: Option<Set>,
}

#[derive(Clone, Debug)]
pub(crate) struct Capability {
    pub(crate) id: usize,
    pub(crate) grants: Vec<usize>,
    pub(crate) arguments: Vec<Node>,
    pub(crate) output: Shape,
    pub(crate) endorse: Option<Endorse>,
    pub(crate) calls: Option<usize>,
    pub(crate) approve: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Endorse {
    pub(crate) at: &'static str,
    pub(crate) drop: Set,
}

/// A part of an argument's schema.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) shape: Shape,
    pub(crate) filled: Filled,
    pub(crate) from: Option<Set>,
    pub(crate) ask: Set,
    /// Whether a list is of two items, always.
    pub(crate) length: bool,
    /// Of a list its item, of a record or an object `n` and `s`.
    pub(crate) nodes: Vec<Node>,
}

/// With what a part of an argument is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Plan,
    Enum,
    Const,
    Input(usize),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// The inputs that are bound from a file.
    pub(crate) files: Vec<usize>,
    /// Which of the literals the user typed into the task: the text, the number.
    pub(crate) typed: Typed,
    /// What a planner that remembers has seen.
    pub(crate) context: Label,
    pub(crate) past: Vec<Past>,
}

/// What a user typed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Typed {
    pub(crate) text: bool,
    pub(crate) number: bool,
}

impl Typed {
    /// Whether it is what a literal at `node` says.
    pub(crate) fn is(self, node: &Node) -> bool {
        if node.shape == Shape::Number { self.number } else { self.text }
    }

    /// The task. Plain words, and what is inside of a literal, count for nothing.
    pub(crate) fn task(self) -> String {
        let (text, number) = (if self.text { "\"x\"" } else { "x 'x y'" }, if self.number { "3" } else { "\"3\"" });
        format!("do {text} to {number}")
    }
}

/// A plan that has run.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) plan: Vec<Step>,
    /// The step that failed: no later one started.
    pub(crate) failed: Option<usize>,
    /// The steps that were disclosed when it was done.
    pub(crate) disclosed: Vec<usize>,
}

impl Past {
    pub(crate) fn started(&self) -> &[Step] {
        let failed = self.plan.iter().position(|step| Some(step.id) == self.failed);
        &self.plan[..failed.map_or(self.plan.len(), |failed| failed + 1)]
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) id: usize,
    pub(crate) capability: usize,
    /// One for each of the capability's; `None` is left out.
    pub(crate) arguments: Vec<Option<Value>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// The one text, or the one number.
    Literal,
    Input(usize),
    Step(usize, &'static str),
    /// An object or an array that is written in the plan.
    Whole(Vec<Value>),
}

/// A policy, a session and a plan.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) policy: Policy,
    pub(crate) session: Session,
    pub(crate) plan: Vec<Step>,
}

pub(crate) fn name(letter: char, id: usize) -> Name {
    Name::new(&format!("{letter}{id}")).expect("a name")
}

impl Node {
    /// The key and the schema of the `index`th part of a value.
    pub(crate) fn part(&self, index: usize) -> (String, &Self) {
        match self.shape {
            Shape::List => (index.to_string(), &self.nodes[0]),
            Shape::Json => (format!("k{index}"), self),
            _ => (["n", "s"][index].to_owned(), &self.nodes[index]),
        }
    }

    fn ty(&self) -> Type {
        if self.shape == Shape::Object { Type::String } else { self.shape.ty() }
    }

    /// `typed`: inside JSON no WIT type says what this is.
    fn toml(&self, typed: bool) -> String {
        let mut keys = Vec::new();
        match self.shape {
            Shape::Number if typed => keys.push("type = \"integer\"".to_owned()),
            Shape::Text if typed => keys.push("type = \"string\"".to_owned()),
            Shape::Json => keys.push("type = \"json\"".to_owned()),
            Shape::Object => keys.push("type = \"object\"".to_owned()),
            _ => {}
        }
        match self.filled {
            Filled::Plan => {}
            Filled::Enum => keys.push("enum = [\"x\", \"y\"]".to_owned()),
            Filled::Const => keys.push(format!("const = {}", self.literal())),
            Filled::Input(id) => keys.push(format!("input = \"i{id}\"")),
        }
        keys.extend(self.from.map(|from| format!("from = {:?}", from.names())));
        if !self.ask.is_empty() {
            keys.push(format!("ask = {:?}", self.ask.names()));
        }
        if self.length {
            keys.push("minItems = 2, maxItems = 2".to_owned());
        }
        let parts: Vec<_> = self.nodes.iter().map(|node| node.toml(self.shape == Shape::Object)).collect();
        match parts.as_slice() {
            // Of a part of which nothing is said, the policy says nothing.
            parts if parts.iter().all(|part| part == "{}") => {}
            [n, s] => keys.push(format!("properties = {{ n = {n}, s = {s} }}")),
            parts => keys.push(format!("items = {}", parts[0])),
        }
        format!("{{{}}}", keys.join(", "))
    }

    fn literal(&self) -> Json {
        if self.shape == Shape::Number { json!(3) } else { json!("x") }
    }

    fn json(&self, value: &Value) -> Json {
        match value {
            Value::Literal => self.literal(),
            Value::Input(id) => json!({ "$input": format!("i{id}") }),
            Value::Step(id, "") => json!({ "$step": format!("s{id}") }),
            Value::Step(id, at) => json!({ "$step": format!("s{id}"), "at": at }),
            Value::Whole(parts) => {
                let parts = parts.iter().enumerate().map(|(index, part)| {
                    let (key, node) = self.part(index);
                    (key, node.json(part))
                });
                if self.shape == Shape::List { parts.map(|(_, part)| part).collect() } else { parts.collect() }
            }
        }
    }
}

impl Shape {
    fn ty(self) -> Type {
        let field = |name: &str, ty| Field { name: name.to_owned(), ty };
        match self {
            Self::Text | Self::Json | Self::Object => Type::String,
            Self::Number => Type::Unsigned(32),
            Self::List => Type::List(Box::new(Type::String)),
            Self::Record => Type::Record(vec![field("n", Type::Unsigned(32)), field("s", Type::String)]),
            Self::Rows => Type::List(Box::new(Self::Record.ty())),
        }
    }

    /// Some output, as a component gives it.
    pub(crate) fn output(self, seed: usize) -> Json {
        let (n, s) = (seed % 9 + 1, if seed.is_multiple_of(2) { "x" } else { "y" });
        match self {
            Self::Text => json!(s),
            Self::Number => json!(n),
            Self::List => json!([s, "y"]),
            Self::Record => json!({ "n": n, "s": s }),
            Self::Rows => json!([{ "n": n, "s": s }, { "n": 1, "s": "y" }]),
            Self::Json | Self::Object => {
                json!(json!({ "n": n, "s": s, "rows": Self::Rows.output(seed + 1) }).to_string())
            }
        }
    }
}

impl Grant {
    /// What it says of itself.
    pub(crate) fn label(&self) -> Label {
        let own = Set::grant(self.id);
        Label { secrecy: self.secrecy.unwrap_or(own), origin: self.origin.unwrap_or(own) }
    }

    pub(crate) fn is_sink(&self) -> bool {
        self.kind != Kind::Read
    }

    fn toml(&self) -> String {
        let id = self.id;
        let mut toml = format!("[grant.g{id}]\n");
        match self.kind {
            Kind::Read => toml += &format!("dir = \"g{id}\"\naccess = \"read\"\n"),
            Kind::Write => toml += &format!("dir = \"g{id}\"\naccess = \"write\"\n"),
            Kind::Host(host) => toml += &format!("http = [\"GET https://{host}.example/g{id}\"]\n"),
        }
        for (key, set) in [("secrecy", self.secrecy), ("origin", self.origin)] {
            toml += &set.map_or_else(String::new, |set| format!("{key} = {:?}\n", set.names()));
        }
        if self.is_sink() {
            toml += &format!("accepts = {:?}\n", self.accepts.names());
        }
        toml + if self.hub { "place = \"hub\"\n" } else { "" }
    }
}

impl Capability {
    fn toml(&self) -> String {
        let id = self.id;
        let grants: Vec<_> = self.grants.iter().map(|grant| format!("g{grant}")).collect();
        let mut toml =
            format!("[capability.c{id}]\ncomponent = {{ path = \"c{id}.wasm\", digest = \"sha256:c{id}\" }}\n");
        if !grants.is_empty() {
            toml += &format!("grants = {grants:?}\n");
        }
        if self.output == Shape::Json {
            toml += "output = \"json\"\n";
        }
        toml += &self.calls.map_or_else(String::new, |calls| format!("calls = {calls}\n"));
        if self.approve {
            toml += "approve = \"each\"\n";
        }
        if let Some(Endorse { at, drop }) = &self.endorse {
            let most = if at.contains('*') { "maxItems = 9, " } else { "" };
            toml += &format!("endorse = [{{ at = \"{at}\", type = \"integer\", minimum = 0, maximum = 9, {most}");
            toml += &format!("drop = {:?}, because = \"it is small\" }}]\n", drop.names());
        }
        if !self.arguments.is_empty() {
            toml += &format!("[capability.c{id}.argument]\n");
        }
        for (index, node) in self.arguments.iter().enumerate() {
            toml += &format!("p{index} = {}\n", node.toml(false));
        }
        toml
    }

    fn component(&self) -> (String, Component) {
        let (id, parameters) = (self.id, self.arguments.iter().enumerate());
        let signature = Signature {
            parameters: parameters.map(|(index, node)| Field { name: format!("p{index}"), ty: node.ty() }).collect(),
            output: Some(self.output.ty()),
            failure: Some(Failure { ty: Some(Type::String) }),
        };
        let function = Function {
            interface: Some(format!("t:t/c{id}@0.1.0")),
            name: format!("c{id}"),
            docs: None,
            signature: Ok(signature),
        };
        let component =
            Component { digest: format!("sha256:c{id}"), functions: vec![function], imports: vec![], defaults: None };
        (format!("c{id}.wasm"), component)
    }
}

impl Policy {
    pub(crate) fn capability(&self, id: usize) -> &Capability {
        self.capabilities.iter().find(|capability| capability.id == id).expect("a capability")
    }

    pub(crate) fn input(&self, id: usize) -> &Input {
        self.inputs.iter().find(|input| input.id == id).expect("an input")
    }

    /// The grants of a capability.
    pub(crate) fn grants_of<'p>(&'p self, capability: &'p Capability) -> impl Iterator<Item = &'p Grant> {
        self.grants.iter().filter(|grant| capability.grants.contains(&grant.id))
    }

    pub(crate) fn catalogue(&self) -> Catalogue {
        Catalogue {
            components: self.capabilities.iter().map(Capability::component).collect(),
            overlaps: self.overlaps.iter().map(|&(one, other)| (name('g', one), name('g', other))).collect(),
            ..Catalogue::default()
        }
    }

    pub(crate) fn toml(&self) -> String {
        let mut toml = "claw = 1\nname = \"flows\"\n[labels]\nsecrecy = [\"red\"]\norigin = [\"mail\"]\n".to_owned();
        for Input { id, shape, secrecy, origin } in &self.inputs {
            let ty = if *shape == Shape::Number { "integer" } else { "string" };
            toml += &format!("[input.i{id}]\ntype = \"{ty}\"\n");
            if !secrecy.is_empty() {
                toml += &format!("secrecy = {:?}\n", secrecy.names());
            }
            toml += &origin.map_or_else(String::new, |origin| format!("origin = {:?}\n", origin.names()));
        }
        toml.extend(self.grants.iter().map(Grant::toml));
        toml.extend(self.capabilities.iter().map(Capability::toml));
        toml += "[plan]\n";
        for (key, pair) in [("before", self.before), ("after", self.after)] {
            toml += &pair.map_or_else(String::new, |(one, two)| format!("{key} = [[\"c{one}\", \"c{two}\"]]\n"));
        }
        if self.strict {
            toml += "strict = true\n";
        }
        toml += &self.steps.map_or_else(String::new, |steps| format!("steps = {steps}\n"));
        let shows: Vec<_> = self.shows.iter().map(|id| format!("c{id}")).collect();
        toml + &format!("[planner]\nshows = {shows:?}\naccepts = {:?}\n", self.accepts.names())
    }

    /// What the user binds.
    pub(crate) fn given(&self, session: &Session) -> BTreeMap<String, Given> {
        let given = |input: &Input| Given {
            text: if input.shape == Shape::Number { "3" } else { "x" }.to_owned(),
            from_file: session.files.contains(&input.id),
        };
        self.inputs.iter().map(|input| (format!("i{}", input.id), given(input))).collect()
    }

    pub(crate) fn plan_json(&self, plan: &[Step]) -> Json {
        let steps = plan.iter().map(|step| {
            let nodes = self.capability(step.capability).arguments.iter().zip(&step.arguments).enumerate();
            let arguments: serde_json::Map<_, _> = nodes
                .filter_map(|(index, (node, value))| Some((format!("p{index}"), node.json(value.as_ref()?))))
                .collect();
            json!({
                "id": format!("s{}", step.id), "capability": format!("c{}", step.capability), "arguments": arguments,
            })
        });
        json!({ "claw": 1, "steps": steps.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, session, plan } = self;
        writeln!(f, "{}overlaps: {:?}\n", policy.toml(), policy.overlaps)?;
        let Label { secrecy, origin } = session.context;
        writeln!(f, "context: secrecy {:?}, origin {:?}", secrecy.names(), origin.names())?;
        writeln!(f, "inputs from files: {:?}, task: {}", session.files, session.typed.task())?;
        for Past { plan, failed, disclosed } in &session.past {
            writeln!(f, "ran: {}\n  failed: {failed:?}, disclosed: {disclosed:?}", policy.plan_json(plan))?;
        }
        write!(f, "plan: {}", policy.plan_json(plan))
    }
}
