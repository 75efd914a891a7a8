//! The types of what components take and give: WIT's, as data, and their values as JSON.

use std::fmt;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{with_index, with_key};

/// The largest integer that a JSON number carries exactly to every reader, 2^53 − 1 (RFC 7493).
pub const EXACT_INTEGER_MAX: u64 = (1 << 53) - 1;

/// The most faults that are reported of one value.
const FAULTS_MAX: usize = 100;

/// A WIT type without resources, streams and futures, or [`Type::Json`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// `bool`.
    Bool,
    /// `s8`, `s16`, `s32`, `s64`: a signed integer of so many bits.
    Signed(u8),
    /// `u8`, `u16`, `u32`, `u64`: an unsigned integer of so many bits.
    Unsigned(u8),
    /// `f32`, `f64`: a float of so many bits. NaN and the infinities have no JSON.
    Float(u8),
    /// `char`: a string of one character.
    Char,
    /// `string`.
    String,
    /// `list<u8>`: base64, standard, padded, canonical.
    Bytes,
    /// `list<T>` of any other type.
    List(Box<Type>),
    /// `record`: an object; a field that is an option may be left out.
    Record(Vec<Field>),
    /// `tuple`: an array of so many.
    Tuple(Vec<Type>),
    /// `variant`: `{"tag": …, "value": …}`.
    Variant(Vec<Case>),
    /// `enum`: a string.
    Enum(Vec<String>),
    /// `option<T>`: absent or null is none.
    Option(Box<Type>),
    /// A nested `result`: `{"ok": …}` or `{"err": …}`.
    Result(Option<Box<Type>>, Option<Box<Type>>),
    /// `flags`: an array of strings in their declared order.
    Flags(Vec<String>),
    /// Any JSON. WIT has no such type; it travels in a string where a policy says so.
    Json,
}

/// A field of a record, or a parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its kebab-case name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its kebab-case name.
    pub name: String,
    /// What it carries.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub ty: Option<Type>,
}

/// Kinds of JSON, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const BOOLEAN: Self = Self(1);
    pub(crate) const NUMBER: Self = Self(2);
    pub(crate) const STRING: Self = Self(4);
    pub(crate) const ARRAY: Self = Self(8);
    pub(crate) const OBJECT: Self = Self(16);
    pub(crate) const ANY: Self = Self(31);

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A value that is not of its type: where in the value, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeFault {
    /// JSON pointer into the value.
    pub at: String,
    /// What is wrong, in words.
    pub message: String,
}

