//! Plans that take a way that a policy says is never taken: tried one by one, for whoever reads why a proof fails.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::capability::{Argument, Capability};
use crate::label::Admitted;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::proof::Way;
use crate::sample::sample;
use crate::schema::Schema;
use crate::session::Session;
use crate::types::Type;

/// The most plans that are tried for one way.
const TRIES_MAX: usize = 64;

/// Plans along a way, from the likeliest on.
fn plans(policy: &Policy, way: &Way) -> Vec<String> {
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
    let fits = |input: &crate::capability::Input| {
        let origins = input.origin.iter().flatten().all(|origin| admits(origin.as_str()));
        let bound = input.origin.is_some() || admits("user");
        origins && bound && input.schema.bound_type().may_fit(ty)
    };
    let (name, _) = policy.inputs.iter().find(|(_, input)| fits(input))?;
    Some(json!({ "$input": name }))
}

impl Policy {
    /// A plan that goes a way, where one can be written and nothing else refuses it.
    pub(crate) fn plan_of(self: &Arc<Self>, way: &Way) -> Option<String> {
        let session = Session::supposing(self);
        let mut tries = plans(self, way).into_iter();
        tries.find(|text| {
            let plan = Plan::parse(text.as_bytes(), &self.limits);
            let checked = plan.and_then(|plan| self.check(&session, plan, SystemTime::UNIX_EPOCH));
            // What a person can let through counts as let through.
            checked.map_or_else(|refusal| refusal.violations().is_empty(), |_| true)
        })
    }
}
