//! What may be in a place of a value, and by whose choice, in one policy and in another.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Subject, bounded, each, higher, inclusion, ordering, origin, same};
use crate::capability::{Argument, Input};
use crate::label::{Admitted, Choosers, Origin};
use crate::name::Name;
use crate::policy::Policy;
use crate::schema::{JsonType, Schema};
use crate::types::Type;

/// Keywords that bound a value from below, and from above.
const LEAST: [&str; 3] = ["minimum", "minLength", "minItems"];
const MOST: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxBytes"];

/// A place in a value: what a policy says of it, and who may choose it.
pub(super) struct Slot<'p> {
    policy: &'p Policy,
    /// The schema that counts: the input's, where one is put in.
    schema: &'p Schema,
    ty: &'p Type,
    from: Admitted,
    ask: BTreeSet<Name>,
    /// The input that is put in.
    input: Option<&'p Name>,
    /// Whether the schema is an input's: then a type that is not said is a string.
    is_input: bool,
}

impl<'p> Slot<'p> {
    fn new(policy: &'p Policy, schema: &'p Schema, ty: &'p Type, outer: Choosers<'_>) -> Self {
        let choosers = schema.choosers(outer);
        let (mut from, ask) = (choosers.from.clone(), choosers.ask.clone());
        if let Admitted::Only(names) = &mut from
            && schema.options.is_some()
            && names.contains(&Origin::Policy.name())
        {
            // Among what the policy lists, the planner may choose.
            names.insert(Origin::Planner.name());
        }
        let slot = Self { policy, schema, ty, from, ask, input: schema.input.as_ref(), is_input: false };
        if let Some(input) = schema.input.as_ref().and_then(|name| policy.inputs.get(name)) {
            let from = Admitted::Only(origin(input));
            return Self { schema: &input.schema, from, ask: BTreeSet::new(), is_input: true, ..slot };
        }
        if schema.constant.is_some() {
            let from = Admitted::Only(BTreeSet::from([Origin::Policy.name()]));
            return Self { from, ask: BTreeSet::new(), ..slot };
        }
        slot
    }

    pub(super) fn whole(policy: &'p Policy, schema: &'p Schema, ty: &'p Type) -> Self {
        Self::new(policy, schema, ty, Choosers { from: &Admitted::default(), ask: &BTreeSet::new() })
    }

    pub(super) fn of_argument(policy: &'p Policy, argument: &'p Argument) -> Self {
        Self::whole(policy, &argument.schema, &argument.ty)
    }

    pub(super) fn of_input(policy: &'p Policy, input: &'p Input) -> Self {
        Self { is_input: true, ..Self::whole(policy, &input.schema, &Type::Json) }
    }

    fn below<'s>(&'s self, schema: &'s Schema, ty: &'s Type) -> Slot<'s> {
        Slot::new(self.policy, schema, ty, Choosers { from: &self.from, ask: &self.ask })
    }

    fn items<'s>(&'s self, nothing: &'s Schema) -> Slot<'s> {
        let ty: &Type = if let Type::List(item) = self.ty.some() { item } else { &Type::Json };
        self.below(self.schema.items.as_deref().unwrap_or(nothing), ty)
    }

    /// A field of it; `None` where it cannot be given.
    fn field<'s>(&'s self, name: &str, nothing: &'s Schema) -> Option<Slot<'s>> {
        let fields = &self.schema.properties;
        let schema = fields.get(name).or(fields.is_empty().then_some(nothing))?;
        let ty = match self.ty.some() {
            Type::Record(fields) => fields.iter().find(|field| field.name == name).map_or(&Type::Json, |f| &f.ty),
            _ => &Type::Json,
        };
        Some(self.below(schema, ty))
    }

    /// The type of JSON that the schema asks for, where the WIT type does not say it.
    fn kind(&self) -> Option<JsonType> {
        let said = self.schema.json_type;
        let kind = if self.is_input { said.or(Some(JsonType::String)) } else { said };
        kind.filter(|kind| *self.ty.some() == Type::Json && *kind != JsonType::Json)
    }

    fn said(&self, keyword: &str) -> Option<&'p Value> {
        self.schema.written.get(keyword)
    }

    /// Who may choose it, also once a person has said so.
    fn asked(&self) -> Admitted {
        match &self.from {
            Admitted::Any => Admitted::Any,
            Admitted::Only(from) => Admitted::Only(from.union(&self.ask).cloned().collect()),
        }
    }

    /// The closed list of its values, where there is one.
    fn listed(&self) -> Option<Vec<&'p Value>> {
        match &self.schema.constant {
            Some(constant) => Some(vec![constant]),
            None => self.schema.options.as_ref().map(|options| options.iter().collect()),
        }
    }

    fn allows(&self, values: Option<&[&Value]>) -> bool {
        values.is_some_and(|values| values.iter().all(|value| self.schema.narrows(self.ty, value).is_ok()))
    }

    fn is_flat(&self) -> bool {
        self.schema.items.is_none() && self.schema.properties.is_empty()
    }

    fn is_fixed(&self) -> bool {
        self.input.is_some() || self.schema.fixes()
    }

    fn text(&self) -> String {
        let mut shown = self.schema.written.clone();
        if let Some(input) = self.input {
            shown = Map::from_iter([("input".to_owned(), json!(input))]);
        } else if self.schema.constant.is_none() {
            shown.insert("from".to_owned(), origins(&self.from));
        }
        Value::Object(shown).to_string()
    }
}