impl Type {
    /// Whether a plan may leave a value of this type out.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Option(_))
    }

    /// Checks that `value` is this type's JSON.
    ///
    /// # Errors
    /// Every part that is not, with its place.
    pub fn check(&self, value: &Value) -> Result<(), Vec<TypeFault>> {
        let mut faults = Vec::new();
        self.check_at(value, "", &mut faults);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn check_at(&self, value: &Value, at: &str, faults: &mut Vec<TypeFault>) {
        if faults.len() >= FAULTS_MAX {
            return;
        }
        let mut fault = |message: String| faults.push(TypeFault { at: at.to_owned(), message });
        let wanted = || format!("{self} is wanted, not {}", kind(value));
        match (self, value) {
            (Self::Json, _) | (Self::Bool, Value::Bool(_)) | (Self::String, Value::String(_)) => {}
            (Self::Float(_), Value::Number(number)) => {
                if *self == Self::Float(32) && number.as_f64().is_some_and(|n| !(n as f32).is_finite()) {
                    fault("a number within an f32 is wanted".to_owned());
                }
            }
            (Self::Signed(bits), value) => {
                if let Err(message) = signed(value, *bits) {
                    fault(message.unwrap_or_else(wanted));
                }
            }
            (Self::Unsigned(bits), value) => {
                if let Err(message) = unsigned(value, *bits) {
                    fault(message.unwrap_or_else(wanted));
                }
            }
            (Self::Char, Value::String(text)) if text.chars().count() == 1 => {}
            (Self::Bytes, Value::String(text)) => {
                if base64::prelude::BASE64_STANDARD.decode(text).is_err() {
                    fault("bytes are base64: the standard alphabet, padded".to_owned());
                }
            }
            (Self::List(item), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    item.check_at(value, &with_index(at, index), faults);
                }
            }
            (Self::Tuple(items), Value::Array(values)) if items.len() == values.len() => {
                for (index, (item, value)) in items.iter().zip(values).enumerate() {
                    item.check_at(value, &with_index(at, index), faults);
                }
            }
            (Self::Record(fields), Value::Object(object)) => {
                for key in object.keys().filter(|key| !fields.iter().any(|field| field.name == **key)) {
                    faults.push(TypeFault { at: with_key(at, key), message: unknown_field(key, fields) });
                }
                for field in fields {
                    match object.get(&field.name) {
                        Some(value) => field.ty.check_at(value, &with_key(at, &field.name), faults),
                        None if field.ty.is_optional() => {}
                        None => faults.push(TypeFault {
                            at: at.to_owned(),
                            message: format!("the field `{}` is missing", field.name),
                        }),
                    }
                }
            }
            (Self::Variant(cases), Value::Object(object)) => {
                let case = object
                    .get("tag")
                    .and_then(Value::as_str)
                    .and_then(|tag| cases.iter().find(|case| case.name == tag));
                let keys = object.len();
                match (case, object.get("value")) {
                    (Some(Case { ty: Some(ty), .. }), Some(value)) if keys == 2 => {
                        ty.check_at(value, &with_key(at, "value"), faults)
                    }
                    (Some(Case { ty: None, .. }), None) if keys == 1 => {}
                    _ => fault(wanted()),
                }
            }
            (Self::Enum(names), Value::String(text)) if names.contains(text) => {}
            (Self::Option(_), Value::Null) => {}
            (Self::Option(some), value) => some.check_at(value, at, faults),
            (Self::Result(ok, err), Value::Object(object)) if object.len() == 1 => {
                let side = object
                    .get("ok")
                    .map(|value| ("ok", ok, value))
                    .or(object.get("err").map(|value| ("err", err, value)));
                match side {
                    Some((key, Some(ty), value)) => ty.check_at(value, &with_key(at, key), faults),
                    Some((_, None, Value::Null)) => {}
                    _ => fault(wanted()),
                }
            }
            (Self::Flags(names), Value::Array(values)) => {
                let mut left = names.iter();
                if !values.iter().all(|value| value.as_str().is_some_and(|text| left.any(|name| name == text))) {
                    fault(wanted());
                }
            }
            _ => fault(wanted()),
        }
    }

    /// The static type of the part that a JSON pointer's tokens name, or `None` where there can be no such part.
    pub fn part(&self, tokens: &[String]) -> Option<Self> {
        let Some((token, rest)) = tokens.split_first() else { return Some(self.clone()) };
        match self {
            Self::Json => Some(Self::Json),
            Self::Option(some) => some.part(tokens),
            Self::List(item) if is_index(token) => item.part(rest),
            Self::Tuple(items) if is_index(token) => items.get(token.parse::<usize>().ok()?)?.part(rest),
            Self::Flags(names) if is_index(token) => Self::Enum(names.clone()).part(rest),
            Self::Record(fields) => fields.iter().find(|field| field.name == *token)?.ty.part(rest),
            Self::Variant(cases) => match token.as_str() {
                "tag" => Self::Enum(cases.iter().map(|case| case.name.clone()).collect()).part(rest),
                // The value's type depends on the tag, which only the running step knows.
                "value" => Some(Self::Json),
                _ => None,
            },
            Self::Result(ok, err) => match token.as_str() {
                "ok" => ok.as_ref()?.part(rest),
                "err" => err.as_ref()?.part(rest),
                _ => None,
            },
            _ => None,
        }
    }

    /// The type of what is there where it is an option, and any other type itself.
    pub fn some(&self) -> &Self {
        match self {
            Self::Option(some) => some,
            ty => ty,
        }
    }

    /// Itself and the types of all its parts, as a JSON pointer can name them.
    pub(crate) fn subterms(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let below: Vec<&Self> = match self {
            Self::List(item) | Self::Option(item) => vec![item],
            Self::Tuple(items) => items.iter().collect(),
            Self::Record(fields) => fields.iter().map(|field| &field.ty).collect(),
            // A part may be of another type, which only the running step knows; a flag and a tag are text.
            Self::Variant(_) | Self::Flags(_) | Self::Result(..) => vec![&Self::Json],
            _ => Vec::new(),
        };
        all.extend(below.into_iter().flat_map(Self::subterms));
        all
    }

    /// The value with the integers that JSON carries in strings as numbers, so that bounds on numbers hold for all of them.
    pub(crate) fn numeric(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Signed(64), Value::String(text)) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
            (Self::Unsigned(64), Value::String(text)) => {
                text.parse::<u64>().map_or_else(|_| value.clone(), Value::from)
            }
            (Self::List(item), Value::Array(items)) => items.iter().map(|value| item.numeric(value)).collect(),
            (Self::Tuple(types), Value::Array(items)) => {
                types.iter().zip(items).map(|(ty, value)| ty.numeric(value)).collect()
            }
            (Self::Option(some), value) => some.numeric(value),
            (Self::Record(fields), Value::Object(object)) => {
                let numeric = object.iter().map(|(name, value)| {
                    let field = fields.iter().find(|field| field.name == *name);
                    (name.clone(), field.map_or_else(|| value.clone(), |field| field.ty.numeric(value)))
                });
                Value::Object(numeric.collect())
            }
            _ => value.clone(),
        }
    }

    /// Whether a value of it can hold an integer beyond what a JSON number carries exactly.
    pub(crate) fn is_wide(&self) -> bool {
        match self {
            Self::Signed(64) | Self::Unsigned(64) => true,
            Self::List(item) | Self::Option(item) => item.is_wide(),
            Self::Tuple(items) => items.iter().any(Self::is_wide),
            Self::Record(fields) => fields.iter().any(|field| field.ty.is_wide()),
            _ => false,
        }
    }

    /// What JSON its values are.
    pub(crate) fn kinds(&self) -> Kinds {
        match self {
            Self::Bool => Kinds::BOOLEAN,
            // Beyond 2^53 they travel in strings.
            Self::Signed(64) | Self::Unsigned(64) => Kinds::NUMBER.or(Kinds::STRING),
            Self::Signed(_) | Self::Unsigned(_) | Self::Float(_) => Kinds::NUMBER,
            Self::Char | Self::String | Self::Bytes | Self::Enum(_) => Kinds::STRING,
            Self::List(_) | Self::Tuple(_) | Self::Flags(_) => Kinds::ARRAY,
            Self::Record(_) | Self::Variant(_) | Self::Result(..) => Kinds::OBJECT,
            Self::Option(some) => some.kinds(),
            Self::Json => Kinds::ANY,
        }
    }

    /// Whether some value of this type is a value of `target` too. What must hold for all is checked on the value.
    pub fn may_fit(&self, target: &Self) -> bool {
        match (self, target) {
            (Self::Json, _) | (_, Self::Json) => true,
            (Self::Option(a), Self::Option(b)) => a.may_fit(b),
            (Self::Option(a), b) => a.may_fit(b),
            (a, Self::Option(b)) => a.may_fit(b),
            (a, b) if a.is_integer() && b.is_number() => true,
            (Self::Float(_), Self::Float(_)) => true,
            (a, b) if a.is_text() && b.is_text() => match (a, b) {
                (Self::Enum(a), Self::Enum(b)) => a.iter().any(|name| b.contains(name)),
                _ => true,
            },
            (Self::List(a), Self::List(b)) => a.may_fit(b),
            (Self::List(a), Self::Tuple(b)) => b.iter().all(|b| a.may_fit(b)),
            (Self::Tuple(a), Self::List(b)) => a.iter().all(|a| a.may_fit(b)),
            (Self::Tuple(a), Self::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.may_fit(b)),
            (Self::Record(a), Self::Record(b)) => {
                a.iter().all(|a| a.ty.is_optional() || b.iter().any(|b| b.name == a.name))
                    && b.iter().all(|b| match a.iter().find(|a| a.name == b.name) {
                        Some(a) => a.ty.may_fit(&b.ty),
                        None => b.ty.is_optional(),
                    })
            }
            (Self::Flags(a), Self::Flags(b)) => a == b,
            (a, b) => a == b,
        }
    }

    fn is_integer(&self) -> bool {
        matches!(self, Self::Signed(_) | Self::Unsigned(_))
    }

    fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Self::Float(_))
    }

    /// Whether its JSON is a string. Base64 is a string of its own, and only bytes are meant by it.
    fn is_text(&self) -> bool {
        matches!(self, Self::String | Self::Char | Self::Enum(_))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Signed(bits) => write!(f, "s{bits}"),
            Self::Unsigned(bits) => write!(f, "u{bits}"),
            Self::Float(bits) => write!(f, "f{bits}"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("list<u8>"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.name, field.ty)).collect();
                write!(f, "record {{ {} }}", fields.join(", "))
            }
            Self::Tuple(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "tuple<{}>", items.join(", "))
            }
            Self::Variant(cases) => {
                let cases: Vec<String> = cases
                    .iter()
                    .map(|case| case.ty.as_ref().map_or_else(|| case.name.clone(), |ty| format!("{}({ty})", case.name)))
                    .collect();
                write!(f, "variant {{ {} }}", cases.join(", "))
            }
            Self::Enum(names) => write!(f, "enum {{ {} }}", names.join(", ")),
            Self::Option(some) => write!(f, "option<{some}>"),
            Self::Result(None, None) => f.write_str("result"),
            Self::Result(Some(ok), None) => write!(f, "result<{ok}>"),
            Self::Result(None, Some(err)) => write!(f, "result<_, {err}>"),
            Self::Result(Some(ok), Some(err)) => write!(f, "result<{ok}, {err}>"),
            Self::Flags(names) => write!(f, "flags {{ {} }}", names.join(", ")),
            Self::Json => f.write_str("json"),
        }
    }
}

