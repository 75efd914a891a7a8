//! Group J, schemas of arguments: closed, offline, and checked in time that is bounded.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::program::violations;

cases! {
    case_170_a_pattern_takes_no_time
    case_171_a_schema_reads_nothing_from_elsewhere
    case_172_a_schema_cannot_blow_up
    case_173_what_a_schema_does_not_say_is_not_let_in
    case_174_a_schema_gives_nothing_by_default
}

/// Has the tools, with this schema for the text that `write` writes.
fn with_schema<'a>(arena: &'a mut Arena, schema: &str) -> &'a mut Arena {
    arena.tools().and(&format!(
        "[capability.write.argument]\npath = {{ format = \"path\", from = [\"planner\"] }}\ntext = {schema}"
    ))
}

/// Has the tools, with this schema for JSON that is rendered.
fn with_data_schema<'a>(arena: &'a mut Arena, schema: &str) -> &'a mut Arena {
    arena.tools().and(&format!(
        "[capability.render]\ncomponent = \"builtin:render-text\"\n\
         [capability.render.argument]\ntemplate = {{ const = \"x\" }}\ndata = {schema}"
    ))
}

fn writes(text: &str) -> serde_json::Value {
    json!([{ "id": "a", "capability": "write", "arguments": { "path": "a.md", "text": text } }])
}

fn renders(data: &serde_json::Value) -> serde_json::Value {
    json!([{ "id": "a", "capability": "render", "arguments": { "data": data } }])
}

fn case_170_a_pattern_takes_no_time(arena: &mut Arena) -> Contained {
    let text = format!("{}!", "a".repeat(50_000));
    for pattern in ["(a+)+", "(a|aa)+", "(a|a?)+", "(.*)*x", "([a-z]+)*", "(a*)*b", "(?:a?){30}a{30}"] {
        with_schema(arena, &format!("{{ pattern = '{pattern}', from = [\"planner\"] }}")).plan(writes(&text));
        let started = Instant::now();
        let _contained = arena.attack(Ending::Refused("argument.schema"));
        assert!(started.elapsed() < Duration::from_secs(10), "{pattern} took {:?}", started.elapsed());
    }
    // What needs another engine, or too large a machine, does not load; nor does what would reach out of its brackets.
    for pattern in
        ["(a)\\1", "(?=a)b", "(?<!a)b", "(?>a)", "((a{1000}){1000}){1000}", "a)|(.*", "a)$|^(?:.*", "(?x)a #"]
    {
        with_schema(arena, &format!("{{ pattern = '{pattern}', from = [\"planner\"] }}")).plan(writes("a"));
        let _contained = arena.attack(Ending::NotLoaded("policy.schema"));
    }
    // A pattern is about all of a text, and its last line feed too.
    with_schema(arena, "{ pattern = 'b|a|c', from = [\"planner\"] }");
    for text in ["ab", "xa", "a\n", "\na", "a\nb", "bc", ""] {
        let _contained = arena.plan(writes(text)).attack(Ending::Refused("argument.schema"));
    }
    arena.plan(writes("a")).attack(Ending::Completed)
}

fn case_171_a_schema_reads_nothing_from_elsewhere(arena: &mut Arena) -> Contained {
    let sinkhole = arena.place.read("in/sinkhole");
    let elsewhere = [
        format!("http://{sinkhole}/schema.json"),
        "file:///etc/passwd".to_owned(),
        "../sentinel/key".to_owned(),
        "#".to_owned(),
        "#/$defs/a".to_owned(),
    ];
    for target in &elsewhere {
        let _contained = with_data_schema(arena, &format!("{{ type = \"json\", \"$ref\" = \"{target}\" }}"))
            .attack(Ending::NotLoaded("policy.schema"));
    }
    let target = &elsewhere[0];
    for keyword in ["$dynamicRef", "$recursiveRef", "$id", "id", "$schema", "$anchor"] {
        let schema = format!("{{ type = \"object\", properties = {{ a = {{ \"{keyword}\" = \"{target}\" }} }} }}");
        let _contained = with_data_schema(arena, &schema).attack(Ending::NotLoaded("policy.schema"));
    }
    for keyword in ["$defs", "definitions", "$vocabulary"] {
        let schema =
            format!("{{ type = \"array\", items = {{ \"{keyword}\" = {{ a = {{ \"$ref\" = \"{target}\" }} }} }} }}");
        let _contained = with_data_schema(arena, &schema).attack(Ending::NotLoaded("policy.schema"));
    }
    // As a value it is a value, and as a property's name a name: nobody follows it.
    let value = format!("{{ \"$ref\" = \"{target}\", \"$id\" = \"{target}\", \"$schema\" = \"{target}\" }}");
    let named =
        |name: &str| format!("type = \"object\", properties = {{ {name} = {{ const = \"{target}\" }}, a = {{}} }}");
    for schema in [format!("type = \"json\", enum = [{value}, 1]"), named("\"$id\""), named("\"$ref\"")] {
        let _contained = with_data_schema(arena, &format!("{{ {schema}, from = [\"planner\"] }}"))
            .plan(renders(&json!({ "b": 1 })))
            .attack(Ending::Refused("argument.schema"));
    }
    with_data_schema(arena, &format!("{{ type = \"json\", const = {value} }}"));
    arena.plan(json!([{ "id": "a", "capability": "render" }])).attack(Ending::Completed)
}

