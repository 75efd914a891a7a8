//! What a change of a policy makes wider, narrower, or otherwise different.
//!
//! Whatever a policy says is put in order against what another says in its place: it allows more, less, as much, or neither
//! is within the other. Only what is surely no more is called narrower; what cannot be compared counts as wider. The measure is
//! what can come where by whose choice, so a value that the policy itself fixes is one that the origin `policy` chose.

mod slot;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::capability::{Capability, Input, Planner};
use crate::document::{Access, Folder};
use crate::endorsement::Endorsement;
use crate::grant::{FolderGrant, Grant, HostGrant, Target};
use crate::json::with_key;
use crate::label::{BUILT_IN_ORIGINS, Label, Origin};
use crate::limits::{LIMITS, LimitRow, Limits, PLANNER_LIMITS, Quantity};
use crate::name::Name;
use crate::never::{Never, NeverTarget};
use crate::policy::{Ordered, Policy, Test};
use crate::task::Task;
use crate::types::Type;
use slot::Slot;

/// What ends [`Change::what`] where neither side is within the other.
const NOT_COMPARED: &str = " (cannot be compared)";

/// One difference between two policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What differs, such as `grant notes: accepts`. It ends in "(cannot be compared)" where that is why it counts as wider.
    pub what: String,
    /// Which way it has changed.
    #[serde(skip)]
    pub kind: ChangeKind,
    /// What the policy before says, mostly as JSON; `None` where it says nothing.
    pub before: Option<String>,
    /// What the policy after says.
    pub after: Option<String>,
    /// Its line in the policy after; in the policy before, where it is gone.
    pub line: Option<usize>,
}

/// Which way a policy has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It allows more; or it cannot be shown not to.
    Wider,
    /// It allows less.
    Narrower,
    /// It allows as much, and differs.
    Other,
}

