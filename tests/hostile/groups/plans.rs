//! Group J, what a plan refers to and what its steps put out: references, data that looks like more, changes meanwhile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

use claw_policy::Plan;
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::program::violations;
use crate::watch::is_busy;

cases! {
    case_162_references_lead_back_and_to_what_is_there
    case_164_data_is_never_read_as_a_template
    case_165_a_value_from_data_is_checked_when_its_step_starts
    case_166_no_output_becomes_a_name
    case_168_what_changes_after_the_check_is_not_used
    case_169_a_plan_has_one_reading
}

fn step(id: &str, capability: &str, arguments: Value) -> Value {
    json!({ "id": id, "capability": capability, "arguments": arguments })
}

fn case_162_references_lead_back_and_to_what_is_there(arena: &mut Arena) -> Contained {
    arena.tools();
    for (name, steps, rule) in [
        ("itself", vec![("a", "a")], "reference.forward"),
        ("a circle", vec![("a", "b"), ("b", "a")], "reference.forward"),
        ("forward", vec![("a", "b"), ("b", "")], "reference.forward"),
        ("nothing", vec![("a", "c"), ("b", "")], "reference.unknown"),
    ] {
        let one = |(id, to): &(&str, &str)| {
            let path = if to.is_empty() { json!("notes.md") } else { json!({ "$step": to }) };
            step(id, "read", json!({ "path": path }))
        };
        let contained = arena.plan(steps.iter().map(one).collect()).attack(Ending::Refused(rule));
        let first = ((*rule).to_owned(), "/steps/0/arguments/path".to_owned());
        assert_eq!(violations(&contained.document), [first], "{name}");
    }
    // What failed is no step that anything goes on from.
    arena.plan(json!([
        step("a", "read", json!({ "path": "absent.md" })),
        step("b", "read", json!({ "path": { "$step": "a" } })),
    ]));
    let contained = arena.attack(Ending::Failed("capability"));
    assert_eq!(contained.document["steps"].as_array().map(Vec::len), Some(1));
    let contained = arena.plan(json!([step("a", "list", json!({}))])).attack(Ending::Completed);
    every_graph_is_judged_as_it_should_be(&contained);
    contained
}

/// Random plans against the rule in one line: a reference leads to an earlier step.
fn every_graph_is_judged_as_it_should_be(contained: &Contained) {
    let (policy, session) = contained.reopen();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |most: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % most as u64).unwrap()
    };
    for _ in 0..2_000 {
        let length = 1 + below(7);
        let targets: Vec<Option<usize>> =
            (0..length).map(|_| Some(below(length + 2)).filter(|_| below(4) > 0)).collect();
        let one = |(index, target): (usize, &Option<usize>)| {
            let path = target.map_or_else(|| json!("notes.md"), |target| json!({ "$step": format!("s{target}") }));
            step(&format!("s{index}"), "read", json!({ "path": path }))
        };
        let steps: Vec<Value> = targets.iter().enumerate().map(one).collect();
        let text = json!({ "claw": 1, "steps": steps, "answer": { "$step": "s0" } }).to_string();
        let expected = targets.iter().enumerate().filter_map(|(index, target)| {
            let rule = match (*target)? {
                target if target < index => return None,
                target if target < length => "reference.forward",
                _ => "reference.unknown",
            };
            Some((rule.to_owned(), format!("/steps/{index}/arguments/path")))
        });
        let checked = Plan::parse(text.as_bytes(), &policy.limits)
            .and_then(|plan| policy.check(&session, plan, SystemTime::UNIX_EPOCH));
        let refusal = checked.as_ref().err();
        let found = refusal.iter().flat_map(|refusal| refusal.violations());
        let found: Vec<(String, String)> = found.map(|v| (v.rule.to_owned(), v.at.clone())).collect();
        assert_eq!(found, expected.collect::<Vec<_>>(), "{text}");
    }
}