impl Subject<'_> {
    /// Two places that can each be given, or not.
    pub(super) fn slots(&mut self, before: Option<&Slot<'_>>, after: Option<&Slot<'_>>) {
        if let (Some(before), Some(after)) = (before, after) {
            return self.slot(before, after);
        }
        // To be always what the policy says, and never to be given, are two things of which neither is the other's part.
        let is_fixed = before.or(after).is_some_and(Slot::is_fixed);
        let order = if is_fixed { None } else { higher(before.is_some(), after.is_some()) };
        self.note("", order, before.map(Slot::text), after.map(Slot::text));
    }

    /// What may be in a place, and by whose choice.
    pub(super) fn slot(&mut self, before: &Slot<'_>, after: &Slot<'_>) {
        self.facet("input", before.input, after.input, bounded(before.input, after.input, same));
        if before.input.is_some() && after.input.is_some() {
            // What the input may be is compared where it is declared.
            return;
        }
        let from = admission(&before.from, &after.from);
        self.facet("from", origins(&before.from), origins(&after.from), from);
        // An origin that is asked about is admitted, after a question; one that moves from one to the other is said once.
        let asked = admission(&before.asked(), &after.asked());
        if from.is_some() && asked != from {
            self.facet("ask", &before.ask, &after.ask, asked);
        }
        if before.ty == after.ty {
            let order = bounded(before.kind(), after.kind(), kinds);
            self.facet("type", before.said("type"), after.said("type"), order);
        } else {
            self.facet("type", before.ty.to_string(), after.ty.to_string(), None);
        }
        let (b, a) = (before.listed(), after.listed());
        let is_constant = before.schema.constant.is_some() || after.schema.constant.is_some();
        let key = if is_constant { "const" } else { "enum" };
        if (b.is_some() || a.is_some()) && before.is_flat() && after.is_flat() {
            // Values that are listed can be tried, whatever else either side says.
            let order = ordering(before.allows(a.as_deref()), after.allows(b.as_deref()));
            return self.facet(key, b, a, order);
        }
        let order = bounded(b.as_ref(), a.as_ref(), |b, a| {
            ordering(a.iter().all(|value| b.contains(value)), b.iter().all(|value| a.contains(value)))
        });
        self.facet(key, &b, &a, order);
        for keyword in LEAST {
            let (b, a) = (before.said(keyword), after.said(keyword));
            self.facet(keyword, b, a, bounded(b, a, |b, a| numbers(a, b)));
        }
        for keyword in MOST {
            let (b, a) = (before.said(keyword), after.said(keyword));
            self.facet(keyword, b, a, bounded(b, a, numbers));
        }
        for keyword in ["pattern", "format"] {
            let (b, a) = (before.said(keyword), after.said(keyword));
            self.facet(keyword, b, a, bounded(b, a, same));
        }
        self.parts(before, after);
    }

    /// What may be in the parts of a place.
    fn parts(&mut self, before: &Slot<'_>, after: &Slot<'_>) {
        let nothing = Schema::default();
        if before.schema.items.is_some() || after.schema.items.is_some() {
            self.below("[]").slot(&before.items(&nothing), &after.items(&nothing));
        }
        let (b, a) = (&before.schema.properties, &after.schema.properties);
        // Where there are any, there are no others.
        let keys = |fields: &BTreeMap<String, Schema>| fields.keys().cloned().collect::<Vec<_>>();
        self.facet("properties", keys(b), keys(a), higher(b.is_empty(), a.is_empty()));
        for (field, _, _) in each(b, a) {
            let (b, a) = (before.field(field, &nothing), after.field(field, &nothing));
            self.below(&format!(".{field}")).slots(b.as_ref(), a.as_ref());
        }
    }
}

/// [`higher`] for numbers of JSON.
fn numbers(before: &Value, after: &Value) -> Option<Ordering> {
    if before == after {
        return Some(Ordering::Equal);
    }
    match (before.as_i64(), after.as_i64()) {
        (Some(before), Some(after)) => higher(before, after),
        // Rounding keeps an order, but can make two equal that are not.
        _ => higher(before.as_f64()?, after.as_f64()?).filter(|order| order.is_ne()),
    }
}

fn kinds(before: JsonType, after: JsonType) -> Option<Ordering> {
    match (before, after) {
        (JsonType::Integer, JsonType::Number) => Some(Ordering::Greater),
        (JsonType::Number, JsonType::Integer) => Some(Ordering::Less),
        _ => same(before, after),
    }
}

fn admission(before: &Admitted, after: &Admitted) -> Option<Ordering> {
    match (before, after) {
        (Admitted::Any, Admitted::Any) => Some(Ordering::Equal),
        (Admitted::Any, Admitted::Only(_)) => Some(Ordering::Less),
        (Admitted::Only(_), Admitted::Any) => Some(Ordering::Greater),
        (Admitted::Only(before), Admitted::Only(after)) => inclusion(before, after),
    }
}

/// Who may choose, as a policy writes it.
fn origins(admitted: &Admitted) -> Value {
    match admitted {
        Admitted::Any => json!(["any"]),
        Admitted::Only(origins) => json!(origins),
    }
}
