//! JSON that the policy takes for a type, and no other, becomes a value of it, and the same JSON again.
#![no_main]

use std::sync::LazyLock;

use claw_fuzz::component;
use claw_policy::json::{Bounds, read};
use claw_policy::types::Type as Known;
use claw_runtime::engine::{Allocation, engine};
use claw_runtime::fuzzing::{signature, to_json, to_val};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Type};

const WIT: &str = include_str!("values.wit");

/// The type of each function's parameter, as the policy and as wasmtime have it.
static TYPES: LazyLock<Vec<(Known, Type)>> = LazyLock::new(|| {
    let bytes = component(WIT);
    let compiled = Component::new(&engine(Allocation::OnDemand).expect("an engine"), &bytes).expect("a component");
    let interface = compiled.get_export_index(None, "fuzz:values/all").expect("an interface");
    let functions = signature(&bytes).expect("a component").functions;
    let types = functions.into_iter().map(|function| {
        let known = function.signature.expect("it can be used").parameters.remove(0).ty;
        match compiled.get_export(Some(&interface), &function.name) {
            Some((ComponentItem::ComponentFunc(found), _)) => (known, found.params().next().expect("one").1),
            _ => panic!("{} is a function", function.name),
        }
    });
    types.collect()
});

// A letter for the type, and JSON.
fuzz_target!(|input: &[u8]| {
    let Some((letter, json)) = input.split_first() else { return };
    let Some((known, ty)) = TYPES.get(usize::from(letter.wrapping_sub(b'a'))) else { return };
    // As plans and outputs are read: there is one zero.
    let Ok(json) = read(json, Bounds { bytes: 1 << 20, depth: 64 }) else { return };
    let value = to_val(&json, ty);
    assert_eq!(known.check(&json).is_ok(), value.is_ok(), "{json} as {known}: {value:?}");
    let Ok(value) = value else { return };
    let again = to_json(&value, ty).expect("what came of JSON has JSON");
    assert!(same(&json, &again), "{json} became {again}");
    assert_eq!(known.check(&again), Ok(()));
    let value_again = to_val(&again, ty).expect("JSON of ours is of the type");
    assert_eq!(to_json(&value_again, ty).expect("it has JSON"), again);
    assert_eq!(value_again, value);
});

/// Whether two texts say the same: a field that is left out is null, `1.0` of a float may be written `1`, and a single
/// has no more digits than it can hold.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap_or(f64::NAN), other.as_f64().unwrap_or(f64::NAN));
            one == other || one as f32 == other as f32
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.keys().chain(other.keys()).all(|key| same(at(one, key), at(other, key)))
        }
        (one, other) => one == other,
    }
}

fn at<'a>(object: &'a Map<String, Value>, key: &str) -> &'a Value {
    object.get(key).unwrap_or(&Value::Null)
}
