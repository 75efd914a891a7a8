//! Values as a record has them, so that what is decided on one while running is decided again on the same.
//!
//! A record is canonical JSON (RFC 8785), whose numbers are doubles: integers beyond 2^53 − 1 stand in it as strings, and `1.0`
//! is written `1`. So a number beyond that in a record was a decimal.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::types::EXACT_INTEGER_MAX;

/// The value that a record gives back for `value`, which is the same nearly always.
pub fn recorded(value: &Value) -> Cow<'_, Value> {
    match is_recorded(value) {
        true => Cow::Borrowed(value),
        false => {
            let mut value = value.clone();
            to_record(&mut value);
            Cow::Owned(value)
        }
    }
}

/// Makes a value one that a record gives back as it is.
pub fn to_record(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole =
                number.as_f64().filter(|double| double.fract() == 0.0 && double.abs() <= EXACT_INTEGER_MAX as f64);
            if let Some(double) = whole {
                *number = Number::from(double as i64);
            }
        }
        Value::Number(number) if is_beyond(number) => *value = Value::String(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(to_record),
        Value::Object(fields) => fields.values_mut().for_each(to_record),
        _ => {}
    }
}

/// Makes a value that was read from a record the one that was put there.
pub fn from_record(value: &mut Value) {
    match value {
        Value::Number(number) if is_beyond(number) => {
            if let Some(double) = number.as_f64().and_then(Number::from_f64) {
                *number = double;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(from_record),
        Value::Object(fields) => fields.values_mut().for_each(from_record),
        _ => {}
    }
}

fn is_recorded(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64() && !is_beyond(number),
        Value::Array(items) => items.iter().all(is_recorded),
        Value::Object(fields) => fields.values().all(is_recorded),
        _ => true,
    }
}

/// Whether it is an integer that a double may not hold.
fn is_beyond(number: &Number) -> bool {
    !number.is_f64() && number.as_i64().map_or(u64::MAX, i64::unsigned_abs) > EXACT_INTEGER_MAX
}