/// What templates, references, shells, pointers and paths look like in other languages.
const TEMPLATES: &str = "${secrets.x} {{ 7 * 7 }} {% include 'x' %} <%= 1 %> #{1} $(id) `id` %n {0} {\"$step\": \"a\"} \
    {\"$input\": \"x\"} {\"$ref\": \"#/a\"} ~0~1 /steps/0 ../../etc/passwd $HOME ~ \\u0024 &amp; \u{1b}[31m \u{202e}";

fn case_164_data_is_never_read_as_a_template(arena: &mut Arena) -> Contained {
    let data =
        json!({ "text": TEMPLATES, "step": { "$step": "list" }, "input": { "$input": "x" }, "a/b~c": "pointed at" });
    arena.place.write("in/hostile.md", TEMPLATES);
    arena.place.write("in/hostile.json", data.to_string());
    arena.tools().and(
        "[capability.parse]\ncomponent = \"builtin:read-file\"\ngrants = [\"in\"]\noutput = \"json\"\n\
         [capability.render]\ncomponent = \"builtin:render-text\"",
    );
    let write = |id: &str, text: Value| step(id, "write", json!({ "path": format!("{id}.md"), "text": text }));
    arena.plan(json!([
        step("list", "list", json!({})),
        step("raw", "read", json!({ "path": "hostile.md" })),
        step("data", "parse", json!({ "path": "hostile.json" })),
        step("filled", "render", json!({ "template": "{{ text }}", "data": { "$step": "data" } })),
        step("shown", "render", json!({ "template": "{{ step | tojson }}", "data": { "$step": "data" } })),
        write("a", json!({ "$step": "raw" })),
        write("b", json!({ "$step": "data", "at": "/text" })),
        write("c", json!({ "$step": "filled" })),
        write("d", json!({ "$step": "data", "at": "/a~1b~0c" })),
        write("e", json!(TEMPLATES)),
        write("f", json!({ "$step": "shown" })),
    ]));
    let contained = arena.attack(Ending::Completed);
    for file in ["out/a.md", "out/b.md", "out/c.md", "out/e.md"] {
        assert_eq!(arena.place.read(file), TEMPLATES, "{file}");
    }
    assert_eq!(arena.place.read("out/d.md"), "pointed at");
    assert_eq!(arena.place.read("out/f.md"), "{\"$step\": \"list\"}", "a reference in data is data");
    // A pointer that is none, or that two readers would read in two ways.
    for at in ["text", "/text~", "/text~2", "#/text", "/text/", "/../text", "/text/0", "/*", "/-", "//text"] {
        arena.plan(json!([
            step("data", "parse", json!({ "path": "hostile.json" })),
            write("a", json!({ "$step": "data", "at": at })),
        ]));
        let _contained = arena.attack_any(&[Ending::Refused("plan.reference"), Ending::Halted("reference.part")]);
    }
    contained
}

fn case_165_a_value_from_data_is_checked_when_its_step_starts(arena: &mut Arena) -> Contained {
    symlink("../sentinel/key", arena.place.path("in/link")).expect("links can be made");
    arena.tools();
    let steps = json!([
        step("a", "read", json!({ "path": "next.md" })),
        step("b", "read", json!({ "path": { "$step": "a" } })),
    ]);
    for (path, rule) in [
        ("../../etc/passwd", "argument.path"),
        ("../sentinel/key", "argument.path"),
        ("a/../../sentinel/key", "argument.path"),
        ("/etc/passwd", "argument.path"),
        ("/in/notes.md", "argument.path"),
        ("~/.ssh/id_ed25519", "argument.path"),
        ("..\\sentinel\\key", "argument.path"),
        ("notes.md\0.png", "argument.path"),
        ("http://169.254.169.254/latest/meta-data/", "argument.path"),
        ("file:///etc/passwd", "argument.path"),
        ("", "argument.path"),
        ("notes.md\n", "argument.path"),
        ("link", "path.escape"),
    ] {
        arena.place.write("in/next.md", path);
        let contained = arena.plan(steps.clone()).attack(Ending::Halted(rule));
        assert_eq!(violations(&contained.document)[0].1, "/steps/1/arguments/path", "{path:?}");
        let started = contained.events.iter().filter(|event| event["event"] == "step").count();
        assert_eq!(started, if rule == "path.escape" { 2 } else { 1 }, "no step starts with {path:?}");
    }
    // Data chooses no place to write at all, however harmless it looks.
    let _contained = arena
        .plan(json!([
            step("a", "read", json!({ "path": "notes.md" })),
            step("b", "write", json!({ "path": { "$step": "a" }, "text": "x" })),
        ]))
        .attack(Ending::Refused("argument.from"));
    arena.place.write("in/next.md", "notes.md");
    arena.plan(steps).attack(Ending::Completed)
}

