//! Bad input gets a clear error and the documented exit code, and changes nothing.

use serde_json::json;

use crate::program::{Place, violations};

fn notes() -> Place {
    Place::with_example("notes")
}

const CHECK: [&str; 5] = ["check", "--policy", "policy.toml", "--plan", "plan.json"];
const RUN: [&str; 5] = ["run", "--policy", "policy.toml", "--plan", "plan.json"];

#[test]
fn a_plan_that_is_no_plan_is_refused() {
    let place = notes();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(
        r#"{{"claw":1,"steps":[{{"id":"a","capability":"read","arguments":{{"path":"{}"}}}}]}}"#,
        "x".repeat(10 << 20)
    );
    let plans: [(&str, &[u8], &str); 12] = [
        ("empty", b"", "plan.syntax"),
        ("blank", b" \n", "plan.syntax"),
        ("binary", &[0, 159, 146, 150], "plan.syntax"),
        ("not UTF-8", b"{\"claw\":1,\"steps\":[\"\xff\"]}", "plan.syntax"),
        ("UTF-16", b"\xff\xfe{\0}\0", "plan.syntax"),
        ("a byte order mark", b"\xef\xbb\xbf{\"claw\":1,\"steps\":[]}", "plan.syntax"),
        ("two documents", b"{\"claw\":1,\"steps\":[]} {}", "plan.syntax"),
        ("a comment", b"{\"claw\":1, // one\n\"steps\":[]}", "plan.syntax"),
        ("deep", deep.as_bytes(), "limit.plan-depth"),
        ("long", long.as_bytes(), "limit.plan-bytes"),
        ("1e400", br#"{"claw":1,"steps":[{"id":"a","capability":"read","arguments":{"path":1e400}}]}"#, "plan.number"),
        ("an array", b"[]", "plan.shape"),
    ];
    for (name, plan, rule) in plans {
        place.write("plan.json", plan);
        for arguments in [CHECK, RUN] {
            let (code, document) = place.json(&arguments);
            assert_eq!(code, Some(3), "{name}: {document:#}");
            assert_eq!(violations(&document)[0].0, rule, "{name}: {document:#}");
        }
    }
    assert!(std::fs::read_dir(place.path("out")).expect("a run made it").next().is_none(), "nothing was written");
}

#[test]
fn a_plan_that_is_cut_anywhere_is_refused() {
    let place = notes();
    let whole = place.read("plan.json").trim_end().to_owned();
    // Each byte is tried where it is cheap, in the policy's own tests; here a few, through the whole program.
    for length in (0..whole.len()).step_by(41) {
        place.write("plan.json", &whole[..length]);
        let (code, document) = place.json(&CHECK);
        assert_eq!(code, Some(3), "cut to {length} bytes: {document:#}");
    }
}

#[test]
fn a_file_of_a_gigabyte_is_not_read() {
    let place = notes();
    let file = std::fs::File::create(place.path("plan.json")).expect("files can be made");
    file.set_len(1 << 30).expect("sparse files can be made");
    let (code, document) = place.json(&CHECK);
    assert_eq!(code, Some(3));
    assert_eq!(violations(&document)[0].0, "limit.plan-bytes");

    let place = notes();
    let file = std::fs::File::create(place.path("policy.toml")).expect("files can be made");
    file.set_len(1 << 30).expect("sparse files can be made");
    let (code, document) = place.json(&CHECK);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("policy.size")));
}

#[test]
fn what_is_missing_is_wrong_usage() {
    let place = notes();
    for (arguments, rule) in [
        (["check", "--policy", "no.toml", "--plan", "plan.json"], "policy.read"),
        (["check", "--policy", "notes", "--plan", "plan.json"], "policy.read"),
        (["check", "--policy", "policy.toml", "--plan", "no.json"], "plan.read"),
        (["check", "--policy", "policy.toml", "--plan", "notes"], "plan.read"),
    ] {
        let (code, document) = place.json(&arguments);
        assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some(rule)), "{document:#}");
    }
    assert_eq!(place.claw(&["check"]).code, Some(2));
    assert_eq!(place.claw(&["frobnicate"]).code, Some(2));
}

