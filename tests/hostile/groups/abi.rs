//! Group D, at the border of guest and host: values that are none of their type, and memory that is elsewhere.

use serde_json::{Value, json};

use super::floods::called_with;
use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_049_strings_that_are_none
    case_049_lists_that_are_elsewhere
    case_050_discriminants_of_results
    case_050_discriminants_of_arguments
    case_051_memory_for_results
    case_051_memory_for_arguments
    case_056_exits
}

const TRAP: Ending = Ending::Failed("trap");

/// A component whose `run` returns a string from where its arguments say, in one of the encodings.
fn string(encoding: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (data (i32.const 1024) "\ff\c0\80\ed\a0\80\f5\80\80\80\e2\82") ;; no UTF-8, in five ways
                (data (i32.const 2048) "\00\d8\00\d8\00\dc\00\dc") ;; surrogates: alone, a pair, alone
                (func (export "run") (param i32 i32) (result i32)
                    (i32.store (i32.const 0) (local.get 0))
                    (i32.store (i32.const 4) (local.get 1))
                    (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export "run") (param "ptr" u32) (param "len" u32) (result string)
                (canon lift (core func $i "run") (memory (core memory $i "memory")) string-encoding={encoding})))"#
    );
    wat::parse_str(text).expect("the text is a component")
}

fn case_049_strings_that_are_none(arena: &mut Arena) -> Contained {
    let pages = 65_536_u32;
    arena.component(&string("utf8"));
    for (ptr, len) in [
        (u32::MAX, 1),
        (u32::MAX, u32::MAX),
        (u32::MAX, 0),
        (pages, 1),
        (pages - 1, 2),
        (pages + 1, 0),
        (0, pages + 1),
        (0, 1 << 31),
        (1 << 31, 1 << 31),
        (1, u32::MAX),
        (0x7fff_ffff, 0x7fff_ffff),
        (0xffff_fff0, 0x20),
        // What is there is no UTF-8.
        (1024, 1),
        (1025, 2),
        (1027, 3),
        (1030, 4),
        (1034, 2),
    ] {
        called_with(arena, &json!({ "ptr": ptr, "len": len }));
        let _contained = arena.attack(TRAP);
    }
    arena.component(&string("utf16"));
    // A surrogate alone, one that comes too late, an odd address, and twice as many bytes as there are.
    for (ptr, len) in [(2048, 1), (2050, 3), (2049, 1), (0, pages / 2 + 1)] {
        called_with(arena, &json!({ "ptr": ptr, "len": len }));
        let _contained = arena.attack(TRAP);
    }
    arena.component(&string("latin1+utf16"));
    for (ptr, len) in [(2048, (1 << 31) | 1), (2049, (1 << 31) | 1), (0, u32::MAX)] {
        called_with(arena, &json!({ "ptr": ptr, "len": len }));
        let _contained = arena.attack(TRAP);
    }
    called_with(arena, &json!({ "ptr": pages, "len": 0 }));
    arena.attack(Ending::Completed)
}

fn case_049_lists_that_are_elsewhere(arena: &mut Arena) -> Contained {
    arena.guest("case_049_lists_of_handles");
    let pairs = [(1, 1), (65_536, 1), (65_532, 2), (u32::MAX - 3, 1), (0, u32::MAX), (0, 1 << 30), (4, 1 << 31)];
    let attacks = pairs.map(|(ptr, len)| {
        called_with(arena, &json!({ "ptr": ptr, "len": len }));
        arena.attack(TRAP)
    });
    attacks.into_iter().next_back().expect("there are pairs")
}

/// A component whose `run` returns its argument as if it were a `result`: as it is, or in memory.
fn returning(result: &str, in_memory: bool) -> Vec<u8> {
    let (body, options) = match in_memory {
        false => ("(local.get 0)", ""),
        true => ("(i32.store8 (i32.const 0) (local.get 0)) (i32.const 0)", "(memory (core memory $i \"memory\"))"),
    };
    let text = format!(
        r#"(component
            (type $result {result})
            (core module $m (memory (export "memory") 1) (func (export "run") (param i32) (result i32) {body}))
            (core instance $i (instantiate $m))
            (func $run (param "value" u32) (result $result) (canon lift (core func $i "run") {options}))
            ;; A type with names in it has one of its own, and that is an interface's.
            (component $interface
                (type $result {result})
                (import "its-type" (type $its (eq $result)))
                (import "its-function" (func $run (param "value" u32) (result $its)))
                (export $exported "value" (type $result))
                (export "run" (func $run) (func (param "value" u32) (result $exported))))
            (instance $interface (instantiate $interface
                (with "its-type" (type $result)) (with "its-function" (func $run))))
            (export "hostile:case/returns" (instance $interface)))"#
    );
    wat::parse_str(text).unwrap_or_else(|error| panic!("{result}: {error}"))
}