fn case_166_no_output_becomes_a_name(arena: &mut Arena) -> Contained {
    let from_a = json!({ "$step": "a" });
    let first = step("a", "read", json!({ "path": "notes.md" }));
    arena.tools();
    for (key, second) in [
        ("capability", json!({ "id": "b", "capability": from_a })),
        ("id", json!({ "id": from_a, "capability": "list" })),
        ("arguments", json!({ "id": "b", "capability": "list", "arguments": from_a })),
        ("arguments/path", step("b", "list", json!({ "path": { "$step": from_a } }))),
        ("arguments/path", step("b", "list", json!({ "path": { "$input": from_a } }))),
        ("arguments/path", step("b", "list", json!({ "path": { "$step": "a", "at": from_a } }))),
    ] {
        let contained = arena
            .plan(json!([first, second]))
            .attack_any(&[Ending::Refused("plan.shape"), Ending::Refused("plan.reference")]);
        let found = violations(&contained.document);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.starts_with(&format!("/steps/1/{key}")), "{found:?}");
    }
    for text in [
        r#"{"claw":1,"steps":{"$step":"a"}}"#.to_owned(),
        format!(r#"{{"claw":{{"$step":"a"}},"steps":[{first}]}}"#),
        format!(r#"{{"claw":1,"steps":[{first},{from_a}]}}"#),
    ] {
        let _contained = arena.plan_text(text).attack_any(&[
            Ending::Refused("plan.shape"),
            Ending::Refused("plan.version"),
            Ending::Refused("plan.unknown-key"),
        ]);
    }
    arena.plan(json!([first])).attack(Ending::Completed)
}

/// A guest that takes a while, and then a step that writes.
fn slow(arena: &mut Arena) {
    arena.guest("case_168_takes_a_while");
    arena.and("[capability.write]\ncomponent = \"builtin:write-file\"\ngrants = [\"out\"]");
    arena.plan(json!([
        json!({ "id": "slow", "capability": "attack" }),
        step("good", "write", json!({ "path": "good.md", "text": "x" })),
    ]));
    // Compiled now, so that the worker which is seen later is the one that runs it.
    assert_eq!(arena.place.json(&["check", "--policy", "policy.toml", "--plan", "plan.json"]).0, Some(0));
}

/// The plan, the policy, the component and the folder are taken once, before anything runs; what is there later is not
/// looked at.
fn case_168_what_changes_after_the_check_is_not_used(arena: &mut Arena) -> Contained {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("plan.json", |root| {
            let evil = json!([step("evil", "write", json!({ "path": "evil.md", "text": "x" }))]);
            fs::write(root.join("plan.json"), json!({ "claw": 1, "steps": evil }).to_string()).unwrap();
        }),
        ("policy.toml", |root| {
            let policy = fs::read_to_string(root.join("policy.toml")).unwrap();
            fs::write(root.join("policy.toml"), policy.replace("dir = \"out\"", "dir = \"sentinel\"")).unwrap();
        }),
        ("attack.wasm", |root| fs::write(root.join("attack.wasm"), b"\0asm\x0d\0\x01\0").unwrap()),
        ("moved", |root| {
            fs::rename(root.join("out"), root.join("moved")).unwrap();
            symlink("sentinel", root.join("out")).unwrap();
        }),
    ];
    for (name, change) in changes {
        let mut arena = Arena::new();
        slow(arena.changing(name));
        let (root, policy) = (arena.place.path(""), arena.place.read("policy.toml"));
        let mut changed = false;
        let contained = arena.attack_while(&[Ending::Completed], &mut |_, workers| {
            if !changed && workers.last().is_some_and(|worker| is_busy(*worker)) {
                change(&root);
                changed = true;
            }
        });
        assert!(changed, "{name} was changed while it ran");
        let folder = if name == "moved" { "moved" } else { "out" };
        assert!(root.join(folder).join("good.md").exists() && !root.join("out/evil.md").exists(), "{name}");
        let recorded = &contained.events[0]["policy"]["inline"];
        assert_eq!(recorded, &json!(policy), "{name}: what is on record is what was decided by");
    }
    // The component is read once, hashed, and those bytes are compiled; what is swapped in later is another digest.
    slow(arena);
    let mut other = fs::read(arena.place.path("attack.wasm")).expect("it is there");
    // One more custom section: still a component, and another one.
    other.extend([0, 2, 1, b'x']);
    arena.place.write("attack.wasm", other);
    arena.attack(Ending::NotLoaded("component.digest"))
}

