//! Rules 2, 3 and 6: what a step's arguments are, of which type, and who chose each part.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Asked, Checking, KnownOutput, Template, json_length, too_many_bytes};
use crate::capability::{Argument, Capability};
use crate::fault::Violation;
use crate::json::{tokens, with_index, with_key};
use crate::label::{Admitted, Choosers, Label, Origin, listed};
use crate::name::Name;
use crate::plan::{Expression, Reference, Step};
use crate::schema::Schema;
use crate::types::Type;

/// One argument while it is checked.
pub(super) struct Site<'a> {
    pub(super) name: &'a str,
    pub(super) argument: &'a Argument,
}

impl Checking<'_> {
    /// The arguments of a step with all that is known put in, and the label of each.
    pub(super) fn arguments(
        &mut self,
        step: &Step,
        capability: &Capability,
        at: &str,
    ) -> (Vec<(String, Template)>, BTreeMap<String, Label>) {
        for name in step.arguments.keys().filter(|name| !capability.arguments.contains_key(*name)) {
            let known: Vec<String> = capability.arguments.keys().map(|name| format!("`{name}`")).collect();
            let message = format!("`{}` has no argument `{}`", step.capability, crate::printable::printable(name));
            let help = format!("it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") });
            self.violations
                .push(Violation::new("argument.unknown", with_key(at, name), message).help(help).line(capability.line));
        }
        let (mut templates, mut labels) = (Vec::with_capacity(capability.arguments.len()), BTreeMap::new());
        let (from, ask) = (Admitted::default(), BTreeSet::new());
        let ours = Choosers { from: &from, ask: &ask };
        for (name, argument) in &capability.arguments {
            let site = Site { name, argument };
            let place = with_key(at, name);
            let given = step.arguments.get(name).filter(|given| !matches!(given, Expression::Literal(Value::Null)));
            self.incomplete = false;
            self.bytes_left = capability.limits.argument_bytes;
            let Some((template, label)) = self.value(&site, given, &argument.ty, &argument.schema, ours, &place) else {
                if !argument.ty.is_optional() && given.is_none() && !self.incomplete {
                    let message = format!("`{}` needs the argument `{name}: {}`", step.capability, argument.ty);
                    self.violations.push(
                        Violation::new("argument.missing", at, message).help("give it a value").line(argument.line),
                    );
                }
                continue;
            };
            // A part that was refused is missing now; that it is would be no violation of the plan's.
            if !self.incomplete {
                self.holds(&site, &template, &argument.ty, &argument.schema, &place);
            }
            self.bounded(&site, &template, capability.limits.argument_bytes, &place);
            templates.push((name.clone(), template));
            labels.insert(name.clone(), label);
        }
        (templates, labels)
    }

    /// Rule 2: what a literal carries. One that the user typed is the task's wherever the task may choose; elsewhere it is
    /// the planner's, which chose it again.
    fn literal_label(&self, value: &Value, choosers: Choosers<'_>) -> Label {
        if !self.session.task.as_ref().is_some_and(|task| task.has(value)) {
            return self.literal.clone();
        }
        let typed = Label::of(Origin::Task);
        let refused = |label: &Label| choosers.from.refused(&label.origin);
        // Where a person would be asked about the one and not about the other, nobody is asked.
        let admits = refused(&typed).is_empty()
            || (refused(&typed).is_subset(choosers.ask) && !refused(&self.literal).is_empty());
        if admits { typed } else { self.literal.clone() }
    }

    /// What stands at a place, put together from the plan, the policy's constants and the user's inputs; `None` where
    /// nothing does, or where a violation is reported.
    fn value(
        &mut self,
        site: &Site<'_>,
        given: Option<&Expression>,
        ty: &Type,
        schema: &Schema,
        outer: Choosers<'_>,
        at: &str,
    ) -> Option<(Template, Label)> {
        if let Some(constant) = &schema.constant {
            return self.constant(site, given, constant, at);
        }
        if let Some(input) = &schema.input {
            return self.fixed_input(site, given, input, at);
        }
        let from = schema.choosers(outer);
        if given.is_none() && !ty.is_optional() && !schema.properties.is_empty() && schema.fixes_below() {
            // Left out by the plan, and there is something in it that the host puts in.
            return Some(self.object(site, &BTreeMap::new(), ty, schema, from, at));
        }
        match given? {
            // An option that is left out has no label, wherever it stands.
            Expression::Literal(Value::Null) if ty.is_optional() => {
                Some((Template::Value(Value::Null), Label::default()))
            }
            Expression::Literal(value) => {
                let label = self.literal_label(value, from);
                // The policy listed the values of an enum, so choosing among them steers nothing that it did not name.
                let chooser = if schema.options.is_some() { Label::of(Origin::Policy) } else { label.clone() };
                self.admitted(site, &chooser.origin, from, at);
                Some((Template::Value(value.clone()), label))
            }
            Expression::Input(name) => {
                let Some(bound) = self.session.inputs.get(name) else {
                    self.unbound(name, at);
                    return None;
                };
                // Counted before it is copied: a plan can refer to one value many times.
                let length = if self.bytes_left == 0 { u64::MAX } else { json_length(&bound.value) };
                if length > self.bytes_left {
                    // Once, whatever else is wrong: who may not see the value must not learn its length from how much is.
                    if self.bytes_left > 0 {
                        self.violations.push(Violation { unseen: true, ..too_many_bytes(site.name, at) });
                    }
                    self.bytes_left = 0;
                    self.incomplete = true;
                    return None;
                }
                self.bytes_left -= length;
                let (value, label) = (bound.value.clone(), bound.label.clone());
                self.leaves_room(site, schema, at)?;
                self.admitted_all(site, &label.origin, schema, from, at);
                Some((Template::Input(value), label))
            }
            Expression::Step(reference) => {
                let Some((found, label)) = self.output_type(reference, at) else {
                    self.incomplete = true;
                    return None;
                };
                self.leaves_room(site, schema, at)?;
                if !found.may_fit(ty) {
                    let message =
                        format!("`{}` is a {ty}, and the step `{}` gives a {found} there", site.name, reference.step);
                    self.violations.push(
                        Violation::new("reference.type", at, message).help("refer to a part that fits, with `at`"),
                    );
                }
                self.admitted_all(site, &label.origin, schema, from, at);
                Some((Template::Output(reference.clone()), label))
            }
            Expression::Array(items) => Some(self.array(site, items, ty, schema, from, at)),
            Expression::Object(fields) => Some(self.object(site, fields, ty, schema, from, at)),
        }
    }

    fn array(
        &mut self,
        site: &Site<'_>,
        items: &[Expression],
        ty: &Type,
        schema: &Schema,
        from: Choosers<'_>,
        at: &str,
    ) -> (Template, Label) {
        let open = Schema::default();
        let item_schema = schema.items.as_deref().unwrap_or(&open);
        let mut label = Label::default();
        if !(schema.fixed_length || matches!(ty.some(), Type::Tuple(_))) {
            // How many there are is the planner's choice, and can carry a message as well as any item.
            label.join(&self.literal);
            self.admitted(site, &label.origin, from, at);
        }
        let mut templates = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = with_index(at, index);
            let item_type = match ty.some() {
                Type::List(item) => item,
                Type::Tuple(items) => items.get(index).unwrap_or(&Type::Json),
                _ => &Type::Json,
            };
            if let Some((template, part)) = self.value(site, Some(item), item_type, item_schema, from, &place) {
                label.join(&part);
                templates.push(template);
            }
        }
        (collapse_array(templates), label)
    }

    fn object(
        &mut self,
        site: &Site<'_>,
        fields: &BTreeMap<String, Expression>,
        ty: &Type,
        schema: &Schema,
        from: Choosers<'_>,
        at: &str,
    ) -> (Template, Label) {
        let open = Schema::default();
        let mut label = Label::default();
        if !matches!(ty.some(), Type::Record(_) | Type::Variant(_)) && schema.properties.is_empty() {
            label.join(&self.literal);
            self.admitted(site, &label.origin, from, at);
        }
        let mut templates = BTreeMap::new();
        let filled = schema.properties.iter().filter(|(_, schema)| schema.fixes());
        let names: BTreeSet<&String> = fields.keys().chain(filled.map(|(name, _)| name)).collect();
        for name in names {
            let place = with_key(at, name);
            let field_type = match ty.some() {
                Type::Record(declared) => match declared.iter().find(|field| field.name == *name) {
                    Some(field) => &field.ty,
                    None => {
                        let message = format!("`{}` is a {ty}, which has no such field", site.name);
                        let violation = Violation::new("argument.type", place, message).help("leave the field out");
                        self.refuse_part(violation.line(site.argument.line));
                        continue;
                    }
                },
                _ => &Type::Json,
            };
            let field_schema = schema.properties.get(name).unwrap_or(&open);
            if let Some((template, part)) = self.value(site, fields.get(name), field_type, field_schema, from, &place) {
                label.join(&part);
                templates.insert(name.clone(), template);
            }
        }
        (collapse_object(templates), label)
    }

    fn constant(
        &mut self,
        site: &Site<'_>,
        given: Option<&Expression>,
        constant: &Value,
        at: &str,
    ) -> Option<(Template, Label)> {
        if given.is_some_and(|given| literal(given).as_ref() != Some(constant)) {
            let message = format!("the policy fixes `{}` to {constant}", site.name);
            let violation = Violation::new("argument.const", at, message).help("leave it out: the host puts it in");
            self.refuse_part(violation.line(site.argument.line));
            return None;
        }
        Some((Template::Value(constant.clone()), Label::of(Origin::Policy)))
    }

    fn fixed_input(
        &mut self,
        site: &Site<'_>,
        given: Option<&Expression>,
        input: &Name,
        at: &str,
    ) -> Option<(Template, Label)> {
        if given.is_some_and(|given| !matches!(given, Expression::Input(name) if name == input)) {
            let message = format!("`{}` is always the input `{input}`, which only the user gives", site.name);
            let violation = Violation::new("argument.input", at, message).help("leave it out: the host puts it in");
            self.refuse_part(violation.line(site.argument.line));
            return None;
        }
        let Some(bound) = self.session.inputs.get(input) else {
            self.unbound(input, at);
            return None;
        };
        let (value, label) = (bound.value.clone(), bound.label.clone());
        // The policy says which input, and not that anyone's file may be behind it.
        let (from, ask) = (Admitted::default(), BTreeSet::new());
        self.admitted(site, &label.origin, Choosers { from: &from, ask: &ask }, at);
        Some((Template::Input(value), label))
    }

    /// A reference fills its whole place, so there must be nothing in it that the policy fills.
    fn leaves_room(&mut self, site: &Site<'_>, schema: &Schema, at: &str) -> Option<()> {
        if !schema.fixes_below() {
            return Some(());
        }
        let message = format!("the policy fixes a part of `{}`, so no reference can fill all of it", site.name);
        let violation = Violation::new("argument.fixed", at, message);
        self.refuse_part(violation.help("write the object, and leave that part out").line(site.argument.line));
        None
    }

    fn unbound(&mut self, input: &Name, at: &str) {
        let (message, help, line) = match self.policy.inputs.get(input) {
            Some(declared) => (
                format!("the input `{input}` is not bound"),
                format!("run with `--input {input}=…`"),
                Some(declared.line),
            ),
            None => {
                (format!("the policy declares no input `{input}`"), format!("`[input.{input}]` would declare it"), None)
            }
        };
        let mut violation = Violation::new("input.unbound", at, message).help(help);
        violation.line = line;
        self.refuse_part(violation);
    }

    /// Reports a part of an argument that there is nothing for, so that what is left of the argument is not whole.
    fn refuse_part(&mut self, violation: Violation) {
        self.incomplete = true;
        self.violations.push(violation);
    }

    /// The static type and the label of what a reference names.
    pub(super) fn output_type(&mut self, reference: &Reference, at: &str) -> Option<(Type, Label)> {
        let step = &reference.step;
        let session = self.session;
        let KnownOutput { capability, ty, label, endorses } = match (self.known.get(step), session.steps.get(step)) {
            (Some(known), _) => {
                let step = self.validated.get((*known)?)?;
                let ty =
                    self.policy.capabilities.get(&step.capability).and_then(|capability| capability.output.as_ref());
                KnownOutput { capability: &step.capability, ty, label: &step.label, endorses: step.endorses }
            }
            (None, Some(past)) if past.value.is_some() || !past.told => KnownOutput {
                capability: &past.capability,
                ty: past.ty.as_ref(),
                label: &past.label,
                endorses: past.endorses,
            },
            (None, Some(_)) => {
                let message = format!("the step `{step}` failed, and has no output");
                self.violations
                    .push(Violation::new("reference.failed", at, message).help("refer to a step that succeeded"));
                return None;
            }
            (None, None) => {
                let violation = if self.ids.contains(step) {
                    let message = format!("the step `{step}` does not come before this one");
                    Violation::new("reference.forward", at, message)
                        .help("a plan is a straight line: move that step up")
                } else {
                    let message = format!("there is no step `{step}`");
                    Violation::new("reference.unknown", at, message)
                        .help(format!("earlier steps: {}", listed(self.known.keys(), "none")))
                };
                self.violations.push(violation);
                return None;
            }
        };
        let tokens = tokens(&reference.part);
        match ty.and_then(|ty| ty.part(&tokens)) {
            Some(part) if endorses => Some((part, self.endorsed(capability, &tokens, label.clone()))),
            Some(part) => Some((part, label.clone())),
            None => {
                let gives = ty.map_or_else(|| "nothing".to_owned(), |ty| format!("a {ty}"));
                let message = format!(
                    "the step `{step}` gives {gives}, which has no part `{}`",
                    crate::printable::printable(&reference.part)
                );
                self.violations.push(
                    Violation::new("reference.part", at, message).help("`at` is a JSON pointer into the step's output"),
                );
                None
            }
        }
    }

    /// Rule 9: what a part of an output carries, of a step whose arguments nobody but policy and user chose.
    fn endorsed(&self, capability: &Name, part: &[String], mut label: Label) -> Label {
        let endorsements = self.policy.capabilities.get(capability).map(|capability| capability.endorsements.iter());
        if let Some(endorsement) = endorsements.into_iter().flatten().find(|endorsement| endorsement.covers(part)) {
            label.origin.retain(|origin| !endorsement.drop.contains(origin));
            if endorsement.is_picked() {
                // Which element it is, the plan says.
                label.origin.extend(self.literal.origin.iter().cloned());
            }
        }
        label
    }

    /// Rule 6, for a place and everything that the schema says below it: a reference fills all of it.
    fn admitted_all(
        &mut self,
        site: &Site<'_>,
        origin: &BTreeSet<Name>,
        schema: &Schema,
        from: Choosers<'_>,
        at: &str,
    ) {
        self.admitted(site, origin, from, at);
        let mut inner = Vec::new();
        schema.choosers_below(from, &mut inner);
        for inner in inner {
            self.admitted(site, origin, inner, at);
        }
    }

    /// Rule 6: the origins of a value are within its `from`; what is in `ask`, a person may let through.
    fn admitted(&mut self, site: &Site<'_>, origin: &BTreeSet<Name>, choosers: Choosers<'_>, at: &str) {
        let (asked, refused): (BTreeSet<Name>, BTreeSet<Name>) =
            choosers.from.refused(origin).into_iter().partition(|origin| choosers.ask.contains(origin));
        if !asked.is_empty() {
            self.asked.push(Asked { at: at.to_owned(), origins: asked, line: site.argument.line, ..Asked::default() });
        }
        if refused.is_empty() {
            return;
        }
        let from = choosers.from;
        let message =
            format!("this value of `{}` comes from {}, and only {from} may choose it", site.name, listed(&refused, ""));
        let help = format!(
            "`from = {}` beside the other keywords of `{}` would allow it; then {} may choose it in every plan",
            from.widened(&refused),
            site.name,
            listed(&refused, "")
        );
        self.violations.push(Violation::new("argument.from", at, message).help(help).line(site.argument.line));
    }
}

fn literal(expression: &Expression) -> Option<Value> {
    match expression {
        Expression::Literal(value) => Some(value.clone()),
        Expression::Array(items) => items.iter().map(literal).collect::<Option<Vec<_>>>().map(Value::Array),
        Expression::Object(fields) => fields
            .iter()
            .map(|(name, field)| Some((name.clone(), literal(field)?)))
            .collect::<Option<_>>()
            .map(Value::Object),
        Expression::Step(_) | Expression::Input(_) => None,
    }
}

fn collapse_array(items: Vec<Template>) -> Template {
    if !items.iter().all(|item| matches!(item, Template::Value(_))) {
        return Template::Array(items);
    }
    let values =
        items.into_iter().filter_map(|item| if let Template::Value(value) = item { Some(value) } else { None });
    Template::Value(Value::Array(values.collect()))
}

fn collapse_object(fields: BTreeMap<String, Template>) -> Template {
    if !fields.values().all(|field| matches!(field, Template::Value(_))) {
        return Template::Object(fields);
    }
    let values = fields
        .into_iter()
        .filter_map(|(name, field)| if let Template::Value(value) = field { Some((name, value)) } else { None });
    Template::Value(Value::Object(values.collect()))
}