impl Policy {
    /// What differs in the policy `after`, in the order of a policy: empty where they mean the same.
    ///
    /// Paths are compared as they are written. Both policies are whole ones, not narrowed.
    pub fn diff(&self, after: &Self) -> Vec<Change> {
        let before = self;
        let mut changes = Vec::new();
        let mut all = Subject { changes: &mut changes, name: "policy".to_owned(), line: None };
        all.other("name", &before.name, &after.name);
        for (name, b, a) in each(&before.inputs, &after.inputs) {
            let mut subject = all.part(format!("input {name}"), a.or(b).map(|input| input.line));
            if let Some((b, a)) = subject.both(b, a, |input| Value::Object(input.schema.written.clone()).to_string()) {
                subject.input((before, b), (after, a));
            }
        }
        for (name, b, a) in each(&before.grants, &after.grants) {
            let mut subject = all.part(format!("grant {name}"), a.or(b).map(|grant| grant.line));
            if let Some((b, a)) = subject.both(b, a, |grant| target(&grant.target)) {
                subject.grant(b, a);
                // Of what other grants there are on its place, too.
                let nothing = Label::default();
                let read = |policy: &'_ Self| policy.flows.reads.get(name).cloned().unwrap_or_else(|| nothing.clone());
                let (b, a) = (read(before), read(after));
                subject.fewer("what is read is secret as", &b.secrecy, &a.secrecy);
                subject.fewer("what is read comes from", &b.origin, &a.origin);
            }
        }
        for (name, b, a) in each(&before.capabilities, &after.capabilities) {
            let mut subject = all.part(format!("capability {name}"), a.or(b).map(|capability| capability.line));
            if let Some((b, a)) = subject.both(b, a, |capability| capability.component.clone()) {
                subject.capability((before, b), (after, a));
            }
        }
        all.part("limits".to_owned(), None).limits(LIMITS.iter(), &before.limits, &after.limits);
        let mut plan = all.part("plan".to_owned(), after.steps_line.or(before.steps_line));
        plan.facet("steps", before.steps_max, after.steps_max, higher(before.steps_max, after.steps_max));
        plan.line = None;
        let (b, a) = (&before.order, &after.order);
        // Of two flags that refuse, the one that is off is the wider.
        plan.facet("strict", b.strict, a.strict, higher(a.strict, b.strict));
        // A capability that is gone needs no rule.
        let has = |policy: &Policy, name: &Name| policy.capabilities.contains_key(name);
        let needs = |ordered: &[Ordered], other: &Policy| rules(ordered, |pair| has(other, &pair.second));
        let bars = |ordered: &[Ordered], other: &Policy| {
            rules(ordered, |pair| has(other, &pair.first) && has(other, &pair.second))
        };
        plan.rules("before ", &needs(&b.before, after), &needs(&a.before, before));
        plan.rules("after ", &bars(&b.after, after), &bars(&a.after, before));
        let mut planner = all.part("planner".to_owned(), None);
        planner.more("shows", &before.planner.shows, &after.planner.shows);
        planner.more("accepts", &before.planner.accepts, &after.planner.accepts);
        planner.planner_limits(&before.planner, &after.planner);
        all.part("prove".to_owned(), None).rules("", &before.proofs(after), &after.proofs(before));
        for (_, b, a) in each(&tests(before), &tests(after)) {
            let mut subject = all.part("test".to_owned(), a.or(b).map(|(_, line)| *line));
            subject.other("", &b.map(|(test, _)| test), &a.map(|(test, _)| test));
        }
        for (name, b, a) in each(&before.tasks, &after.tasks) {
            let mut subject = all.part(format!("task {name}"), a.or(b).map(|task| task.line));
            let (Some(b), Some(a)) = (b, a) else {
                subject.other("", &b.map(task), &a.map(task));
                continue;
            };
            subject.facet("only", &b.only, &a.only, bounded(b.only.as_ref(), a.only.as_ref(), inclusion));
            for (name, b, a) in each(&b.calls, &a.calls) {
                subject.facet(&format!("calls {name}"), b, a, bounded(b, a, |b, a| Some(b.cmp(a))));
            }
            for (name, b, a) in each(&b.input, &a.input) {
                let (b, a) = (b.map(|schema| &schema.written), a.map(|schema| &schema.written));
                subject.facet(&format!("input {name}"), b, a, bounded(b, a, same));
            }
        }
        let word = |way: Option<_>| Some(String::from(if way.is_some() { "possible" } else { "impossible" }));
        for (way, b, a) in each(&before.possible(), &after.possible()) {
            let mut subject = all.part("flow".to_owned(), a.or(b).copied().flatten());
            subject.note(way, higher(b.is_some(), a.is_some()), word(b), word(a));
        }
        changes
    }

    /// Each flow that there is a way for, as a `never` would say it, with the line of where it ends.
    ///
    /// Not what the policy's own text flows into: that text is what is compared.
    fn possible(&self) -> BTreeMap<String, Option<usize>> {
        let sinks = self.grants.iter().filter(|(_, grant)| grant.is_sink());
        let mut targets: Vec<(NeverTarget, Option<usize>)> =
            sinks.map(|(name, grant)| (NeverTarget::Grant(name.clone()), Some(grant.line))).collect();
        targets.push((NeverTarget::Planner, None));
        for (name, capability) in &self.capabilities {
            let arguments = capability.arguments.iter();
            targets.extend(arguments.map(|(argument, declared)| {
                (NeverTarget::Argument(name.clone(), argument.clone()), Some(declared.line))
            }));
        }
        let mut possible = BTreeMap::new();
        for label in self.label_names().into_iter().filter(|label| *label != Origin::Policy.name()) {
            for (target, line) in &targets {
                let never = Never { label: label.clone(), target: target.clone(), line: line.unwrap_or_default() };
                if self.way(&never).is_some() {
                    possible.insert(never.to_string(), *line);
                }
            }
        }
        possible
    }

