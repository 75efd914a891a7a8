//! JSON to component values and back, by the component's own types.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use claw_policy::types::EXACT_INTEGER_MAX;
use serde_json::{Map, Number, Value};
use wasmtime::component::{Type, Val};

/// A value that cannot be turned into the other form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ValueFault(String);

fn fault<T>(message: impl Into<String>) -> Result<T, ValueFault> {
    Err(ValueFault(message.into()))
}

/// Turns JSON into a value of `ty`.
///
/// The policy has checked the same JSON against the same type; what it let pass and this refuses is a bug, and an error.
///
/// # Errors
/// JSON that is not of the type.
pub(crate) fn to_val(value: &Value, ty: &Type) -> Result<Val, ValueFault> {
    let wrong = || ValueFault(format!("a {} cannot be made of this JSON", name(ty)));
    Ok(match (ty, value) {
        (Type::Bool, Value::Bool(flag)) => Val::Bool(*flag),
        (Type::S8, value) => Val::S8(integer(value)?),
        (Type::U8, value) => Val::U8(integer(value)?),
        (Type::S16, value) => Val::S16(integer(value)?),
        (Type::U16, value) => Val::U16(integer(value)?),
        (Type::S32, value) => Val::S32(integer(value)?),
        (Type::U32, value) => Val::U32(integer(value)?),
        (Type::S64, value) => Val::S64(integer(value)?),
        (Type::U64, value) => Val::U64(integer(value)?),
        (Type::Float32, Value::Number(number)) => {
            // What is too small for a single is zero, and there is one: adding it takes its sign away.
            let single = number.as_f64().ok_or_else(wrong)? as f32 + 0.0;
            Val::Float32(Some(single).filter(|single| single.is_finite()).ok_or_else(wrong)?)
        }
        (Type::Float64, Value::Number(number)) => Val::Float64(number.as_f64().ok_or_else(wrong)?),
        (Type::Char, Value::String(text)) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(only), None) => Val::Char(only),
                _ => return Err(wrong()),
            }
        }
        (Type::String, Value::String(text)) => Val::String(text.clone()),
        (Type::List(list), Value::String(text)) if list.ty() == Type::U8 => {
            Val::List(BASE64_STANDARD.decode(text).map_err(|_| wrong())?.into_iter().map(Val::U8).collect())
        }
        (Type::List(list), Value::Array(items)) if list.ty() != Type::U8 => {
            let ty = list.ty();
            Val::List(items.iter().map(|item| to_val(item, &ty)).collect::<Result<_, _>>()?)
        }
        (Type::Record(record), Value::Object(object)) => {
            let fields = record.fields().map(|field| {
                let value = object.get(field.name).unwrap_or(&Value::Null);
                Ok((field.name.to_owned(), to_val(value, &field.ty)?))
            });
            let fields = fields.collect::<Result<Vec<_>, ValueFault>>()?;
            if object.keys().any(|key| !fields.iter().any(|(name, _)| name == key)) {
                return Err(wrong());
            }
            Val::Record(fields)
        }
        (Type::Tuple(tuple), Value::Array(items)) if tuple.types().len() == items.len() => {
            Val::Tuple(tuple.types().zip(items).map(|(ty, item)| to_val(item, &ty)).collect::<Result<_, _>>()?)
        }
        (Type::Variant(variant), Value::Object(object)) => {
            let tag = object.get("tag").and_then(Value::as_str).ok_or_else(wrong)?;
            let case = variant.cases().find(|case| case.name == tag).ok_or_else(wrong)?;
            match (case.ty, object.get("value"), object.len()) {
                (Some(ty), Some(value), 2) => Val::Variant(tag.to_owned(), Some(Box::new(to_val(value, &ty)?))),
                (None, None, 1) => Val::Variant(tag.to_owned(), None),
                _ => return Err(wrong()),
            }
        }
        (Type::Enum(names), Value::String(text)) if names.names().any(|name| name == text) => Val::Enum(text.clone()),
        (Type::Option(_), Value::Null) => Val::Option(None),
        (Type::Option(option), value) => Val::Option(Some(Box::new(to_val(value, &option.ty())?))),
        (Type::Result(result), Value::Object(object)) if object.len() == 1 => {
            match (object.get("ok"), object.get("err")) {
                (Some(value), None) => Val::Result(Ok(side(value, result.ok())?)),
                (None, Some(value)) => Val::Result(Err(side(value, result.err())?)),
                _ => return Err(wrong()),
            }
        }
        (Type::Flags(flags), Value::Array(items)) => {
            let set = items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(wrong)?;
            let mut declared = flags.names();
            if !set.iter().all(|name| declared.any(|declared| declared == name)) {
                return Err(wrong());
            }
            Val::Flags(set)
        }
        _ => return Err(wrong()),
    })
}

fn side(value: &Value, ty: Option<Type>) -> Result<Option<Box<Val>>, ValueFault> {
    match (ty, value) {
        (Some(ty), value) => Ok(Some(Box::new(to_val(value, &ty)?))),
        (None, Value::Null) => Ok(None),
        (None, _) => fault("this side of the result carries nothing"),
    }
}

