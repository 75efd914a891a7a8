//! The type and the schema of all that is known of an argument: before a plan runs, and again when its step starts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::arguments::Site;
use super::{Checking, Template};
use crate::fault::Violation;
use crate::json::{with_index, with_key};
use crate::schema::Schema;
use crate::types::Type;

impl Checking<'_> {
    /// Checks type and schema of all that is known before the plan runs.
    pub(super) fn holds(&mut self, site: &Site<'_>, template: &Template, ty: &Type, schema: &Schema, at: &str) {
        match template {
            Template::Value(value) => {
                let found = value_violations(value, ty, schema, at, site.argument.line);
                self.violations.extend(found);
            }
            Template::Input(value) => {
                let found = value_violations(value, ty, schema, at, site.argument.line);
                self.violations.extend(undescribed(found, at));
            }
            Template::Output(_) => {}
            Template::Array(items) => {
                let open = Schema::default();
                let item_schema = schema.items.as_deref().unwrap_or(&open);
                let length = match ty.some() {
                    Type::Tuple(items) => Some(items.len()),
                    Type::List(_) | Type::Flags(_) | Type::Json => None,
                    _ => return self.wrong_shape(site, ty, "an array", at),
                };
                if !schema.allows_items(items.len()) {
                    let message = format!("the policy's schema allows `{}` another number of items", site.name);
                    let help = "its `minItems` and `maxItems` say how many";
                    self.violations
                        .push(Violation::new("argument.schema", at, message).help(help).line(site.argument.line));
                }
                if length.is_some_and(|length| length != items.len()) {
                    return self.wrong_shape(site, ty, "an array of another length", at);
                }
                for (index, item) in items.iter().enumerate() {
                    let item_type = match ty.some() {
                        Type::List(item) => item,
                        Type::Tuple(items) => items.get(index).unwrap_or(&Type::Json),
                        _ => &Type::Json,
                    };
                    self.holds(site, item, item_type, item_schema, &with_index(at, index));
                }
            }
            Template::Object(fields) => self.object_holds(site, fields, ty, schema, at),
        }
    }

    fn object_holds(
        &mut self,
        site: &Site<'_>,
        fields: &BTreeMap<String, Template>,
        ty: &Type,
        schema: &Schema,
        at: &str,
    ) {
        let open = Schema::default();
        match ty.some() {
            Type::Record(declared) => {
                let unknown = fields.keys().any(|name| !declared.iter().any(|field| field.name == *name));
                let missing = declared.iter().any(|field| !field.ty.is_optional() && !fields.contains_key(&field.name));
                if unknown || missing {
                    return self.wrong_shape(site, ty, "an object with other fields", at);
                }
            }
            // A variant's or result's parts are checked when their values are known.
            Type::Json | Type::Variant(_) | Type::Result(..) => {}
            _ => return self.wrong_shape(site, ty, "an object", at),
        }
        if !schema.properties.is_empty() && fields.keys().any(|name| !schema.properties.contains_key(name)) {
            return self.wrong_shape(site, ty, "an object with fields that its schema does not list", at);
        }
        for (name, field) in fields {
            let field_type = match ty.some() {
                Type::Record(declared) => {
                    declared.iter().find(|field| field.name == *name).map_or(&Type::Json, |field| &field.ty)
                }
                _ => &Type::Json,
            };
            let field_schema = schema.properties.get(name).unwrap_or(&open);
            self.holds(site, field, field_type, field_schema, &with_key(at, name));
        }
    }

    fn wrong_shape(&mut self, site: &Site<'_>, ty: &Type, found: &str, at: &str) {
        let message = format!("`{}` is a {ty}, and this is {found}", site.name);
        self.violations.push(
            Violation::new("argument.type", at, message).help("give a value of that type").line(site.argument.line),
        );
    }

    pub(super) fn bounded(&mut self, site: &Site<'_>, template: &Template, most: u64, at: &str) {
        if let Template::Value(value) = template {
            self.violations.extend(too_long(site.name, value, most, at));
        }
    }
}

/// The violations of a value that is known whole, at its place.
pub(crate) fn value_violations(value: &Value, ty: &Type, schema: &Schema, at: &str, line: usize) -> Vec<Violation> {
    if let Err(faults) = ty.check(value) {
        return faults
            .into_iter()
            .map(|fault| {
                Violation::new("argument.type", format!("{at}{}", fault.at), fault.message)
                    .help(format!("the type is {ty}"))
                    .line(line)
            })
            .collect();
    }
    if ty.is_optional() && value.is_null() {
        return Vec::new();
    }
    let Err(faults) = schema.narrows(ty, value) else { return Vec::new() };
    let violations = faults.into_iter().map(|fault| {
        let (rule, help) = match fault.keyword.as_str() {
            "format" => ("argument.path", "paths are relative to the granted folder, downwards".to_owned()),
            keyword => ("argument.schema", format!("the policy's schema says `{keyword}`")),
        };
        Violation::new(rule, format!("{at}{}", fault.at), fault.message).help(help).line(line)
    });
    violations.collect()
}

/// Violations of a value that the reader may not be allowed to see: one, at its place, without its keys or which part it is.
pub(crate) fn undescribed(violations: Vec<Violation>, at: &str) -> Option<Violation> {
    let first = violations.into_iter().next()?;
    let is_whole = first.at == at && first.message.find('`').is_none() && !first.message.contains('\'');
    let message = if is_whole { first.message.clone() } else { "a part of the value does not fit".to_owned() };
    Some(Violation { at: at.to_owned(), message, unseen: true, ..first })
}

/// The violation of a value that is longer than an argument may be.
pub(crate) fn too_long(name: &str, value: &Value, most: u64, at: &str) -> Option<Violation> {
    (json_length(value) > most).then(|| too_many_bytes(name, at))
}

/// The violation of a value that is too long. Not how long: whoever reads it may not be allowed to see the value.
pub(crate) fn too_many_bytes(name: &str, at: &str) -> Violation {
    Violation::new("limit.argument-bytes", at, format!("`{name}` is longer than an argument may be, as JSON"))
        .help("`[limits] argument-bytes` bounds it")
}

/// The deepest nesting of an argument with all outputs in their places. A record has it a few levels down, and JSON is read
/// to a depth of 127.
const DEPTH_MAX: usize = 110;

/// The violation of a value that is nested deeper than a record can have it.
pub(crate) fn too_deep(name: &str, value: &Value, at: &str) -> Option<Violation> {
    fn is_within(value: &Value, left: usize) -> bool {
        let inner = |left: usize| left.checked_sub(1);
        match value {
            Value::Array(items) => inner(left).is_some_and(|left| items.iter().all(|item| is_within(item, left))),
            Value::Object(fields) => {
                inner(left).is_some_and(|left| fields.values().all(|field| is_within(field, left)))
            }
            _ => true,
        }
    }
    let message = || format!("`{name}` is nested deeper than {DEPTH_MAX}, with the outputs that are put into it");
    (!is_within(value, DEPTH_MAX))
        .then(|| Violation::new("limit.plan-depth", at, message()).help("refer to a part of the output"))
}

/// The bytes of a value's JSON, without making it.
pub(crate) fn json_length(value: &Value) -> u64 {
    struct Counter(u64);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        Err(_) => u64::MAX,
    }
}
