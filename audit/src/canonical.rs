//! The canonical form of JSON (RFC 8785): one byte form for one value.

use serde_json::{Error, Number, Value};

/// Integers up to here are written digit by digit; those beyond are rounded, since JSON's numbers are doubles.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// Appends the canonical form of `value` to `out`.
///
/// The crate `serde_json_canonicalizer` says the same bytes in twenty times the time, which every step would pay four
/// times; it is what the tests hold this against.
///
/// # Errors
/// What has no JSON.
pub(crate) fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => write_number(number, out),
        // serde_json escapes what the RFC escapes, in the same way: quotes, backslashes and control characters.
        Value::String(text) => serde_json::to_writer(&mut *out, text)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            // By UTF-16 code units, as the RFC has it: above U+FFFF that is another order than that of UTF-8.
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (key, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write(field, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    let exact = number.as_i64().is_some_and(|integer| integer.unsigned_abs() <= EXACT_INTEGER_MAX);
    match number.as_f64() {
        Some(double) if !exact => out.extend(ryu_js::Buffer::new().format(double).bytes()),
        _ => out.extend(number.to_string().bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        write(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-(1i64 << 54)..1 << 54).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_the_library_writes(value in values()) {
            prop_assert_eq!(written(&value), serde_json_canonicalizer::to_string(&value).unwrap());
        }

        #[test]
        fn what_is_read_back_is_written_the_same(value in values()) {
            let text = written(&value);
            prop_assert_eq!(written(&serde_json::from_str(&text).unwrap()), text);
        }
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (value, canonical) in [
            (json!(-0.0), "0"),
            (json!(1e21), "1e+21"),
            (json!(1e-7), "1e-7"),
            (serde_json::from_str("333333333.33333329").unwrap(), "333333333.3333333"),
            (json!(9007199254740993u64), "9007199254740992"),
            (json!("\u{20ac}$\u{f}\nA'\u{42}\u{22}\u{5c}\\\u{22}/"), r#""€$\u000f\nA'B\"\\\\\"/""#),
            // RFC 8785, 3.2.3: the emoji's first code unit is below U+FB33.
            (
                json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{80}": 3, "1": 4, "\r": 5, "\u{20ac}": 6, "\u{f6}": 7}),
                "{\"\\r\":5,\"1\":4,\"\u{80}\":3,\"\u{f6}\":7,\"\u{20ac}\":6,\"\u{1f600}\":2,\"\u{fb33}\":1}",
            ),
        ] {
            assert_eq!(written(&value), canonical);
        }
    }
}