/// What a JSON value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn unknown_field(key: &str, fields: &[Field]) -> String {
    let known: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
    format!("there is no field `{}`; there are {}", crate::printable::printable(key), known.join(", "))
}

/// An index of a JSON pointer: digits without leading zeros (RFC 6901).
pub(crate) fn is_index(token: &str) -> bool {
    token == "0" || (!token.starts_with('0') && !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads an integer; `Err(None)` where it is none at all, `Err(Some(why))` where it is out of range or form.
fn signed(value: &Value, bits: u8) -> Result<i64, Option<String>> {
    let number = match value {
        Value::Number(number) => {
            number.as_i64().filter(|n| n.unsigned_abs() <= EXACT_INTEGER_MAX).ok_or_else(|| inexact(number))?
        }
        Value::String(text) if bits == 64 => decimal_string(text, |n: &i64| n.unsigned_abs() > EXACT_INTEGER_MAX)?,
        _ => return Err(None),
    };
    let (least, most) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(Some(format!("an integer from {least} to {most} is wanted")))
    }
}

fn unsigned(value: &Value, bits: u8) -> Result<u64, Option<String>> {
    let number = match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(n), _) if n <= EXACT_INTEGER_MAX => n,
            (None, Some(_)) => return Err(Some("an integer that is not negative is wanted".to_owned())),
            _ => return Err(inexact(number)),
        },
        Value::String(text) if bits == 64 => decimal_string(text, |n: &u64| *n > EXACT_INTEGER_MAX)?,
        _ => return Err(None),
    };
    let most = u64::MAX >> (64 - bits);
    if number <= most { Ok(number) } else { Err(Some(format!("an integer up to {most} is wanted"))) }
}

fn inexact(number: &serde_json::Number) -> Option<String> {
    if number.is_f64() {
        Some("an integer is wanted, and this is a decimal".to_owned())
    } else {
        Some("an integer beyond 2^53 − 1 is written as a string".to_owned())
    }
}

fn decimal_string<N: std::str::FromStr + fmt::Display>(
    text: &str,
    beyond: fn(&N) -> bool,
) -> Result<N, Option<String>> {
    let number: N = text.parse().map_err(|_| None::<String>)?;
    if number.to_string() != text {
        return Err(Some("an integer in a string has no sign `+` and no leading zeros".to_owned()));
    }
    if beyond(&number) {
        Ok(number)
    } else {
        Err(Some("an integer within ±(2^53 − 1) is written as a number".to_owned()))
    }
}