    /// The names that labels of this policy are made of.
    fn label_names(&self) -> BTreeSet<Name> {
        let mut names: BTreeSet<Name> = BUILT_IN_ORIGINS.iter().filter_map(|origin| Name::new(origin).ok()).collect();
        for (name, grant) in &self.grants {
            names.insert(name.clone());
            names.extend(grant.label.secrecy.iter().chain(&grant.label.origin).chain(&grant.accepts).cloned());
        }
        for input in self.inputs.values() {
            names.extend(input.secrecy.iter().chain(input.origin.iter().flatten()).cloned());
        }
        names.extend(self.planner.accepts.iter().cloned());
        names
    }

    /// What is proved, each with its line, and whether the policy `other` has what it is about.
    fn proofs(&self, other: &Self) -> BTreeMap<String, (usize, bool)> {
        let labels = other.label_names();
        let proofs = self.proved.iter().map(|never| {
            let is_there = match &never.target {
                NeverTarget::Grant(grant) => other.grants.contains_key(grant),
                NeverTarget::Planner => true,
                NeverTarget::Argument(name, argument) => {
                    other.capabilities.get(name).is_some_and(|capability| capability.arguments.contains_key(argument))
                }
            };
            (never.to_string(), (never.line, is_there && labels.contains(&never.label)))
        });
        proofs.collect()
    }
}

/// What is compared, and where its changes go.
struct Subject<'c> {
    changes: &'c mut Vec<Change>,
    name: String,
    line: Option<usize>,
}