/// Policies that do not load: what is changed in the first example, the rule, and the line that is named.
const POLICIES: &[(&str, &str, &str, u64)] = &[
    ("access = \"read\"", "acces = \"read\"", "policy.syntax", 6),
    ("claw = 1", "claw = 2", "policy.version", 1),
    ("claw = 1", "", "policy.syntax", 1),
    ("name = \"notes\"", "name = \"Notes\"", "policy.syntax", 2),
    ("dir = \"notes\"", "dir = \"absent\"", "grant.folder", 4),
    ("dir = \"notes\"", "dir = \"plan.json\"", "grant.folder", 4),
    ("dir = \"notes\"", "dir = { bind = \"repo\" }", "grant.folder", 4),
    ("access = \"read\"", "http = [\"GET https://a.example/\"]", "policy.grant", 4),
    ("dir = \"notes\"", "http = [\"GET a.example\"]", "policy.grant", 4),
    ("access = \"read\"", "access = \"read\"\nsecret = { header = \"a\", env = \"B\" }", "policy.grant", 4),
    ("[planner]", "[planner]\nrounds = 0", "policy.limit", 25),
    ("[planner]", "[planner]\ncorrections = 21", "policy.limit", 25),
    ("[planner]", "[planner]\ntime = 10", "policy.limit", 25),
    ("grants = [\"report\"]", "grants = [\"report\"]\napprove = \"always\"", "policy.syntax", 23),
    (
        "component = \"builtin:read-file\"",
        "component = \"builtin:read-file\"\nendorse = [{ at = \"\", type = \"string\", drop = [\"notes\"], because = \"it is short\" }]",
        "policy.endorse",
        19,
    ),
    ("[planner]", "[prove]\nnever = [\"notes -> report\"]\n[planner]", "policy.never", 25),
    ("[planner]", "[prove]\nnever = [\"notes -> nowhere\"]\n[planner]", "policy.prove", 25),
    ("[planner]", "[prove]\nnever = [\"planner -> report\"]\n[planner]", "policy.prove", 25),
    ("[planner]", "[prove]\nnever = [\"notes report\"]\n[planner]", "policy.prove", 25),
    ("[planner]", "[[test]]\nplan = \"absent.json\"\nverdict = \"accepted\"\n[planner]", "policy.test", 25),
    ("[planner]", "[[test]]\nplan = \"plan.json\"\nverdict = \"refused\"\n[planner]", "policy.test", 25),
    ("[planner]", "[task.a]\nonly = [\"sea\"]\n[planner]", "policy.name", 25),
    ("[planner]", "[task.a]\ncalls = { write = 0 }\n[planner]", "policy.value", 25),
    ("[planner]", "[plan]\nbefore = [[\"read\", \"sea\"]]\n[planner]", "policy.name", 25),
    ("[planner]", "[plan]\nbefore = [[\"read\", \"read\"]]\n[planner]", "policy.value", 25),
    (
        "grants = [\"report\"]",
        "grants = [\"report\"]\n[capability.write.argument]\npath = { ask = [\"any\"] }\ntext = {}",
        "policy.schema",
        24,
    ),
    (
        "grants = [\"report\"]",
        "grants = [\"report\"]\n[capability.write.argument]\npath = { from = [\"nobody\"] }\ntext = {}",
        "policy.name",
        24,
    ),
    (
        "grants = [\"report\"]",
        "grants = [\"report\"]\n[capability.write.argument]\npath = { pattern = \"(\" }\ntext = {}",
        "policy.schema",
        24,
    ),
    ("grants = [\"report\"]", "grants = [\"report\"]\n[capability.write.argument]\npath = {}", "policy.argument", 20),
    (
        "grants = [\"report\"]",
        "grants = [\"report\"]\n[capability.write.argument]\npath = {}\ntext = {}\nwhere = {}",
        "policy.argument",
        26,
    ),
    ("grants = [\"report\"]", "grants = [\"elsewhere\"]", "policy.name", 22),
    ("grants = [\"report\"]", "grants = []", "component.import", 20),
    ("builtin:write-file", "builtin:run-command", "component.unknown", 21),
    ("[grant.report]", "[grant.notes]", "policy.syntax", 8),
    ("[grant.report]", "[grant.user]", "policy.name", 8),
    ("[grant.report]", "[grant.write]", "policy.name", 8),
    ("accepts = [\"notes\"]  ", "accepts = [\"moon\"]", "policy.name", 12),
    ("shows = [\"list\", ", "shows = [\"sea\", ", "policy.name", 25),
    ("dir = \"out\"", "dir = \".\"", "grant.protected", 8),
];

