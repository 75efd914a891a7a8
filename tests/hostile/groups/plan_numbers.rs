//! Group J, numbers and other values: exact, of their type, or refused.

use claw_policy::json::{Bounds, FaultKind, read};
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::program::violations;

cases! {
    case_157_numbers_are_exact_or_refused
    case_163_a_value_of_another_type_is_refused
}

const BOUNDS: Bounds = Bounds { bytes: 4 << 20, depth: 32 };

/// A plan with a step for each of `arguments`: the parameter, and its value as JSON text.
fn steps(arguments: &[(&str, &str)]) -> String {
    let step = |(index, (name, text)): (usize, &(&str, &str))| {
        format!(r#"{{"id":"s{index}","capability":"attack","arguments":{{"{name}":{text}}}}}"#)
    };
    let steps: Vec<String> = arguments.iter().enumerate().map(step).collect();
    format!("{{\"claw\":1,\"steps\":[{}]}}", steps.join(","))
}

/// Lets a planner choose each of these parameters of the guest.
fn from_planner(arena: &mut Arena, parameters: &[&str]) {
    let lines: Vec<String> = parameters.iter().map(|name| format!("{name} = {{ from = [\"any\"] }}")).collect();
    arena.and(&format!("[capability.attack.argument]\n{}", lines.join("\n")));
}

/// Attacks with all of them, and expects that each is refused by `rule`, at its own place.
fn each_is_refused(arena: &mut Arena, arguments: &[(&str, &str)], rule: &'static str) {
    let contained = arena.plan_text(steps(arguments)).attack(Ending::Refused(rule));
    let found = violations(&contained.document);
    for (index, argument) in arguments.iter().enumerate() {
        let place = format!("/steps/{index}/arguments/{}", argument.0);
        let is_it = |(found, at): &&(String, String)| found == rule && at.starts_with(&place);
        assert!(found.iter().any(|violation| is_it(&violation)), "{argument:?}: {found:#?}");
    }
}

fn case_157_numbers_are_exact_or_refused(arena: &mut Arena) -> Contained {
    what_is_read_is_what_is_written();
    arena.guest("case_157_numbers");
    from_planner(arena, &["small", "signed", "unsigned", "double", "single"]);
    let wrong = [
        ("small", "256"),
        ("small", "-1"),
        ("small", "1.0"),
        ("small", "1e0"),
        ("small", "-0"),
        ("small", "0.0"),
        ("small", "\"1\""),
        ("small", "true"),
        ("small", "[1]"),
        ("small", "4294967297"),
        ("signed", "9007199254740992"),
        ("signed", "-9007199254740992"),
        ("signed", "9223372036854775807"),
        ("signed", "1.5"),
        ("signed", "1e3"),
        ("signed", "\"9007199254740991\""),
        ("signed", "\"9223372036854775808\""),
        ("signed", "\"-9223372036854775809\""),
        ("signed", "\"+9007199254740993\""),
        ("signed", "\"09007199254740993\""),
        ("signed", "\" 9007199254740993\""),
        ("signed", "\"9007199254740993.0\""),
        ("signed", "\"9_007_199_254_740_993\""),
        ("signed", "\"0x20000000000001\""),
        ("signed", "\"\u{ff19}007199254740993\""),
        ("signed", "\"NaN\""),
        ("unsigned", "-1"),
        ("unsigned", "\"-1\""),
        ("unsigned", "\"18446744073709551616\""),
        ("unsigned", "\"1e19\""),
        ("unsigned", "\"\""),
        ("double", "\"1.5\""),
        ("double", "\"NaN\""),
        ("double", "\"Infinity\""),
        ("double", "true"),
        ("double", "{}"),
        ("single", "1e39"),
        ("single", "\"1\""),
    ];
    each_is_refused(arena, &wrong, "argument.type");
    // Those that no reader reads alike stop the whole plan.
    let inexact = [
        ("double", "1e400"),
        ("double", "-1e400"),
        ("double", "1e-400"),
        ("double", "0.1000000000000000055"),
        ("double", "9007199254740993.0"),
        ("unsigned", "9223372036854775808"),
        ("unsigned", "18446744073709551615"),
        ("signed", "-9223372036854775809"),
        ("double", "123456789012345678901234567890"),
    ];
    for one in inexact {
        let _contained = arena.plan_text(steps(&[one])).attack(Ending::Refused("plan.number"));
    }
    for digits in [format!("0.{}", "3".repeat(1_000_000)), "7".repeat(1_000_000), format!("1e{}", "9".repeat(900_000))]
    {
        let _contained = arena.plan_text(steps(&[("double", &digits)])).attack(Ending::Refused("plan.number"));
    }
    let exact = [
        ("small", "0"),
        ("small", "255"),
        ("signed", "9007199254740991"),
        ("signed", "-9007199254740991"),
        ("signed", "\"9223372036854775807\""),
        ("signed", "\"-9223372036854775808\""),
        ("unsigned", "\"18446744073709551615\""),
        ("double", "1.5"),
        ("double", "100e-2"),
        ("double", "5e-324"),
        ("double", "1.7976931348623157e308"),
        ("double", "-0.0"),
        ("single", "0.5"),
    ];
    let contained = arena.plan_text(steps(&exact)).attack(Ending::Completed);
    let started = contained.events.iter().filter(|event| event["event"] == "step");
    for (event, (name, text)) in started.zip(exact) {
        let given = &event["arguments"]["inline"][name];
        assert_eq!(plain(&given.to_string()), plain(text), "what is given is what was written: {name}");
    }
    contained
}

/// Every spelling of many numbers: what is read has the written value to the last digit, or it is a fault.
fn what_is_read_is_what_is_written() {
    let (long, many) = (format!("1{}", "0".repeat(400)), "3".repeat(40));
    let integers = ["0", "1", "10", "120", "9007199254740993", "9223372036854775807", "9223372036854775808", &long];
    let fractions = ["", ".0", ".5", ".10", ".125", &format!(".{many}")];
    let exponents = ["", "e0", "E+1", "e-1", "e2", "e15", "e-30", "e308", "e-308", "e400", "e-400"];
    let mut exact = 0;
    for sign in ["", "-"] {
        for integer in integers {
            for fraction in fractions {
                for exponent in exponents {
                    let text = format!("{sign}{integer}{fraction}{exponent}");
                    match read(text.as_bytes(), BOUNDS) {
                        Ok(value) => {
                            exact += 1;
                            assert_eq!(plain(&value.to_string()), plain(&text), "{text} became {value}");
                        }
                        Err(faults) => assert_eq!(faults[0].kind, FaultKind::Number, "{text}"),
                    }
                }
            }
        }
    }
    assert!(exact > 300, "{exact} of them can be read");
    let malformed = [
        "01",
        "00",
        "-01",
        "+1",
        ".5",
        "-.5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "1e1.5",
        "--1",
        "-",
        "+",
        "0x10",
        "0b1",
        "0o7",
        "1_000",
        "1,5",
        "1n",
        "1f",
        "1L",
        "NaN",
        "nan",
        "-NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "\u{663}",
        "\u{ff11}",
        "\u{2212}1",
        "1 2",
        "1e\u{661}",
        "1\u{a0}",
        "0e",
        "0-1",
        "1+1",
        "1.2.3",
        "1e5e5",
    ];
    for text in malformed {
        let faults = read(text.as_bytes(), BOUNDS).expect_err(text);
        assert!(faults.iter().any(|fault| fault.kind == FaultKind::Syntax), "{text}");
    }
}

/// A decimal written out, without an exponent or zeros that say nothing: the slow way to compare two.
fn plain(text: &str) -> String {
    let text = text.trim_matches('"');
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().expect("an exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
    for _ in 0..exponent.unsigned_abs() {
        if exponent > 0 {
            whole.push(if fraction.is_empty() { '0' } else { fraction.remove(0) });
        } else {
            fraction.insert(0, whole.pop().unwrap_or('0'));
        }
    }
    let digits = format!("{}.{}", whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    // There is one zero.
    if digits == "." { digits } else { format!("{sign}{digits}") }
}

fn case_163_a_value_of_another_type_is_refused(arena: &mut Arena) -> Contained {
    arena.guest("case_163_parts");
    from_planner(arena, &["bytes", "pair", "letter", "flag"]);
    let wrong = [
        ("bytes", "[1,2,3]"),
        ("bytes", "\"not base64!\""),
        ("bytes", "\"QQ\""),
        ("bytes", "\"QR==\""),
        ("bytes", "\"QQ==\\n\""),
        ("bytes", "7"),
        ("bytes", "{}"),
        ("pair", "[1]"),
        ("pair", "[1,true,2]"),
        ("pair", "[true,1]"),
        ("pair", "{\"0\":1,\"1\":true}"),
        ("pair", "[256,true]"),
        ("pair", "[null,true]"),
        ("pair", "\"[1,true]\""),
        ("letter", "\"\""),
        ("letter", "\"ab\""),
        ("letter", "\"e\\u0301\""),
        ("letter", "97"),
        ("flag", "0"),
        ("flag", "1"),
        ("flag", "\"true\""),
        ("flag", "\"\""),
        ("flag", "[]"),
    ];
    each_is_refused(arena, &wrong, "argument.type");
    let right = [("bytes", "\"QQ==\""), ("pair", "[255,false]"), ("letter", "\"\\ud83d\\ude00\""), ("flag", "true")];
    let _contained = arena.plan_text(steps(&right)).attack(Ending::Completed);
    a_reference_to_another_type_is_refused(arena)
}

/// What no value of its type could be is refused with the plan; what one could be, and is not, when its step starts.
fn a_reference_to_another_type_is_refused(arena: &mut Arena) -> Contained {
    arena.tools().instead("component = \"builtin:read-file\"", "component = \"builtin:read-file\"\noutput = \"json\"");
    let data = json!({ "number": 7, "none": null, "list": ["notes.md"], "object": { "path": "notes.md" }, "yes": true,
        "long": "x".repeat(70_000), "name": "notes.md" });
    arena.place.write("in/data.json", data.to_string());
    let with = |reference: Value| {
        json!([
            { "id": "a", "capability": "read", "arguments": { "path": "data.json" } },
            { "id": "names", "capability": "list" },
            { "id": "b", "capability": "list", "arguments": { "path": reference } },
        ])
    };
    for (reference, ending) in [
        (json!({ "$step": "names" }), Ending::Refused("reference.type")),
        (json!({ "$step": "names", "at": "/0/bytes" }), Ending::Refused("reference.type")),
        (json!({ "$step": "names", "at": "/0/path/x" }), Ending::Refused("reference.part")),
        (json!({ "$step": "names", "at": "/0/owner" }), Ending::Refused("reference.part")),
        (json!({ "$step": "names", "at": "/999/path" }), Ending::Halted("reference.part")),
        (json!({ "$step": "a", "at": "/number" }), Ending::Halted("argument.type")),
        (json!({ "$step": "a", "at": "/yes" }), Ending::Halted("argument.type")),
        (json!({ "$step": "a", "at": "/list" }), Ending::Halted("argument.type")),
        (json!({ "$step": "a", "at": "/object" }), Ending::Halted("argument.type")),
        (json!({ "$step": "a", "at": "/absent" }), Ending::Halted("reference.part")),
        (json!({ "$step": "a", "at": "/long" }), Ending::Halted("limit.argument-bytes")),
    ] {
        let contained = arena.plan(with(reference.clone())).attack(ending);
        let place = violations(&contained.document)[0].1.clone();
        assert!(place.starts_with("/steps/2/arguments/path"), "{reference}: {place}");
    }
    arena.plan(with(json!({ "$step": "a", "at": "/name" }))).attack(Ending::Completed)
}
