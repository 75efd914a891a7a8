//! Plans that take a way that a policy says is never taken: tried one by one, for whoever reads why a proof fails.

use serde_json::{Map, Value, json};

use crate::label::Admitted;
use crate::policy::{Argument, Capability, Policy};
use crate::proof::Way;
use crate::schema::{JsonType, Schema};
use crate::types::Type;

/// The most plans that are tried for one way.
const TRIES_MAX: usize = 64;

/// Texts that many patterns allow.
const SAMPLES: [&str; 10] = ["x", "a", "0", "1", "x.md", "x.json", "aa", "00", "https://example.org/", "2000-01-01"];

/// Plans along a way, from the likeliest on.
pub(crate) fn plans(policy: &Policy, way: &Way) -> Vec<String> {
    let mut tries: Vec<Vec<Value>> = vec![Vec::new()];
    for (index, hop) in way.hops.iter().enumerate() {
        let Some(capability) = policy.capabilities.get(&hop.capability) else { return Vec::new() };
        let earlier = way.hops.get(index.wrapping_sub(1)).and_then(|hop| policy.capabilities.get(&hop.capability));
        let mut next = Vec::new();
        for steps in &tries {
            for arguments in calls(policy, capability, hop.argument.as_deref(), earlier, index) {
                let mut steps = steps.clone();
                steps.push(
                    json!({ "id": format!("s{}", index + 1), "capability": hop.capability, "arguments": arguments }),
                );
                next.push(steps);
            }
        }
        next.truncate(TRIES_MAX);
        tries = next;
    }
    tries.into_iter().map(|steps| json!({ "claw": 1, "steps": steps }).to_string()).collect()
}

/// Arguments for a call: `through` takes what the step before puts out, and the others are filled in somehow.
fn calls(
    policy: &Policy,
    capability: &Capability,
    through: Option<&str>,
    earlier: Option<&Capability>,
    index: usize,
) -> Vec<Map<String, Value>> {
    let mut rest = Map::new();
    for (name, argument) in capability.arguments.iter().filter(|(name, _)| Some(name.as_str()) != through) {
        match filled(policy, &argument.ty, &argument.schema, &Admitted::default()) {
            Some(Value::Null) => {}
            Some(value) => {
                rest.insert(name.clone(), value);
            }
            None => return Vec::new(),
        }
    }
    let Some((name, argument)) = through.and_then(|name| capability.arguments.get_key_value(name)) else {
        return vec![rest];
    };
    let values: Vec<Value> = match earlier {
        Some(earlier) => references(earlier, argument, index),
        None => filled(policy, &argument.ty, &argument.schema, &Admitted::default()).into_iter().collect(),
    };
    let with = |value: Value| {
        let mut arguments = rest.clone();
        if !value.is_null() {
            arguments.insert(name.clone(), value);
        }
        arguments
    };
    values.into_iter().map(with).collect()
}

/// The ways to put a part of the step before into an argument.
fn references(earlier: &Capability, argument: &Argument, index: usize) -> Vec<Value> {
    let Some(output) = &earlier.output else { return Vec::new() };
    let mut parts = Vec::new();
    pointers(output, String::new(), &mut parts);
    for endorsement in &earlier.endorsements {
        let tokens: Vec<String> =
            endorsement.at.iter().map(|token| if token == "*" { "0".to_owned() } else { token.clone() }).collect();
        let at: String =
            tokens.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect();
        parts.extend(output.part(&tokens).map(|part| (at, part)));
    }
    let found = parts.iter().filter_map(|(at, part)| {
        let reference = json!({ "$step": format!("s{index}"), "at": at });
        placed(&reference, part, &argument.ty)
    });
    found.collect()
}

/// The parts of an output, each by its pointer; of lists the first element.
fn pointers(ty: &Type, at: String, parts: &mut Vec<(String, Type)>) {
    parts.push((at.clone(), ty.clone()));
    match ty.some() {
        Type::List(item) => pointers(item, format!("{at}/0"), parts),
        Type::Tuple(items) => {
            items.iter().enumerate().for_each(|(index, item)| pointers(item, format!("{at}/{index}"), parts));
        }
        Type::Record(fields) => {
            fields.iter().for_each(|field| pointers(&field.ty, format!("{at}/{}", field.name), parts))
        }
        _ => {}
    }
}

/// An argument with a reference in it, where the referred part fits.
fn placed(reference: &Value, part: &Type, target: &Type) -> Option<Value> {
    if part.may_fit(target) {
        return Some(reference.clone());
    }
    match target.some() {
        Type::List(item) => placed(reference, part, item).map(|item| json!([item])),
        Type::Record(fields) => fields.iter().find_map(|field| {
            let value = placed(reference, part, &field.ty)?;
            let others = fields.iter().filter(|other| other.name != field.name && !other.ty.is_optional());
            let mut object: Map<String, Value> = others
                .map(|other| Some((other.name.clone(), sample(&other.ty, &Schema::default())?)))
                .collect::<Option<_>>()?;
            object.insert(field.name.clone(), value);
            Some(Value::Object(object))
        }),
        _ => None,
    }
}

