//! JSON is read with one meaning or not at all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use claw_policy::json::{Bounds, FaultKind, fits, read};
use proptest::prelude::*;
use serde_json::{Value, json};

const BOUNDS: Bounds = Bounds { bytes: 1 << 20, depth: 32 };

fn faults(text: &str) -> Vec<(FaultKind, String)> {
    read(text.as_bytes(), BOUNDS).err().unwrap_or_default().into_iter().map(|fault| (fault.kind, fault.at)).collect()
}

#[test]
fn case_154_duplicate_keys_are_faults_at_every_depth_and_in_every_spelling() {
    for (text, places) in [
        (r#"{"a":1,"a":2}"#, vec!["/a"]),
        (r#"{"tool":1,"t\u006fol":2}"#, vec!["/tool"]),
        (r#"[{"b":{"x":1,"x":1}}]"#, vec!["/0/b/x"]),
        (r#"{"a/b":1,"a\/b":2,"~":3,"~":4}"#, vec!["/a~1b", "/~0"]),
        (r#"{"a":{"a":1},"b":{"a":1}}"#, vec![]),
    ] {
        let expected: Vec<_> = places.into_iter().map(|at| (FaultKind::DuplicateKey, at.to_owned())).collect();
        assert_eq!(faults(text), expected, "{text}");
    }
}

#[test]
fn case_156_depth_is_bounded_before_the_stack_is() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(faults(&nested(32)).is_empty());
    for depth in [33, 127, 128, 129, 100_000] {
        assert_eq!(faults(&nested(depth)).first().map(|(kind, _)| *kind), Some(FaultKind::Depth), "{depth}");
    }
    let objects = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
    assert_eq!(faults(&objects).first().map(|(kind, _)| *kind), Some(FaultKind::Depth));
}

#[test]
fn case_157_numbers_are_exact_or_faults() {
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "1.5",
        "1.50",
        "1e2",
        "100e-2",
        "0.1",
        "1E+2",
        "9223372036854775807",
        "-9223372036854775808",
        "5e-324",
        "1.7976931348623157e308",
    ] {
        assert_eq!(faults(text), [], "{text}");
    }
    for text in [
        "1e400",
        "-1e400",
        "18446744073709551615",
        "9223372036854775808",
        "-9223372036854775809",
        "0.1000000000000000055",
        "9007199254740993.0",
        "1e-400",
        "0.30000000000000004440892098500626",
    ] {
        assert_eq!(faults(text).first().map(|(kind, _)| *kind), Some(FaultKind::Number), "{text}");
    }
    for text in ["01", "+1", ".5", "1.", "1e", "NaN", "Infinity", "-", "0x10", "1_000"] {
        assert_eq!(faults(text).first().map(|(kind, _)| *kind), Some(FaultKind::Syntax), "{text}");
    }
    assert_eq!(faults(r#"{"a":["1e400 is text",2,1.00000000000000000001]}"#), [(FaultKind::Number, "/a/2".to_owned())]);
}

#[test]
fn case_158_text_is_utf_8_and_one_document() {
    for text in [
        &b"\xff"[..],
        b"\xef\xbb\xbf1",
        b"\"\xed\xa0\x80\"",
        b"\"\\ud800\"",
        b"\"\\udc00\\ud800\"",
        b"1 2",
        b"[1,]",
        b"{\"a\":1,}",
        b"[1] // x",
        b"\"a\nb\"",
        b"",
        b" ",
    ] {
        let found = read(text, BOUNDS).err().unwrap_or_default();
        assert_eq!(found.first().map(|fault| fault.kind), Some(FaultKind::Syntax), "{text:?}");
    }
    let value = read("\"nul \\u0000, line \u{2028} separator\"".as_bytes(), BOUNDS).expect("both are text");
    assert_eq!(value, json!("nul \0, line \u{2028} separator"));
}

#[test]
fn case_159_size_is_bounded_before_anything_is_read() {
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    assert_eq!(faults(&long).first().map(|(kind, _)| *kind), Some(FaultKind::Size));
    let keys: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":0")).collect();
    assert_eq!(faults(&format!("{{{}}}", keys.join(","))), []);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in any_json()) {
        let text = value.to_string();
        prop_assert_eq!(read(text.as_bytes(), BOUNDS), Ok(value));
    }

    #[test]
    fn any_bytes_are_a_value_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let read_here = read(&bytes, BOUNDS);
        if serde_json::from_slice::<Value>(&bytes).is_err() {
            prop_assert!(read_here.is_err());
        }
    }
}

#[test]
fn each_character_of_a_text_counts_as_its_json_does() {
    let characters = (0..0x300).filter_map(char::from_u32);
    for text in characters.flat_map(|letter| [1, 47, 48, 49, 1_000].map(|count| letter.to_string().repeat(count))) {
        let value = Value::from(text);
        let bytes = value.to_string().len() as u64;
        assert!(fits(&value, bytes) && !fits(&value, bytes - 1), "{value}");
    }
}

#[test]
fn a_value_fits_in_as_many_bytes_as_its_json_has() {
    for value in [json!(null), json!("x"), json!("\u{0}\u{0}"), json!({ "a": [1, 2.5, "\u{e9}"] }), json!([])] {
        let bytes = serde_json::to_vec(&value).unwrap().len() as u64;
        assert!(fits(&value, bytes) && !fits(&value, bytes - 1), "{value}");
    }
}
