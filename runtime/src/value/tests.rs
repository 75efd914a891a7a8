//! Value to JSON to value is the identity for every WIT type, and what has no JSON is an error.

use std::fmt::Write as _;

use claw_policy::types::{Case, EXACT_INTEGER_MAX, Field, Type as Ty};
use proptest::prelude::*;
use serde_json::json;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::*;
use crate::engine::{Allocation, engine};
use crate::signature;

/// Any type that a capability's function may have, named types numbered as they come.
fn any_type() -> impl Strategy<Value = Ty> {
    let bits = prop::sample::select(vec![8u8, 16, 32, 64]);
    let names = || {
        prop::sample::subsequence(vec!["red", "green", "blue", "deep-red"], 1..4)
            .prop_map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let leaf = prop_oneof![
        Just(Ty::Bool),
        bits.clone().prop_map(Ty::Signed),
        bits.prop_map(Ty::Unsigned),
        prop::sample::select(vec![32u8, 64]).prop_map(Ty::Float),
        Just(Ty::Char),
        Just(Ty::String),
        Just(Ty::Bytes),
        names().prop_map(Ty::Enum),
        names().prop_map(Ty::Flags),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let fields = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner
                .clone()
                .prop_filter("u8 lists are bytes", |ty| *ty != Ty::Unsigned(8))
                .prop_map(|ty| Ty::List(Box::new(ty))),
            inner
                .clone()
                .prop_filter("no option in an option", |ty| !matches!(ty, Ty::Option(_)))
                .prop_map(|ty| Ty::Option(Box::new(ty))),
            fields.clone().prop_map(Ty::Tuple),
            fields.clone().prop_map(|types| Ty::Record(named(types).map(|(name, ty)| Field { name, ty }).collect())),
            (fields, any::<bool>()).prop_map(|(types, bare)| {
                let cases = named(types).map(|(name, ty)| Case { name, ty: Some(ty) });
                Ty::Variant(cases.chain(bare.then(|| Case { name: "none-of-them".to_owned(), ty: None })).collect())
            }),
            (prop::option::of(inner.clone()), prop::option::of(inner))
                .prop_map(|(ok, err)| Ty::Result(ok.map(Box::new), err.map(Box::new))),
        ]
    })
}

fn named(types: Vec<Ty>) -> impl Iterator<Item = (String, Ty)> {
    types.into_iter().enumerate().map(|(index, ty)| (format!("part-{}", ["a", "b", "c", "d"][index]), ty))
}

/// JSON of a type, as a plan or a step would give it.
fn any_value(ty: &Ty) -> BoxedStrategy<Value> {
    let whole = |least: i64, most: u64| {
        let range = i128::from(least)..=i128::from(most);
        let edges = prop::sample::select(vec![
            i128::from(least),
            i128::from(most),
            0,
            i128::from(EXACT_INTEGER_MAX),
            i128::from(EXACT_INTEGER_MAX) + 1,
        ]);
        let inside = range.clone();
        prop_oneof![range.clone(), edges.prop_filter("in range", move |n| inside.contains(n))]
            .prop_map(|n| {
                if n.unsigned_abs() > u128::from(EXACT_INTEGER_MAX) { json!(n.to_string()) } else { json!(n as i64) }
            })
            .boxed()
    };
    match ty {
        Ty::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Ty::Signed(bits) => whole(i64::MIN >> (64 - bits), (i64::MAX >> (64 - bits)) as u64),
        Ty::Unsigned(bits) => whole(0, u64::MAX >> (64 - bits)),
        Ty::Float(32) => {
            any::<f32>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Value::from(shortest(n) + 0.0)).boxed()
        }
        Ty::Float(_) => {
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Value::from(n + 0.0)).boxed()
        }
        Ty::Char => any::<char>().prop_map(|c| Value::from(c.to_string())).boxed(),
        Ty::String => any::<String>().prop_map(Value::from).boxed(),
        Ty::Bytes => prop::collection::vec(any::<u8>(), 0..9)
            .prop_map(|bytes| Value::from(BASE64_STANDARD.encode(bytes)))
            .boxed(),
        Ty::Enum(names) => prop::sample::select(names.clone()).prop_map(Value::from).boxed(),
        Ty::Flags(names) => prop::sample::subsequence(names.clone(), 0..=names.len()).prop_map(Value::from).boxed(),
        Ty::List(item) => prop::collection::vec(any_value(item), 0..4).prop_map(Value::from).boxed(),
        Ty::Option(some) => prop_oneof![Just(Value::Null), any_value(some)].boxed(),
        Ty::Tuple(items) => items.iter().map(any_value).collect::<Vec<_>>().prop_map(Value::from).boxed(),
        Ty::Record(fields) => {
            let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
            let values = fields.iter().map(|field| any_value(&field.ty)).collect::<Vec<_>>();
            values.prop_map(move |values| names.iter().cloned().zip(values).collect::<Map<_, _>>().into()).boxed()
        }
        Ty::Variant(cases) => prop::sample::select(cases.clone())
            .prop_flat_map(|case| match case.ty {
                Some(ty) => any_value(&ty).prop_map(move |value| json!({ "tag": case.name, "value": value })).boxed(),
                None => Just(json!({ "tag": case.name })).boxed(),
            })
            .boxed(),
        Ty::Result(ok, err) => {
            let side = |ty: &Option<Box<Ty>>| ty.as_ref().map_or(Just(Value::Null).boxed(), |ty| any_value(ty));
            prop_oneof![
                side(ok).prop_map(|value| json!({ "ok": value })),
                side(err).prop_map(|value| json!({ "err": value }))
            ]
            .boxed()
        }
        Ty::Json => panic!("WIT has no type for any JSON"),
    }
}

