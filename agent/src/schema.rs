//! The JSON schema of a reply, made from a policy: for services that hold a model to one. Who may choose what is not in it.

use claw_policy::types::{Field, Type};
use claw_policy::{Capability, Policy, Schema};
use serde_json::{Map, Value, json};

/// The schema of a plan under this policy, or of an answer in words, which has no steps: one object, since there are services
/// that take no choice at the top.
pub(crate) fn of_replies(policy: &Policy) -> Value {
    let steps: Vec<Value> = policy.capabilities.iter().map(|(name, one)| step(name.as_str(), one)).collect();
    let step = if steps.is_empty() { Value::Bool(false) } else { json!({ "anyOf": steps }) };
    let id = json!({ "type": "string" });
    let whole = object([("$step", id.clone())], &["$step"]);
    let part = object([("$step", id.clone()), ("at", json!({ "type": "string" }))], &["$step", "at"]);
    let inputs: Vec<&str> = policy.inputs.keys().map(|name| name.as_str()).collect();
    let fields = [
        ("claw", json!({ "const": 1 })),
        ("steps", json!({ "type": "array", "items": step })),
        ("answer", json!({ "anyOf": [{ "type": "string" }, refers("step")] })),
    ];
    let mut schema = object(fields, &["claw", "steps"]);
    let input = object([("$input", json!({ "enum": inputs }))], &["$input"]);
    // A choice of nothing is no schema to some services, which then hold the model to none.
    let reference = if inputs.is_empty() { refers("step") } else { json!({ "anyOf": [refers("step"), input] }) };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$defs".to_owned(), json!({ "step": { "anyOf": [whole, part] }, "reference": reference }));
    }
    schema
}

fn step(name: &str, capability: &Capability) -> Value {
    let given = capability.arguments.iter().filter(|(_, argument)| !is_fixed(&argument.schema));
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, argument) in given {
        properties.insert(name.clone(), value(&argument.ty, &argument.schema));
        if !argument.ty.is_optional() {
            required.push(name.as_str());
        }
    }
    let arguments =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let fields =
        [("id", json!({ "type": "string" })), ("capability", json!({ "const": name })), ("arguments", arguments)];
    object(fields, &["id", "capability", "arguments"])
}

/// Whether the host puts the value in.
fn is_fixed(schema: &Schema) -> bool {
    schema.constant.is_some() || schema.input.is_some()
}

/// What may stand in a value's place: itself, or a reference.
fn value(ty: &Type, schema: &Schema) -> Value {
    if let Some(constant) = &schema.constant {
        return json!({ "const": constant });
    }
    match literal(ty.some(), schema) {
        Some(literal) => json!({ "anyOf": [literal, refers("reference")] }),
        None => Value::Object(Map::new()),
    }
}

/// A value that a plan writes; none where it can be any JSON.
fn literal(ty: &Type, schema: &Schema) -> Option<Value> {
    if let Some(options) = &schema.options {
        return Some(json!({ "enum": options }));
    }
    let open = Schema::default();
    Some(match ty {
        Type::Bool => json!({ "type": "boolean" }),
        Type::Signed(64) | Type::Unsigned(64) => json!({ "type": ["integer", "string"] }),
        Type::Signed(_) | Type::Unsigned(_) => json!({ "type": "integer" }),
        Type::Float(_) => json!({ "type": "number" }),
        Type::Char | Type::String | Type::Bytes => json!({ "type": "string" }),
        Type::Enum(names) => json!({ "enum": names }),
        Type::Flags(names) => json!({ "type": "array", "items": { "enum": names } }),
        Type::List(item) => {
            json!({ "type": "array", "items": value(item, schema.items.as_deref().unwrap_or(&open)) })
        }
        Type::Record(fields) => record(fields, schema),
        Type::Tuple(_) => json!({ "type": "array" }),
        Type::Variant(_) | Type::Result(..) => json!({ "type": "object" }),
        Type::Option(some) => return literal(some, schema),
        Type::Json => return None,
    })
}

fn record(fields: &[Field], schema: &Schema) -> Value {
    let open = Schema::default();
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields {
        let said = schema.properties.get(&field.name).unwrap_or(&open);
        if is_fixed(said) {
            continue;
        }
        properties.insert(field.name.clone(), value(&field.ty, said));
        if !field.ty.is_optional() {
            required.push(field.name.as_str());
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn refers(what: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{what}") })
}

fn object<const N: usize>(properties: [(&str, Value); N], required: &[&str]) -> Value {
    let properties: Map<String, Value> = properties.into_iter().map(|(name, one)| (name.to_owned(), one)).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use claw_policy::Catalogue;

    use super::*;

    #[test]
    fn a_policy_without_inputs_leaves_no_choice_of_nothing() {
        let of = |inputs: &str| {
            let text = format!("claw = 1\nname = \"empty\"\n{inputs}");
            of_replies(&Policy::parse(&text, &Catalogue::default()).unwrap()).to_string()
        };
        assert!(!of("").contains("\"enum\":[]"), "llama.cpp takes no such schema: {}", of(""));
        assert!(of("[input.name]\ntype = \"string\"\n").contains("\"enum\":[\"name\"]"));
    }
}