impl Subject<'_> {
    fn part(&mut self, name: String, line: Option<usize>) -> Subject<'_> {
        Subject { changes: self.changes, name, line }
    }

    fn below(&mut self, suffix: &str) -> Subject<'_> {
        let (name, line) = (format!("{}{suffix}", self.name), self.line);
        self.part(name, line)
    }

    fn push(&mut self, kind: ChangeKind, key: &str, before: Option<String>, after: Option<String>) {
        let what = if key.is_empty() { self.name.clone() } else { format!("{}: {key}", self.name) };
        self.changes.push(Change { what, kind, before, after, line: self.line });
    }

    /// Notes how what is after compares with what was before, where they differ.
    fn note(&mut self, key: &str, order: Option<Ordering>, before: Option<String>, after: Option<String>) {
        match order {
            Some(Ordering::Equal) => {}
            Some(Ordering::Greater) => self.push(ChangeKind::Wider, key, before, after),
            Some(Ordering::Less) => self.push(ChangeKind::Narrower, key, before, after),
            None => {
                self.push(ChangeKind::Wider, key, before, after);
                if let Some(change) = self.changes.last_mut() {
                    change.what.push_str(NOT_COMPARED);
                }
            }
        }
    }

    fn facet<T: Serialize>(&mut self, key: &str, before: T, after: T, order: Option<Ordering>) {
        self.note(key, order, text(&before), text(&after));
    }

    /// Notes that two differ, where that allows no more and no less.
    fn other<T: PartialEq + Serialize>(&mut self, key: &str, before: &T, after: &T) {
        if before != after {
            self.push(ChangeKind::Other, key, text(before), text(after));
        }
    }

    /// A set of which more is wider.
    fn more<T: Ord + Serialize>(&mut self, key: &str, before: &BTreeSet<T>, after: &BTreeSet<T>) {
        self.facet(key, before, after, inclusion(before, after));
    }

    /// A set of which fewer is wider.
    fn fewer<T: Ord + Serialize>(&mut self, key: &str, before: &BTreeSet<T>, after: &BTreeSet<T>) {
        self.facet(key, before, after, inclusion(after, before));
    }

    /// The two that are to be compared; what one policy alone has is a change by itself.
    fn both<'t, T>(
        &mut self,
        before: Option<&'t T>,
        after: Option<&'t T>,
        text: impl Fn(&T) -> String,
    ) -> Option<(&'t T, &'t T)> {
        if let (Some(before), Some(after)) = (before, after) {
            return Some((before, after));
        }
        self.note("", higher(before.is_some(), after.is_some()), before.map(&text), after.map(&text));
        None
    }

    /// Rules that only ever refuse: without one it is wider, but where what it is about is gone.
    fn rules(&mut self, key: &str, before: &BTreeMap<String, (usize, bool)>, after: &BTreeMap<String, (usize, bool)>) {
        for (rule, b, a) in each(before, after) {
            let Some((line, matters)) = b.xor(a) else { continue };
            let (key, said) = (format!("{key}{rule}"), |side: Option<_>| side.map(|_| rule.clone()));
            self.line = Some(*line);
            if *matters {
                self.note(&key, higher(a.is_some(), b.is_some()), said(b), said(a));
            } else {
                self.push(ChangeKind::Other, &key, said(b), said(a));
            }
        }
    }

    fn limits<'r>(&mut self, rows: impl Iterator<Item = &'r LimitRow>, before: &Limits, after: &Limits) {
        for row in rows {
            let (b, a) = (before.get(row.name), after.get(row.name));
            let shown = |value: Option<u64>| value.map(|value| Quantity(row.unit, value).to_string());
            self.note(row.name, higher(b, a), shown(b), shown(a));
        }
    }

    fn planner_limits(&mut self, before: &Planner, after: &Planner) {
        let limits = |planner: &Planner| [planner.rounds, planner.corrections, planner.tokens, planner.time];
        for ((row, b), a) in PLANNER_LIMITS.iter().zip(limits(before)).zip(limits(after)) {
            let shown = |value| Some(Quantity(row.unit, value).to_string());
            self.note(row.name, higher(b, a), shown(b), shown(a));
        }
    }

    fn input(&mut self, (old, before): (&Policy, &Input), (new, after): (&Policy, &Input)) {
        self.slot(&Slot::of_input(old, before), &Slot::of_input(new, after));
        self.fewer("secrecy", &before.secrecy, &after.secrecy);
        self.fewer("origin", &origin(before), &origin(after));
    }

    fn grant(&mut self, before: &Grant, after: &Grant) {
        match (&before.target, &after.target) {
            (Target::Folder(b), Target::Folder(a)) => self.folder(b, a),
            (Target::Hosts(b), Target::Hosts(a)) => self.hosts(b, a),
            (b, a) => self.note("target", None, Some(target(b)), Some(target(a))),
        }
        // A name less declassifies what is read, or vouches for it.
        self.fewer("secrecy", &before.label.secrecy, &after.label.secrecy);
        self.fewer("origin", &before.label.origin, &after.label.origin);
        let accepted = |grant: &Grant| if grant.is_sink() { grant.accepted() } else { BTreeSet::new() };
        self.more("accepts", &accepted(before), &accepted(after));
        // What is one place with another carries its labels too.
        let (b, a) = (before.place.as_ref(), after.place.as_ref());
        self.facet("place", b, a, bounded(b, a, same));
    }

    fn folder(&mut self, before: &FolderGrant, after: &FolderGrant) {
        self.facet("dir", folder(&before.folder), folder(&after.folder), same(&before.folder, &after.folder));
        let writes = |folder: &FolderGrant| folder.access == Access::Write;
        self.facet("access", access(before), access(after), higher(writes(before), writes(after)));
        if writes(before) && writes(after) {
            self.facet("create", before.create, after.create, higher(before.create, after.create));
            self.facet("dotfiles", before.dotfiles, after.dotfiles, higher(before.dotfiles, after.dotfiles));
            let (b, a) = (before.files.as_deref().map(set), after.files.as_deref().map(set));
            self.facet("files", &b, &a, bounded(b.as_ref(), a.as_ref(), inclusion));
        }
        self.other("mount", &before.mount, &after.mount);
    }

    fn hosts(&mut self, before: &HostGrant, after: &HostGrant) {
        self.more("http", &texts(&before.http), &texts(&after.http));
        self.more("tcp", &texts(&before.tcp), &texts(&after.tcp));
        let (b, a) = (before.query.as_deref().map(set), after.query.as_deref().map(set));
        self.facet("query", &b, &a, bounded(b.as_ref(), a.as_ref(), inclusion));
        self.more("addresses", &texts(&before.addresses), &texts(&after.addresses));
        self.facet("ca", &before.ca, &after.ca, same(&before.ca, &after.ca));
        self.facet("proxy", &before.proxy, &after.proxy, same(&before.proxy, &after.proxy));
        // Another secret is another account; none at all can do the least.
        let (b, a) = (before.secret.as_ref(), after.secret.as_ref());
        let order = if b.is_some() && a.is_some() { same(b, a) } else { higher(b.is_some(), a.is_some()) };
        self.facet("secret", b, a, order);
    }

    fn capability(&mut self, (old, before): (&Policy, &Capability), (new, after): (&Policy, &Capability)) {
        self.other("component", &before.component, &after.component);
        self.facet("digest", &before.digest, &after.digest, same(&before.digest, &after.digest));
        self.facet("function", &before.function, &after.function, same(&before.function, &after.function));
        // Text and what is parsed out of it go into different arguments.
        let output = |capability: &Capability| capability.output_is_json.then_some("json");
        self.facet("output", output(before), output(after), same(output(before), output(after)));
        self.more("grants", &set(&before.grants), &set(&after.grants));
        self.other("inert", &set(&before.inert), &set(&after.inert));
        self.facet("calls", before.calls, after.calls, bounded(before.calls, after.calls, higher));
        let approve = |capability: &Capability| if capability.asks { "each" } else { "never" };
        self.facet("approve", approve(before), approve(after), higher(after.asks, before.asks));
        for (name, b, a) in each(&before.arguments, &after.arguments) {
            let line = a.or(b).map(|argument| argument.line);
            let (b, a) = (b.map(|b| Slot::of_argument(old, b)), a.map(|a| Slot::of_argument(new, a)));
            let name = format!("{}: argument {name}", self.name);
            self.part(name, line).slots(b.as_ref(), a.as_ref());
        }
        for ((at, _), b, a) in each(&by_part(before), &by_part(after)) {
            let name = format!("{}: endorse \"{at}\"", self.name);
            let mut subject = self.part(name, a.or(b).map(|endorsement| endorsement.line));
            if let Some((b, a)) = subject.both(b, a, |endorsement| format!("drops {}", json!(endorsement.drop))) {
                subject.more("drop", &b.drop, &a.drop);
                subject.facet("maxItems", b.items_max, a.items_max, bounded(b.items_max, a.items_max, higher));
                subject.slot(&Slot::whole(old, &b.schema, &Type::Json), &Slot::whole(new, &a.schema, &Type::Json));
                subject.other("because", &b.because, &a.because);
            }
        }
        // What changed for all is said once.
        let sides = |b: &Limits, a: &Limits, row: &LimitRow| (b.get(row.name), a.get(row.name));
        let own = |row: &&LimitRow| sides(&before.limits, &after.limits, row) != sides(&old.limits, &new.limits, row);
        self.limits(LIMITS.iter().filter(own), &before.limits, &after.limits);
    }
}