/// A value for an argument that does not matter: null where it is left out, `None` where nothing can be found.
fn filled(policy: &Policy, ty: &Type, schema: &Schema, outer: &Admitted) -> Option<Value> {
    if schema.constant.is_some() || schema.input.is_some() || ty.is_optional() {
        return Some(Value::Null);
    }
    if let Some(option) = schema.options.as_ref().and_then(|options| options.first()) {
        return Some(option.clone());
    }
    let from = schema.from.as_ref().unwrap_or(outer);
    let admits = |origin: &str| match from {
        Admitted::Any => true,
        Admitted::Only(names) => names.iter().any(|name| name.as_str() == origin),
    };
    if !schema.properties.is_empty() {
        let fields = schema.properties.iter().filter_map(|(name, field)| {
            let ty = match ty {
                Type::Record(declared) => declared.iter().find(|f| f.name == *name).map_or(&Type::Json, |f| &f.ty),
                _ => &Type::Json,
            };
            match filled(policy, ty, field, from) {
                Some(Value::Null) => None,
                value => Some(value.map(|value| (name.clone(), value))),
            }
        });
        return fields.collect::<Option<Map<_, _>>>().map(Value::Object);
    }
    if admits("planner") {
        return sample(ty, schema);
    }
    let fits = |input: &crate::policy::Input| {
        let origins = input.origin.iter().flatten().all(|origin| admits(origin.as_str()));
        let bound = input.origin.is_some() || admits("user");
        origins && bound && crate::flow::input_type(&input.schema).may_fit(ty)
    };
    let (name, _) = policy.inputs.iter().find(|(_, input)| fits(input))?;
    Some(json!({ "$input": name }))
}

/// A value of a type that its schema allows.
pub(crate) fn sample(ty: &Type, schema: &Schema) -> Option<Value> {
    if let Some(option) = schema.options.as_ref().and_then(|options| options.first()) {
        return Some(option.clone());
    }
    let bound = |keyword: &str| schema.written.get(keyword).cloned();
    let number = || bound("minimum").or_else(|| bound("maximum")).unwrap_or_else(|| json!(0));
    let least =
        |keyword: &str| bound(keyword).and_then(|n| n.as_u64()).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let texts = || {
        let long = "x".repeat(least("minLength").min(1_000));
        let mut texts = SAMPLES.iter().map(|text| (*text).to_owned()).chain([long]).map(Value::from);
        texts.find(|text| schema.validate(text).is_ok())
    };
    match ty {
        Type::Bool => Some(json!(false)),
        Type::Signed(_) | Type::Unsigned(_) | Type::Float(_) => Some(number()),
        Type::Char => Some(json!("x")),
        Type::String => texts(),
        Type::Bytes => Some(json!("")),
        Type::Enum(names) => names.first().map(|name| json!(name)),
        Type::Flags(_) => Some(json!([])),
        Type::Option(_) => Some(Value::Null),
        Type::List(item) => {
            let open = Schema::default();
            let item = sample(item, schema.items.as_deref().unwrap_or(&open));
            (0..least("minItems").min(100)).map(|_| item.clone()).collect::<Option<Vec<_>>>().map(Value::from)
        }
        Type::Tuple(items) => {
            items.iter().map(|item| sample(item, &Schema::default())).collect::<Option<Vec<_>>>().map(Value::from)
        }
        Type::Record(fields) => {
            let open = Schema::default();
            let each = fields.iter().filter(|field| !field.ty.is_optional()).map(|field| {
                let schema = schema.properties.get(&field.name).unwrap_or(&open);
                Some((field.name.clone(), sample(&field.ty, schema)?))
            });
            each.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Type::Variant(cases) => {
            let case = cases.first()?;
            Some(match &case.ty {
                Some(ty) => json!({ "tag": case.name, "value": sample(ty, &Schema::default())? }),
                None => json!({ "tag": case.name }),
            })
        }
        Type::Result(Some(ok), _) => Some(json!({ "ok": sample(ok, &Schema::default())? })),
        Type::Result(None, _) => Some(json!({ "ok": null })),
        Type::Json => match schema.json_type {
            Some(JsonType::Object) => Some(json!({})),
            Some(JsonType::Array) => Some(json!([])),
            Some(JsonType::Boolean) => Some(json!(false)),
            Some(JsonType::Integer | JsonType::Number) => Some(number()),
            _ => texts(),
        },
    }
}
