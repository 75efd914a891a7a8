//! JSON in and out, strictly: jaq's own values hold, read and write more than JSON does.

use crate::bindings::exports::claw::capabilities::json_query::Error;
use jaq_json::{Num, Val, read};
use serde::de::IgnoredAny;
use serde_json::Number;

/// How many arrays and objects may be inside one another: reading and writing them recurses.
const MAX_DEPTH: usize = 128;

/// Up to here, a double is exactly one integer.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads JSON text. Numbers keep all their digits.
pub(crate) fn parse(text: &str) -> Result<Val, Error> {
    let invalid = |error: String| Error::Invalid(format!("`data` is not JSON: {error}; give JSON text"));
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| invalid(error.to_string()))?;
    if depth(text) > MAX_DEPTH {
        return Err(Error::TooLarge(format!("`data` is more than {MAX_DEPTH} levels deep: give a part of it")));
    }
    read::parse_single(text.as_bytes()).map_err(|error| invalid(error.to_string()))
}

/// How deep JSON text is.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Adds the JSON text of `value` to `text`.
pub(crate) fn write(value: &Val, text: &mut String) -> Result<(), Error> {
    write_at(value, 0, text)
}

fn write_at(value: &Val, depth: usize, text: &mut String) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::TooLarge(format!("the result is more than {MAX_DEPTH} levels deep: give a part of it")));
    }
    match value {
        Val::Null => text.push_str("null"),
        Val::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Val::Num(number) => text.push_str(&number_text(number)?),
        Val::TStr(bytes) => write_string(bytes, text)?,
        Val::BStr(_) => return Err(not_json("bytes", "`@base64`")),
        Val::Arr(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_at(element, depth + 1, text)?;
            }
            text.push(']');
        }
        Val::Obj(fields) => {
            text.push('{');
            for (index, (key, field)) in fields.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                let Val::TStr(key) = key else { return Err(not_json("a key that is no string", "`tostring`")) };
                write_string(key, text)?;
                text.push(':');
                write_at(field, depth + 1, text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

fn write_string(bytes: &[u8], text: &mut String) -> Result<(), Error> {
    let string =
        serde_json::to_string(&String::from_utf8_lossy(bytes)).map_err(|error| Error::Io(error.to_string()))?;
    text.push_str(&string);
    Ok(())
}

/// The text of a number, as jq has it: one that came in is as it was, and a calculated `3.0` is `3`.
fn number_text(number: &Num) -> Result<String, Error> {
    let value = match number {
        Num::Int(_) | Num::BigInt(_) => return Ok(number.to_string()),
        Num::Dec(digits) if serde_json::from_str::<Number>(digits).is_ok() => return Ok(digits.to_string()),
        Num::Dec(digits) => digits.parse().unwrap_or(f64::NAN),
        Num::Float(value) => *value,
    };
    if value.fract() == 0.0 && value.abs() <= MAX_EXACT {
        return Ok(format!("{:.0}", value + 0.0)); // which makes -0 0
    }
    let number =
        Number::from_f64(value).ok_or_else(|| not_json("a number that is infinite or none", "`select(isfinite)`"))?;
    Ok(number.to_string())
}

fn not_json(what: &str, instead: &str) -> Error {
    Error::Invalid(format!("the filter gives {what}, which JSON cannot hold: use {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &str, expected: &str) {
        let mut text = String::new();
        parse(data).and_then(|value| write(&value, &mut text)).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn what_comes_in_goes_out() {
        for text in [
            r#"{"b":[],"a":{}}"#,
            r#""\"\\/\u0001\n\u007f😀""#,
            "[0,-1,1.50,1e3,123456789012345678901234567890]",
            "9007199254740993",
            "0.1000000000000000055511151231257827",
        ] {
            let expected = text.replace("\\u007f", "\u{7f}");
            check(text, &expected);
        }
    }

    #[test]
    fn only_json_comes_in() {
        for text in [
            "",
            "1 2",
            "nan",
            "NaN",
            "Infinity",
            "[1,]",
            "{a: 1}",
            "{1: 2}",
            "# 1\n1",
            "b\"a\"",
            "+1",
            "01",
            "1.",
            "\"\\ud800\"",
        ] {
            assert!(matches!(parse(text), Err(Error::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check(&nested(MAX_DEPTH), &nested(MAX_DEPTH));
        assert!(matches!(parse(&nested(MAX_DEPTH + 1)), Err(Error::TooLarge(_))));
        check(&format!("\"\\\"{}\"", "[".repeat(200)), &format!("\"\\\"{}\"", "[".repeat(200)));
        let mut value = Val::Null;
        for _ in 0..200 {
            value = [value].into_iter().collect();
        }
        assert!(matches!(write(&value, &mut String::new()), Err(Error::TooLarge(_))));
    }

    #[test]
    fn only_json_goes_out() {
        let text = |filter: &str| crate::query(filter, "null");
        for filter in ["nan", "infinite", "-infinite", "1e999", "\"a\" | tobytes", "{(1|tojson|fromjson): 2}"] {
            assert!(matches!(text(filter), Err(Error::Invalid(_))), "{filter}: {:?}", text(filter));
        }
        let numbers = r#"6/2, -0.0*1, 0.5, 1e16*1, 12.5*100, ("01.50" | tonumber), 9007199254740993, 4294967296*4"#;
        assert_eq!(text(numbers).unwrap(), "[3,0,0.5,1e+16,1250,1.5,9007199254740993,17179869184]");
    }
}