/// All that is in either, by its key.
fn each<'p, K: Ord, T>(
    before: &'p BTreeMap<K, T>,
    after: &'p BTreeMap<K, T>,
) -> impl Iterator<Item = (&'p K, Option<&'p T>, Option<&'p T>)> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    keys.into_iter().map(move |key| (key, before.get(key), after.get(key)))
}

/// How two compare of which each is within the other, or is not.
fn ordering(after_in_before: bool, before_in_after: bool) -> Option<Ordering> {
    match (after_in_before, before_in_after) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
        (false, false) => None,
    }
}

fn inclusion<T: Ord>(before: &BTreeSet<T>, after: &BTreeSet<T>) -> Option<Ordering> {
    ordering(after.is_subset(before), before.is_subset(after))
}

/// How two bounds compare of which each may be missing: then nothing is bounded.
fn bounded<T>(before: Option<T>, after: Option<T>, compare: impl FnOnce(T, T) -> Option<Ordering>) -> Option<Ordering> {
    match (before, after) {
        (Some(before), Some(after)) => compare(before, after),
        (None, None) => Some(Ordering::Equal),
        (None, Some(_)) => Some(Ordering::Less),
        (Some(_), None) => Some(Ordering::Greater),
    }
}

/// Equal, or not to be compared.
fn same<T: PartialEq>(before: T, after: T) -> Option<Ordering> {
    (before == after).then_some(Ordering::Equal)
}

