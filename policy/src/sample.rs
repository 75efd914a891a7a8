//! Values that a type and a schema allow, for plans that are examples.

use serde_json::{Map, Value, json};

use crate::schema::{JsonType, Schema};
use crate::types::Type;

/// Texts that many patterns allow.
const SAMPLES: [&str; 10] = ["x", "a", "0", "1", "x.md", "x.json", "aa", "00", "https://example.org/", "2000-01-01"];

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