fn case_050_discriminants_of_results(arena: &mut Arena) -> Contained {
    let surrogate = 0xd800;
    let beyond = 0x0011_0000;
    for (result, in_memory, values) in [
        (r#"(enum "a" "b")"#, false, [2, u32::MAX]),
        (r#"(variant (case "a") (case "b" u32))"#, true, [2, 255]),
        (r#"(option u32)"#, true, [2, 255]),
        (r#"(result u32 (error u32))"#, true, [2, 255]),
        ("char", false, [surrogate, beyond]),
        ("char", false, [0xdfff, u32::MAX]),
    ] {
        arena.component(&returning(result, in_memory));
        for value in values {
            called_with(arena, &json!({ "value": value }));
            let _contained = arena.attack(TRAP);
        }
    }
    // These have a meaning for every number.
    let mut contained = None;
    for (result, value, output) in [
        ("bool", 2, json!(true)),
        ("bool", u32::MAX, json!(true)),
        (r#"(flags "a" "b" "c")"#, 0xffff_fffd, json!(["a", "c"])),
        ("u8", 0x1ff, json!(255)),
        ("s8", 0x80, json!(-128)),
    ] {
        arena.component(&returning(result, false));
        called_with(arena, &json!({ "value": value }));
        let completed = arena.attack(Ending::Completed);
        assert_eq!(completed.document["steps"][0]["output"], output, "{result}");
        contained = Some(completed);
    }
    contained.expect("five attacks")
}

fn case_050_discriminants_of_arguments(arena: &mut Arena) -> Contained {
    arena.guest("case_050_discriminants_of_imports");
    for attack in ["enum", "enum-most", "variant", "variant-second", "result"] {
        let contained = arena.tell(attack).attack(TRAP);
        let message = contained.document["steps"][0]["failure"]["message"].to_string();
        assert!(message.contains("discriminant"), "{attack}: {message}");
    }
    // Bits that no flag has are nobody's.
    arena.tell("flags").attack(Ending::Completed)
}

fn case_051_memory_for_results(arena: &mut Arena) -> Contained {
    arena.guest("case_051_realloc_of_results");
    let mut attack = |answer: u32, folders: bool, ending: Ending| {
        called_with(arena, &json!({ "answer": answer, "folders": folders }));
        arena.attack(ending)
    };
    // Past the end, over it, around it, and where a record cannot be.
    for answer in [65_536, 65_528, u32::MAX, 0xffff_fff8, 1 << 31] {
        let _contained = attack(answer, false, TRAP);
    }
    for answer in [65_536, 65_528, u32::MAX - 3, 1, 1026] {
        let _contained = attack(answer, true, TRAP);
    }
    // At zero, or over what the host writes next, it harms itself alone.
    let _contained = attack(64, true, Ending::Completed);
    attack(0, false, Ending::Completed)
}

fn case_051_memory_for_arguments(arena: &mut Arena) -> Contained {
    let mut contained = None;
    for (answer, ending) in [
        ("i32.const 65536", TRAP),
        ("i32.const 65533", TRAP),
        ("i32.const -1", TRAP),
        ("i32.const 0x80000000", TRAP),
        ("i32.const 2", TRAP),
        ("unreachable", TRAP),
        ("i32.const 0", Ending::Completed),
    ] {
        let text = format!(
            r#"(component
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) ({answer}))
                    (func (export "run") (param i32 i32 i32 i32)))
                (core instance $i (instantiate $m))
                (func (export "run") (param "numbers" (list u32)) (param "text" string)
                    (canon lift (core func $i "run")
                        (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
        );
        arena.component(&wat::parse_str(text).expect("the text is a component"));
        called_with(arena, &json!({ "numbers": [1, 2, 3], "text": "four" }));
        contained = Some(arena.attack(ending));
    }
    contained.expect("seven attacks")
}

/// No capability exits: it returns something. Only one that gives nothing may say so by an exit that went well.
fn case_056_exits(arena: &mut Arena) -> Contained {
    arena.guest("case_056_exits");
    for attack in ["well", "0"] {
        let _contained = arena.tell(attack).attack(Ending::Completed);
    }
    for (attack, code) in [("badly", 1), ("255", 255)] {
        let contained = arena.tell(attack).attack(TRAP);
        let message = &contained.document["steps"][0]["failure"]["message"];
        assert_eq!(message, &Value::from(format!("the component exited with code {code}")), "{attack}");
    }
    let _contained = arena.guest("case_056_exit_in_start").attack(TRAP);
    arena.guest("case_056_exit_in_a_nested_call").attack(TRAP)
}
