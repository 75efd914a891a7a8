//! Endorsement: parts of an output that are let through without the origins of what they were read from.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::name::Name;
use crate::schema::{JsonType, Schema};
use crate::types::is_index;

/// The most characters of a string that is endorsed: it is to be looked at, not to carry a text.
const STRING_CHARS_MAX: u64 = 64;

/// A part of an output whose schema leaves so little choice that its origins do not matter.
///
/// Rule 9: decentralised labels call it endorsement (Myers & Liskov, 1997). Secrecy is never dropped.
#[derive(Debug)]
pub struct Endorsement {
    /// The tokens of a JSON pointer into the output; `*` is every element of an array.
    pub at: Vec<String>,
    /// What the value must be: a bounded number, a boolean, an enum, a short string with a pattern.
    pub schema: Schema,
    /// The most elements, where `at` has a `*`.
    pub items_max: Option<u64>,
    /// The origins that the part does not have.
    pub drop: BTreeSet<Name>,
    /// Why, for whoever reads the policy.
    pub because: String,
    /// The line that says so.
    pub line: usize,
}

impl Endorsement {
    /// Whether a reference to `part` is to a part that this endorses, and to one that a plan picks out of several.
    pub(crate) fn covers(&self, part: &[String]) -> bool {
        self.at.len() == part.len()
            && self.at.iter().zip(part).all(|(at, token)| at == token || (at == "*" && is_index(token)))
    }

    /// Whether some part of an output is covered by both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let is_one = |(a, b): (&String, &String)| a == b || (a == "*" && is_index(b)) || (b == "*" && is_index(a));
        self.at.len() == other.at.len() && self.at.iter().zip(&other.at).all(is_one)
    }

    /// Whether a plan picks which element it is.
    pub(crate) fn is_picked(&self) -> bool {
        self.items_max.is_some()
    }

    /// How many bits one output can carry through it at most, over all its elements.
    pub fn bits(&self) -> f64 {
        self.items_max.unwrap_or(1) as f64 * bits(&self.schema)
    }

    /// The values of an output that it is about; `None` where a part is missing, or there are too many elements.
    pub(crate) fn values<'v>(&self, output: &'v Value) -> Option<Vec<&'v Value>> {
        let mut values = vec![output];
        for token in &self.at {
            let mut below = Vec::new();
            for value in values {
                match (value, token.as_str()) {
                    (Value::Array(items), "*") if items.len() as u64 <= self.items_max.unwrap_or(0) => {
                        below.extend(items);
                    }
                    // An object with a key `*` is no array: what is looked at would not be what a plan refers to.
                    (_, "*") => return None,
                    (Value::Array(items), index) if is_index(index) => {
                        below.push(items.get(index.parse::<usize>().ok()?)?)
                    }
                    (Value::Object(fields), key) => below.push(fields.get(key)?),
                    _ => return None,
                }
            }
            values = below;
        }
        Some(values)
    }
}

/// Whether a schema is closed enough to be endorsed.
///
/// # Errors
/// What it lacks.
pub(crate) fn is_closed(schema: &Schema) -> Result<(), String> {
    let has = |keyword: &str| schema.written.contains_key(keyword);
    let longest = schema.written.get("maxLength").and_then(Value::as_u64);
    match schema.json_type {
        _ if schema.options.is_some() => Ok(()),
        Some(JsonType::Boolean) => Ok(()),
        Some(JsonType::Integer | JsonType::Number) if has("minimum") && has("maximum") => Ok(()),
        Some(JsonType::Integer | JsonType::Number) => Err("a number needs `minimum` and `maximum`".to_owned()),
        Some(JsonType::String) if has("pattern") && longest.is_some_and(|most| most <= STRING_CHARS_MAX) => Ok(()),
        Some(JsonType::String) => {
            Err(format!("a string needs a `pattern`, and `maxLength` of at most {STRING_CHARS_MAX}"))
        }
        _ => Err("it is a bounded number, a boolean, an `enum`, or a short string with a `pattern`".to_owned()),
    }
}

/// log₂ of how many values a closed schema has at most.
fn bits(schema: &Schema) -> f64 {
    let number = |keyword: &str| schema.written.get(keyword).and_then(Value::as_f64).unwrap_or(0.0);
    match (&schema.options, schema.json_type) {
        (Some(options), _) => (options.len() as f64).log2(),
        (None, Some(JsonType::Boolean)) => 1.0,
        (None, Some(JsonType::Integer)) => (number("maximum").floor() - number("minimum").ceil() + 1.0).max(1.0).log2(),
        // A decimal can be any double between its bounds.
        (None, Some(JsonType::Number)) => 64.0,
        // A pattern may allow any character of Unicode.
        (None, _) => number("maxLength") * 21.0,
    }
}