/// Reads an integer: a JSON integer within ±(2^53 − 1), or a decimal string beyond.
fn integer<N: TryFrom<i128>>(value: &Value) -> Result<N, ValueFault> {
    let wide: i128 = match value {
        Value::Number(number) => number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)),
        // One spelling: no sign `+`, no leading zeros.
        Value::String(text) => text.parse().ok().filter(|wide: &i128| wide.to_string() == *text),
        _ => None,
    }
    .ok_or_else(|| ValueFault("an integer is wanted".to_owned()))?;
    let is_string = value.is_string();
    if is_string == (wide.unsigned_abs() <= u128::from(EXACT_INTEGER_MAX)) {
        return fault(format!("`{wide}` is a number within ±(2^53 − 1), and a string beyond"));
    }
    N::try_from(wide).map_err(|_| ValueFault(format!("`{wide}` is out of range")))
}

/// Turns a value of `ty` into JSON. The type is needed: an empty `list<u8>` is `""`, and any other empty list `[]`.
///
/// # Errors
/// NaN and the infinities, and values that have no JSON (resources, streams, futures).
pub(crate) fn to_json(val: Val, ty: &Type) -> Result<Value, ValueFault> {
    Ok(match (val, ty) {
        (Val::Bool(flag), _) => Value::Bool(flag),
        (Val::S8(n), _) => n.into(),
        (Val::U8(n), _) => n.into(),
        (Val::S16(n), _) => n.into(),
        (Val::U16(n), _) => n.into(),
        (Val::S32(n), _) => n.into(),
        (Val::U32(n), _) => n.into(),
        (Val::S64(n), _) if n.unsigned_abs() > EXACT_INTEGER_MAX => Value::String(n.to_string()),
        (Val::S64(n), _) => n.into(),
        (Val::U64(n), _) if n > EXACT_INTEGER_MAX => Value::String(n.to_string()),
        (Val::U64(n), _) => n.into(),
        (Val::Float32(n), _) => float(shortest(n))?,
        (Val::Float64(n), _) => float(n)?,
        (Val::Char(c), _) => Value::String(c.to_string()),
        (Val::String(text) | Val::Enum(text), _) => Value::String(text),
        (Val::List(items), Type::List(list)) if list.ty() == Type::U8 => {
            let bytes = items.iter().map(|item| if let Val::U8(byte) = item { Some(*byte) } else { None });
            let bytes: Vec<u8> = bytes.collect::<Option<_>>().ok_or_else(mismatch)?;
            Value::String(BASE64_STANDARD.encode(bytes))
        }
        (Val::List(items), Type::List(list)) => {
            let ty = list.ty();
            Value::Array(items.into_iter().map(|item| to_json(item, &ty)).collect::<Result<_, _>>()?)
        }
        (Val::Tuple(items), Type::Tuple(tuple)) => Value::Array(
            items.into_iter().zip(tuple.types()).map(|(item, ty)| to_json(item, &ty)).collect::<Result<_, _>>()?,
        ),
        (Val::Record(fields), Type::Record(record)) => {
            let fields = fields
                .into_iter()
                .zip(record.fields())
                .map(|((name, field), declared)| Ok((name, to_json(field, &declared.ty)?)));
            Value::Object(fields.collect::<Result<_, ValueFault>>()?)
        }
        (Val::Variant(tag, value), Type::Variant(variant)) => {
            let case = variant.cases().find(|case| case.name == tag).and_then(|case| case.ty);
            let mut object = Map::from_iter([("tag".to_owned(), Value::String(tag))]);
            if let Some(value) = value {
                object.insert("value".to_owned(), to_json(*value, &case.ok_or_else(mismatch)?)?);
            }
            Value::Object(object)
        }
        (Val::Option(None), _) => Value::Null,
        (Val::Option(Some(some)), Type::Option(option)) => to_json(*some, &option.ty())?,
        (Val::Result(result), Type::Result(ty)) => {
            let (key, value, ty) = match result {
                Ok(value) => ("ok", value, ty.ok()),
                Err(value) => ("err", value, ty.err()),
            };
            Value::Object(Map::from_iter([(key.to_owned(), payload(value, ty.as_ref())?)]))
        }
        (Val::Flags(set), _) => Value::Array(set.into_iter().map(Value::String).collect()),
        _ => return fault("the value has no JSON"),
    })
}

/// The JSON of what one side of a `result` carries; null for nothing.
pub(crate) fn payload(value: Option<Box<Val>>, ty: Option<&Type>) -> Result<Value, ValueFault> {
    match (value, ty) {
        (Some(value), Some(ty)) => to_json(*value, ty),
        (None, _) => Ok(Value::Null),
        (Some(_), None) => Err(mismatch()),
    }
}

fn mismatch() -> ValueFault {
    ValueFault("the value is not of its type".to_owned())
}

/// The double that prints as short as the single does.
fn shortest(n: f32) -> f64 {
    n.to_string().parse().unwrap_or_else(|_| f64::from(n))
}

fn float(n: f64) -> Result<Value, ValueFault> {
    // There is one zero, here as in what is read: on record, `-0` is `0`.
    Number::from_f64(n + 0.0).map_or_else(|| fault(format!("`{n}` has no JSON")), |number| Ok(Value::Number(number)))
}

fn name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::S8 | Type::S16 | Type::S32 | Type::S64 | Type::U8 | Type::U16 | Type::U32 | Type::U64 => "number",
        Type::Float32 | Type::Float64 => "float",
        Type::Char => "char",
        Type::String => "string",
        Type::List(_) => "list",
        Type::Record(_) => "record",
        Type::Tuple(_) => "tuple",
        Type::Variant(_) => "variant",
        Type::Enum(_) => "enum",
        Type::Option(_) => "option",
        Type::Result(_) => "result",
        Type::Flags(_) => "flags",
        _ => "value of that type",
    }
}

#[cfg(test)]
mod tests;