fn case_172_a_schema_cannot_blow_up(arena: &mut Arena) -> Contained {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let schema = format!("{{ type = \"json\", {keyword} = [{{ type = \"string\" }}, {{ type = \"string\" }}] }}");
        let _contained = with_data_schema(arena, &schema).attack(Ending::NotLoaded("policy.schema"));
    }
    for keyword in [
        "uniqueItems = true",
        "not = {}",
        "contains = {}",
        "dependencies = {}",
        "if = {}",
        "minProperties = 1",
        "patternProperties = {}",
        "propertyNames = {}",
        "multipleOf = 0.1",
        "prefixItems = []",
        "unevaluatedItems = false",
    ] {
        let _contained = with_data_schema(arena, &format!("{{ type = \"json\", {keyword} }}"))
            .attack(Ending::NotLoaded("policy.schema"));
    }
    // A long list of values, and an array of as many others as fit.
    let options: Vec<String> = (0..50_000).map(|n| format!("\"o{n}\"")).collect();
    let list = format!("{{ type = \"array\", items = {{ enum = [{}] }} }}", options.join(","));
    let schema = format!("{{ type = \"object\", properties = {{ a = {list} }}, from = [\"any\"] }}");
    with_data_schema(arena, &schema).and("[capability.render.limits]\nargument-bytes = \"1MiB\"");
    let others: Vec<String> = (0..20_000).map(|n| format!("x{n}")).collect();
    let started = Instant::now();
    let contained = arena.plan(renders(&json!({ "a": others }))).attack(Ending::Refused("argument.schema"));
    assert!(started.elapsed() < Duration::from_secs(30), "it took {:?}", started.elapsed());
    assert!(violations(&contained.document).len() <= 101, "not each of twenty thousand is told");
    arena.plan(renders(&json!({ "a": ["o1", "o49999"] }))).attack(Ending::Completed)
}

fn case_173_what_a_schema_does_not_say_is_not_let_in(arena: &mut Arena) -> Contained {
    for schema in ["true", "false", "\"string\"", "[]", "1"] {
        let _contained = with_schema(arena, schema).attack(Ending::NotLoaded("policy.schema"));
    }
    for keyword in ["additionalProperties = true", "additionalItems = true", "required = []", "nullable = true"] {
        let _contained = with_data_schema(arena, &format!("{{ type = \"object\", {keyword} }}"))
            .attack(Ending::NotLoaded("policy.schema"));
    }
    // An argument without a schema is none that anybody forgot: the policy does not load.
    arena.tools().and("[capability.write.argument]\npath = { format = \"path\" }");
    let _contained = arena.attack(Ending::NotLoaded("policy.argument"));
    // An empty schema says nothing of who may choose the value: then no planner may.
    let _contained = with_schema(arena, "{}").plan(writes("x")).attack(Ending::Refused("argument.from"));
    let schema = "{ type = \"object\", properties = { a = { type = \"string\" } }, from = [\"planner\"] }";
    with_data_schema(arena, schema);
    for data in [
        json!({ "a": "x", "b": 1 }),
        json!({ "A": "x" }),
        json!({ "a": "x", "": null }),
        json!({ "a": "x", "__proto__": {} }),
        json!({ "a": 1 }),
        json!({ "a": null }),
        json!({ "a": ["x"] }),
        json!(["a"]),
    ] {
        let _contained = arena
            .plan(renders(&data))
            .attack_any(&[Ending::Refused("argument.schema"), Ending::Refused("argument.type")]);
    }
    arena.plan(renders(&json!({ "a": "x" }))).attack(Ending::Completed)
}

fn case_174_a_schema_gives_nothing_by_default(arena: &mut Arena) -> Contained {
    for keyword in [
        "default = \"x\"",
        "examples = [\"x\"]",
        "title = \"x\"",
        "description = \"x\"",
        "readOnly = true",
        "contentEncoding = \"base64\"",
        "\"$comment\" = \"x\"",
        "DEFAULT = \"x\"",
    ] {
        let _contained = with_schema(arena, &format!("{{ {keyword}, from = [\"planner\"] }}"))
            .attack(Ending::NotLoaded("policy.schema"));
    }
    // What is left out is missing.
    with_schema(arena, "{ enum = [\"x\"], from = [\"any\"] }");
    arena.plan(json!([{ "id": "a", "capability": "write", "arguments": { "path": "a.md" } }]));
    let _contained = arena.attack(Ending::Refused("argument.missing"));
    arena.plan(writes("x")).attack(Ending::Completed)
}