/// Writes a type as WIT, with what has to have a name declared before it.
fn wit(ty: &Ty, declared: &mut String, count: &mut usize) -> String {
    let mut declare = |declared: &mut String, kind: &str, body: String| {
        *count += 1;
        writeln!(declared, "{kind} t{count} {{ {body} }}").unwrap();
        format!("t{count}")
    };
    match ty {
        Ty::Bool | Ty::Signed(_) | Ty::Unsigned(_) | Ty::Float(_) | Ty::Char | Ty::String | Ty::Bytes => ty.to_string(),
        Ty::Enum(names) => declare(declared, "enum", names.join(", ")),
        Ty::Flags(names) => declare(declared, "flags", names.join(", ")),
        Ty::List(item) => format!("list<{}>", wit(item, declared, count)),
        Ty::Option(some) => format!("option<{}>", wit(some, declared, count)),
        Ty::Tuple(items) => {
            let items: Vec<_> = items.iter().map(|item| wit(item, declared, count)).collect();
            format!("tuple<{}>", items.join(", "))
        }
        Ty::Record(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{}: {}", field.name, wit(&field.ty, declared, count))).collect();
            *count += 1;
            writeln!(declared, "record t{count} {{ {} }}", fields.join(", ")).unwrap();
            format!("t{count}")
        }
        Ty::Variant(cases) => {
            let cases: Vec<_> = cases
                .iter()
                .map(|case| {
                    case.ty
                        .as_ref()
                        .map_or(case.name.clone(), |ty| format!("{}({})", case.name, wit(ty, declared, count)))
                })
                .collect();
            *count += 1;
            writeln!(declared, "variant t{count} {{ {} }}", cases.join(", ")).unwrap();
            format!("t{count}")
        }
        Ty::Result(ok, err) => {
            let mut side = |ty: &Option<Box<Ty>>| ty.as_ref().map(|ty| wit(ty, declared, count));
            match (side(ok), side(err)) {
                (None, None) => "result".to_owned(),
                (Some(ok), None) => format!("result<{ok}>"),
                (ok, Some(err)) => format!("result<{}, {err}>", ok.unwrap_or("_".to_owned())),
            }
        }
        Ty::Json => panic!("WIT has no type for any JSON"),
    }
}

/// A component with a function that takes a value of the type.
fn component(ty: &Ty) -> Vec<u8> {
    let (mut declared, mut count) = (String::new(), 0);
    let name = wit(ty, &mut declared, &mut count);
    let text = format!("package t:t; interface i {{ {declared} take: func(value: {name}); }} world w {{ export i; }}");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("t.wit", &text).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// The type of that function's parameter, as wasmtime has it.
fn parameter(bytes: &[u8]) -> Type {
    let component = Component::new(&engine(Allocation::OnDemand).unwrap(), bytes).unwrap();
    let interface = component.get_export_index(None, "t:t/i").unwrap();
    let Some((ComponentItem::ComponentFunc(function), _)) = component.get_export(Some(&interface), "take") else {
        panic!("a function")
    };
    function.params().next().unwrap().1
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn json_to_value_to_json_is_the_identity((ty, values) in any_type().prop_flat_map(|ty| {
        let values = prop::collection::vec(any_value(&ty), 8);
        (Just(ty), values)
    })) {
        let bytes = component(&ty);
        // What the policy is told of the component is the type that it has.
        let read = signature::read(&bytes, String::new()).unwrap();
        let signature = read.functions[0].signature.clone().unwrap();
        prop_assert_eq!(&signature.parameters[0].ty, &ty);
        let parameter = parameter(&bytes);
        for value in values {
            prop_assert_eq!(ty.check(&value), Ok(()), "the policy takes it: {}", value);
            let val = to_val(&value, &parameter).unwrap();
            let again = to_json(val.clone(), &parameter).unwrap();
            prop_assert_eq!(&again, &value);
            prop_assert_eq!(to_val(&again, &parameter).unwrap(), val);
        }
    }

    /// What the policy refuses, the conversion refuses too: JSON that is accepted has one meaning.
    #[test]
    fn nothing_else_is_a_value((ty, other) in any_type().prop_flat_map(|ty| {
        let other = any_type().prop_flat_map(|other| any_value(&other));
        (Just(ty), other)
    })) {
        let parameter = parameter(&component(&ty));
        let accepted = ty.check(&other).is_ok();
        prop_assert_eq!(accepted, to_val(&other, &parameter).is_ok(), "{} as {}", other, ty);
    }
}

#[test]
fn an_integer_in_a_string_has_one_spelling() {
    assert!(to_val(&json!("-9007199254740993"), &Type::S64).is_ok());
    for text in ["09240924740740991", "+9007199254740993", "-09007199254740993", "9007199254740993 "] {
        assert!(to_val(&json!(text), &Type::S64).is_err(), "{text}");
        assert!(to_val(&json!(text), &Type::U64).is_err(), "{text}");
    }
}

#[test]
fn a_number_that_is_too_small_for_its_type_is_the_one_zero() {
    for number in [json!(-1e-113), json!(1e-113)] {
        assert_eq!(to_val(&number, &Type::Float32), Ok(Val::Float32(0.0)), "{number}");
    }
}

#[test]
fn what_has_no_json_is_an_error() {
    for (val, ty) in [
        (Val::Float64(f64::NAN), Type::Float64),
        (Val::Float64(f64::INFINITY), Type::Float64),
        (Val::Float32(f32::NEG_INFINITY), Type::Float32),
    ] {
        assert!(to_json(val, &ty).is_err());
    }
}
