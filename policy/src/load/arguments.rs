//! The argument table of a capability, held against the function's signature.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;

use super::{Loading, printed};
use crate::capability::{Argument, Input};
use crate::catalogue::Signature;
use crate::document::{self, Defaults};
use crate::name::Name;
use crate::schema::{JsonType, Schema, named_origins};
use crate::types::{Field, Type};

impl Loading<'_> {
    /// What the policy lists; or, where it has no table, what the built-in brings; or every parameter, from policy and
    /// user.
    pub(super) fn arguments(
        &mut self,
        name: &Spanned<Name>,
        written: &document::Capability,
        defaults: &Defaults,
        signature: &Signature,
        inputs: &BTreeMap<Name, Input>,
    ) -> BTreeMap<String, Argument> {
        let listed: BTreeMap<&str, (&toml::Value, Range<usize>, Range<usize>)> = match &written.argument {
            Some(table) => table
                .iter()
                .map(|(key, value)| (key.get_ref().as_str(), (value.get_ref(), key.span(), value.span())))
                .collect(),
            None => {
                defaults.argument.iter().map(|(key, value)| (key.as_str(), (value, name.span(), name.span()))).collect()
            }
        };
        for (parameter, (_, span, _)) in
            listed.iter().filter(|(key, _)| !signature.parameters.iter().any(|p| p.name == **key))
        {
            let known: Vec<String> = signature.parameters.iter().map(|p| format!("`{}: {}`", p.name, p.ty)).collect();
            self.error_with_help(
                "policy.argument",
                span.clone(),
                format!("the function has no parameter `{}`", printed(parameter)),
                format!("it has {}", known.join(", ")),
            );
        }
        let has_table = written.argument.is_some() || !defaults.argument.is_empty();
        let mut arguments = BTreeMap::new();
        for parameter in &signature.parameters {
            let argument = match listed.get(parameter.name.as_str()) {
                Some((schema, _, span)) => self.argument(parameter, schema, span, inputs),
                None if !has_table => Some(Argument {
                    ty: parameter.ty.clone(),
                    schema: Schema::default(),
                    line: self.line(&name.span()),
                }),
                None if parameter.ty.is_optional() => None,
                None => {
                    let message =
                        format!("the parameter `{}: {}` is not in the argument table", parameter.name, parameter.ty);
                    self.error_with_help(
                        "policy.argument",
                        name.span(),
                        message,
                        format!("a table lists every parameter that is no option: `{} = {{}}`", parameter.name),
                    );
                    None
                }
            };
            if let Some(argument) = argument {
                arguments.insert(parameter.name.clone(), argument);
            }
        }
        arguments
    }

    fn argument(
        &mut self,
        parameter: &Field,
        written: &toml::Value,
        span: &Range<usize>,
        inputs: &BTreeMap<Name, Input>,
    ) -> Option<Argument> {
        let line = self.line(span);
        let schema = match Schema::parse(written) {
            Ok(schema) => schema,
            Err(why) => {
                self.error("policy.schema", span.clone(), format!("the argument `{}`: {why}", parameter.name));
                return None;
            }
        };
        let known = self.origin_names();
        for origin in named_origins(&schema).iter().filter(|origin| !known.contains(*origin)) {
            self.error(
                "policy.name",
                span.clone(),
                format!("there is no origin `{origin}`: no grant, and no label in `[labels] origin`"),
            );
        }
        schema.visit("", &mut |_, schema| {
            if let Some(input) = schema.input.as_ref().filter(|input| !inputs.contains_key(input.as_str())) {
                self.error_with_help(
                    "policy.name",
                    span.clone(),
                    format!("there is no input `{input}`"),
                    format!("declare it: `[input.{input}]`"),
                );
            }
        });
        let text = match &parameter.ty {
            Type::Option(some) => some,
            ty => ty,
        };
        let ty = if *text == Type::String && schema.carries_json() {
            if parameter.ty.is_optional() { Type::Option(Box::new(Type::Json)) } else { Type::Json }
        } else {
            parameter.ty.clone()
        };
        if let Err(why) = fits(&schema, &ty) {
            self.error(
                "policy.schema",
                span.clone(),
                format!("the argument `{}` is a {}: {why}", parameter.name, parameter.ty),
            );
            return None;
        }
        Some(Argument { ty, schema, line })
    }
}

/// Whether a schema can narrow a type: a keyword that could never matter is a mistake.
pub(super) fn fits(schema: &Schema, ty: &Type) -> Result<(), String> {
    let ty = match ty {
        Type::Option(some) => some,
        ty => ty,
    };
    let constants = schema.constant.iter().chain(schema.options.iter().flatten());
    for constant in constants {
        check_constant(schema, ty, constant)?;
    }
    if *ty == Type::Json {
        return Ok(());
    }
    let json_type = match ty {
        Type::Bool => JsonType::Boolean,
        Type::Signed(_) | Type::Unsigned(_) => JsonType::Integer,
        Type::Float(_) => JsonType::Number,
        Type::String | Type::Char | Type::Bytes | Type::Enum(_) => JsonType::String,
        Type::List(_) | Type::Tuple(_) | Type::Flags(_) => JsonType::Array,
        Type::Record(_) | Type::Variant(_) | Type::Result(..) => JsonType::Object,
        Type::Option(_) | Type::Json => JsonType::Json,
    };
    // Numbers that JSON carries are bounded alike; what bounds base64 is `maxBytes` alone.
    let is_fitting =
        |asked: JsonType| asked == json_type || (asked == JsonType::Number && json_type == JsonType::Integer);
    if schema.json_type.is_some_and(|asked| !is_fitting(asked) || *ty == Type::Bytes) {
        return Err("its schema has a `type`, or keywords, of another type".to_owned());
    }
    if schema.is_path && *ty != Type::String {
        return Err("`format = \"path\"` is for strings".to_owned());
    }
    match (&schema.items, ty) {
        (None, _) => {}
        (Some(items), Type::List(item)) => fits(items, item).map_err(|why| format!("its items: {why}"))?,
        (Some(_), _) => return Err("`items` is for lists".to_owned()),
    }
    if schema.properties.is_empty() {
        return Ok(());
    }
    let Type::Record(fields) = ty else { return Err("`properties` is for records and JSON".to_owned()) };
    for (name, schema) in &schema.properties {
        let field =
            fields.iter().find(|field| field.name == *name).ok_or_else(|| format!("it has no field `{name}`"))?;
        fits(schema, &field.ty).map_err(|why| format!("its field `{name}`: {why}"))?;
    }
    Ok(())
}

fn check_constant(schema: &Schema, ty: &Type, constant: &Value) -> Result<(), String> {
    if let Err(faults) = ty.check(constant) {
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
        return Err(format!("`{constant}`: {}", faults.join("; ")));
    }
    schema.validate(constant).map_err(|faults| {
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
        format!("`{constant}`: {}", faults.join("; "))
    })
}