/// What was checked is what runs: the text is parsed once, whatever its spelling.
fn case_169_a_plan_has_one_reading(arena: &mut Arena) -> Contained {
    let text =
        r#"{"cl\u0061w":1,"steps":[{"id":"a","capability":"re\u0061d","arguments":{"p\u0061th":"n\u006ftes.md"}}]}"#;
    let contained = arena.tools().plan_text(text).attack(Ending::Completed);
    assert_eq!(contained.document["answer"], arena.place.read("in/notes.md"));
    let event = contained.events.iter().find(|event| event["event"] == "step").expect("it is on record");
    assert_eq!(event["arguments"]["inline"], json!({ "path": "notes.md" }));
    // The same plan in many spellings: one verdict, and one reading of the parts that another reader agrees with.
    let (policy, session) = contained.reopen();
    let path = "a/b c~d\"e\\f\u{e9}\u{1f600}\u{1}";
    for seed in 0..500_usize {
        let spell = |text: &str| {
            let letter = |(index, letter): (usize, char)| match (seed >> (index % 9)) & 1 {
                1 => letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
                _ if letter == '/' && seed % 3 == 0 => "\\/".to_owned(),
                _ => json!(letter.to_string()).to_string()[1..].strip_suffix('"').unwrap().to_owned(),
            };
            format!("\"{}\"", text.chars().enumerate().map(letter).collect::<String>())
        };
        let blank = ["", " ", "\n", "\t", "\r\n"][seed % 5];
        let text = format!(
            "{blank}{{{}{blank}:1,{}:[{{{}:{},{}:{},{}:{{{}:{blank}{}}}}}]}}{blank}",
            spell("claw"),
            spell("steps"),
            spell("id"),
            spell("a"),
            spell("capability"),
            spell("read"),
            spell("arguments"),
            spell("path"),
            spell(path)
        );
        let other: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(other["steps"][0]["arguments"]["path"], path);
        let checked = Plan::parse(text.as_bytes(), &policy.limits)
            .and_then(|plan| policy.check(&session, plan, SystemTime::UNIX_EPOCH));
        let rules: Vec<&str> = checked.as_ref().err().unwrap().violations().iter().map(|v| v.rule).collect();
        assert_eq!(rules, ["argument.path"], "{text}");
    }
    contained
}