/// The higher is the wider.
fn higher<T: PartialOrd>(before: T, after: T) -> Option<Ordering> {
    after.partial_cmp(&before)
}

/// What an input carries. One that is bound to a file carries `file`, and not `user`; that changes with neither.
fn origin(input: &Input) -> BTreeSet<Name> {
    input.origin.clone().unwrap_or_else(|| BTreeSet::from([Origin::User.name()]))
}

fn set<T: Ord + Clone>(items: &[T]) -> BTreeSet<T> {
    items.iter().cloned().collect()
}

/// What is written as text, in its one spelling.
fn texts(items: &[impl ToString]) -> BTreeSet<String> {
    items.iter().map(ToString::to_string).collect()
}

/// Rules of order as a policy writes them, each with its line, and whether the other policy has what it is about.
fn rules(ordered: &[Ordered], matters: impl Fn(&Ordered) -> bool) -> BTreeMap<String, (usize, bool)> {
    let rules = ordered.iter().map(|pair| (json!([pair.first, pair.second]).to_string(), (pair.line, matters(pair))));
    rules.collect()
}

/// The endorsements by the part that each is of, and several of one part by their number.
fn by_part(capability: &Capability) -> BTreeMap<(String, usize), &Endorsement> {
    let mut parts: BTreeMap<(String, usize), &Endorsement> = BTreeMap::new();
    for endorsement in &capability.endorsements {
        let at = endorsement.at.iter().fold(String::new(), |at, token| with_key(&at, token));
        let number = parts.keys().filter(|(other, _)| *other == at).count();
        parts.insert((at, number), endorsement);
    }
    parts
}

/// The tests, each by all that it says, with its line.
fn tests(policy: &Policy) -> BTreeMap<String, (Value, usize)> {
    let tests = policy.tests.iter().map(|test| {
        let Test { plan, verdict, rule, task, input, line } = test;
        let said = json!({ "plan": plan, "verdict": verdict, "rule": rule, "task": task, "input": input });
        (said.to_string(), (said, *line))
    });
    tests.collect()
}

fn task(task: &Task) -> Value {
    let input: Map<String, Value> =
        task.input.iter().map(|(name, schema)| (name.to_string(), Value::Object(schema.written.clone()))).collect();
    json!({ "only": task.only, "calls": task.calls, "input": input })
}

fn folder(folder: &Folder) -> String {
    match folder {
        Folder::Path(path) => path.clone(),
        Folder::Bind(bind) => format!("--dir {}", bind.bind),
    }
}

fn access(folder: &FolderGrant) -> &'static str {
    if folder.access == Access::Write { "write" } else { "read" }
}

/// What a grant is of.
fn target(target: &Target) -> String {
    match target {
        Target::Folder(granted) => format!("{} {}", access(granted), folder(&granted.folder)),
        Target::Hosts(hosts) => hosts.targets().collect::<Vec<_>>().join(", "),
    }
}

/// A value as JSON; `None` where it is none.
fn text(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok().filter(|value| !value.is_null()).map(|value| value.to_string())
}