#[test]
fn a_policy_that_does_not_load_names_its_line() {
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for (from, to, rule, line) in POLICIES {
        let place = notes();
        let policy = place.read("policy.toml");
        assert!(policy.contains(from), "{from}");
        place.write("policy.toml", policy.replacen(from, to, 1));
        let (code, document) = place.json(&CHECK);
        let error = &document["error"];
        assert_eq!(code, Some(2), "{to}: {document:#}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{to}");
        found.push(format!("{to:?}: {} at {}", error["rule"].as_str().unwrap_or(""), error["line"]));
        expected.push(format!("{to:?}: {rule} at {line}"));
    }
    assert_eq!(found, expected);
}

#[test]
fn a_component_that_is_none_is_refused_at_load() {
    let place = notes();
    let core = wat::parse_str("(module (memory 1))").expect("the text is a module");
    let sockets = wat::parse_str(
        r#"(component
            (import "wasi:sockets/instance-network@0.2.0" (instance (export "network" (type (sub resource))) ))
            (import "wasi:cli/stdin2@0.2.0" (instance (export "get" (func))))
            (core module $m (func (export "run")))
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run"))))"#,
    )
    .expect("the text is a component");
    let huge = std::fs::File::create(place.path("huge.wasm")).expect("files can be made");
    huge.set_len(200 << 20).expect("sparse files can be made");
    place.write("text.wasm", "no component");
    place.write("empty.wasm", "");
    place.write("core.wasm", core);
    place.write("sockets.wasm", sockets);
    let policy = place.read("policy.toml");
    for (file, rule) in [
        ("absent.wasm", "component.read"),
        ("notes", "component.size"),
        ("huge.wasm", "component.size"),
        ("empty.wasm", "component.invalid"),
        ("text.wasm", "component.invalid"),
        ("core.wasm", "component.invalid"),
        ("sockets.wasm", "component.digest"),
    ] {
        place.write("policy.toml", policy.replace("\"builtin:read-file\"", &format!("{{ path = \"{file}\" }}")));
        let (code, document) = place.json(&CHECK);
        assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some(rule)), "{file}: {document:#}");
    }
    assert_eq!(place.claw(&["policy", "pin", "policy.toml"]).code, Some(0));
    let (code, document) = place.json(&CHECK);
    let message = document["error"]["message"].as_str().expect("a message");
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("component.import")), "{document:#}");
    assert!(
        message.contains("wasi:sockets/instance-network@0.2.0") && message.contains("wasi:cli/stdin2@0.2.0"),
        "{message}"
    );
}

#[test]
fn inputs_are_declared_and_within_their_schema() {
    let place = Place::with_example("meeting-notes");
    place.write("name.txt", "from-a-file.md");
    for (input, code, rule) in [
        ("report=fine.md", Some(0), ""),
        ("report=@name.txt", Some(3), "argument.from"),
        ("report=../x.md", Some(2), "input.schema"),
        ("other=1", Some(2), "input.unknown"),
        ("report=@absent", Some(2), "input.read"),
    ] {
        let (ended, document) = place.json(&[&CHECK[..], &["--input", input]].concat());
        assert_eq!(ended, code, "{input}: {document:#}");
        if ended == Some(2) {
            assert_eq!(document["error"]["rule"], rule, "{document:#}");
        }
    }
    let (code, document) = place.json(&CHECK);
    assert_eq!(code, Some(3), "an input that is needed and not bound");
    assert_eq!(violations(&document), [("input.unbound".to_owned(), "/steps/5/arguments/path".to_owned())]);
}

#[test]
fn every_violation_of_a_plan_is_reported() {
    let place = notes();
    let steps = json!([
        { "id": "a", "capability": "shell" },
        { "id": "b", "capability": "read", "arguments": { "path": "../x", "more": 1 } },
        { "id": "c", "capability": "read" },
        { "id": "d", "capability": "write", "arguments": { "path": { "$step": "b" }, "text": { "$step": "e" } } },
    ]);
    place.write("plan.json", json!({ "claw": 1, "steps": steps, "answer": { "$step": "nowhere" } }).to_string());
    let (code, document) = place.json(&CHECK);
    let rules: Vec<String> = violations(&document).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(code, Some(3));
    assert_eq!(
        rules,
        [
            "capability.unknown",
            "argument.unknown",
            "argument.path",
            "argument.missing",
            "argument.from",
            "reference.unknown",
            "reference.unknown"
        ]
    );
}
