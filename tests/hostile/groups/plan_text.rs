//! Group J, the text of a plan: it has one reading, or none.

use std::fs::File;

use claw_policy::json::with_key;
use claw_policy::{Limits, Plan};
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::program::violations;

cases! {
    case_154_a_key_stands_once
    case_155_a_key_that_is_not_known_is_refused
    case_156_depth_is_bounded
    case_158_text_is_utf_8_and_one_document
    case_159_size_is_bounded_before_anything_is_made_of_it
    case_160_names_that_look_alike_are_no_names
    case_161_ids_are_each_their_own
}

/// A plan with an object at every depth that one has.
fn whole() -> Value {
    json!({
        "claw": 1,
        "steps": [
            { "id": "a", "capability": "read", "arguments": { "path": "notes.md" } },
            { "id": "b", "capability": "write", "arguments": { "path": "b.md", "text": { "$step": "a", "at": "" } } },
        ],
        "answer": { "$step": "b", "at": "" },
    })
}

/// The rules that refuse a text, and where, before any policy is asked.
fn refused(text: &[u8]) -> Vec<(String, String)> {
    let Err(refusal) = Plan::parse(text, &Limits::default()) else { return Vec::new() };
    refusal.violations().iter().map(|violation| (violation.rule.to_owned(), violation.at.clone())).collect()
}

/// Writes `value`, and `more` behind the entries of its object at `place`.
fn with_more(value: &Value, place: &str, more: &str, at: &str) -> String {
    match value {
        Value::Object(object) => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{}:{}", json!(key), with_more(value, place, more, &with_key(at, key)))
            };
            let mut entries: Vec<String> = object.iter().map(entry).collect();
            entries.extend((at == place).then(|| more.to_owned()));
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let items = items.map(|(index, item)| with_more(item, place, more, &format!("{at}/{index}")));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The objects of a plan: the place and the keys of each.
fn objects(value: &Value, at: &str, found: &mut Vec<(String, Vec<String>)>) {
    match value {
        Value::Object(object) => {
            found.push((at.to_owned(), object.keys().cloned().collect()));
            object.iter().for_each(|(key, value)| objects(value, &with_key(at, key), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| objects(item, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

fn case_154_a_key_stands_once(arena: &mut Arena) -> Contained {
    let mut places = Vec::new();
    objects(&whole(), "", &mut places);
    assert_eq!(places.len(), 7, "{places:?}");
    let mut tried = Vec::new();
    for (at, keys) in &places {
        for key in keys {
            let escaped = |upper: bool, which: fn(usize) -> bool| -> String {
                let letters = key.chars().enumerate().map(|(index, letter)| match (which(index), upper) {
                    (false, _) => letter.to_string(),
                    (true, false) => format!("\\u{:04x}", u32::from(letter)),
                    (true, true) => format!("\\u{:04X}", u32::from(letter)),
                });
                letters.collect()
            };
            let twins = [
                key.clone(),
                escaped(false, |index| index == 0),
                escaped(true, |index| index == 1),
                escaped(false, |_| true),
            ];
            for twin in twins {
                let text = with_more(&whole(), at, &format!("\"{twin}\":{}", whole().pointer(at).unwrap()[key]), "");
                let expected = ("plan.duplicate-key".to_owned(), with_key(at, key));
                assert_eq!(refused(text.as_bytes()), std::slice::from_ref(&expected), "{text}");
                tried.push((text, expected));
            }
        }
    }
    arena.tools();
    // Each place once through the program, each time in another spelling.
    for (at, keys) in &places {
        let (text, expected) =
            tried.iter().rev().find(|(_, (_, place))| *place == with_key(at, &keys[0])).expect("it was tried");
        let contained = arena.plan_text(text).attack(Ending::Refused("plan.duplicate-key"));
        assert_eq!(violations(&contained.document), std::slice::from_ref(expected));
    }
    arena.plan(whole()["steps"].clone()).attack(Ending::Completed)
}

fn case_155_a_key_that_is_not_known_is_refused(arena: &mut Arena) -> Contained {
    const KEYS: &[&str] = &[
        "Claw",
        "STEPS",
        "Answer",
        "ID",
        "Id",
        "Capability",
        "capabilities",
        "Arguments",
        "args",
        "__proto__",
        "constructor",
        "toString",
        "tool",
        "name",
        "policy",
        "label",
        "labels",
        "tenant",
        "priority",
        "approve",
        "grants",
        "component",
        "limits",
        "retry",
        "when",
        "if",
        "for",
        "parallel",
        "env",
        "cwd",
        "stdin",
        "",
        " ",
        "id ",
        "id\u{200b}",
        "\u{131}d",
    ];
    let mut places = Vec::new();
    objects(&whole(), "", &mut places);
    for (at, _) in &places {
        for key in KEYS {
            let text = with_more(&whole(), at, &format!("{}:1", json!(key)), "");
            // In arguments a key is a parameter's name, which the policy knows; a reference is one whole.
            let expected = match at.as_str() {
                "" | "/steps/0" | "/steps/1" => vec![("plan.unknown-key".to_owned(), with_key(at, key))],
                "/steps/1/arguments/text" | "/answer" => vec![("plan.reference".to_owned(), at.clone())],
                _ => Vec::new(),
            };
            assert_eq!(refused(text.as_bytes()), expected, "{text}");
        }
    }
    arena.tools();
    for (at, rule) in
        [("", "plan.unknown-key"), ("/steps/1", "plan.unknown-key"), ("/steps/0/arguments", "argument.unknown")]
    {
        let more: Vec<String> = KEYS.iter().map(|key| format!("{}:1", json!(key))).collect();
        let contained = arena.plan_text(with_more(&whole(), at, &more.join(","), "")).attack(Ending::Refused(rule));
        let found = violations(&contained.document);
        assert!(
            found.len() == KEYS.len() && found.iter().all(|(found, _)| found == rule),
            "every one is told: {found:?}"
        );
    }
    arena.plan_text(r#"{"Claw":1,"Steps":[]}"#).attack(Ending::Refused("plan.version"))
}

fn case_156_depth_is_bounded(arena: &mut Arena) -> Contained {
    const DEEP: usize = 100_000;
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let in_argument = |value: String| {
        format!(r#"{{"claw":1,"steps":[{{"id":"a","capability":"read","arguments":{{"path":{value}}}}}]}}"#)
    };
    arena.tools();
    let plans = [
        nested("[", "]", DEEP),
        nested("{\"a\":", "}", DEEP),
        nested("[{\"a\":", "}]", DEEP),
        "[".repeat(DEEP),
        in_argument(nested("[", "]", DEEP)),
    ];
    for plan in plans {
        let _contained = arena.plan_text(plan).attack(Ending::Refused("limit.plan-depth"));
    }
    // Neither reading nor dropping takes a large stack, also at the largest depth that can be set.
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let deep = in_argument(nested("[", "]", DEEP));
    let deepest = in_argument(nested("[", "]", 60));
    let ended = small.spawn(move || {
        let limits = Limits { plan_depth: 64, ..Limits::default() };
        drop(Plan::parse(deep.as_bytes(), &limits).expect_err("it is too deep"));
        drop(Plan::parse(deepest.as_bytes(), &limits).expect("it is not"));
    });
    ended.expect("threads can be started").join().expect("its stack is enough");
    // Nor does what a step puts out.
    arena.instead("component = \"builtin:read-file\"", "component = \"builtin:read-file\"\noutput = \"json\"");
    arena.place.write("in/deep.json", nested("[", "]", DEEP));
    arena.place.write("in/deepest.json", nested("[", "]", 100));
    arena.plan(json!([{ "id": "a", "capability": "read", "arguments": { "path": "deep.json" } }]));
    let _contained = arena.attack(Ending::Failed("output"));
    arena.plan(json!([{ "id": "a", "capability": "read", "arguments": { "path": "deepest.json" } }]));
    arena.attack(Ending::Completed)
}

fn case_158_text_is_utf_8_and_one_document(arena: &mut Arena) -> Contained {
    let plan = r#"{"claw":1,"steps":[{"id":"a","capability":"list"}]}"#;
    let wide = |bytes: fn(u16) -> [u8; 2]| plan.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let marked = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
    // An argument that is made of these bytes.
    let with = |bytes: &[u8]| {
        let (before, after) = (r#"{"claw":1,"steps":[{"id":"a","capability":"list","arguments":{"path":""#, r#""}}]}"#);
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    let around = |before: &str, after: &str| [before, plan, after].concat().into_bytes();
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("blanks", b" \t\r\n".to_vec()),
        ("a byte order mark", around("\u{feff}", "")),
        ("UTF-16, little", marked(b"\xff\xfe", wide(u16::to_le_bytes))),
        ("UTF-16, big", marked(b"\xfe\xff", wide(u16::to_be_bytes))),
        ("UTF-16, unmarked", wide(u16::to_le_bytes)),
        ("UTF-32", plan.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("UTF-7", b"+AHsAIg-claw+ACI:1}".to_vec()),
        ("Latin-1", with(b"caf\xe9")),
        ("a lone continuation", with(b"\x80")),
        ("a cut sequence", with(b"\xe2\x82")),
        ("an overlong slash", with(b"\xc0\xaf")),
        ("an overlong NUL", with(b"\xc0\x80")),
        ("an overlong slash of three", with(b"\xe0\x80\xaf")),
        ("a surrogate in UTF-8", with(b"\xed\xa0\x80")),
        ("surrogates as CESU-8", with(b"\xed\xa0\xbd\xed\xb8\x80")),
        ("beyond Unicode", with(b"\xf4\x90\x80\x80")),
        ("five bytes", with(b"\xf8\x88\x80\x80\x80")),
        ("a lone high surrogate", with(b"\\ud800")),
        ("a lone low surrogate", with(b"\\udc00")),
        ("surrogates the wrong way round", with(b"\\udc00\\ud800")),
        ("a high surrogate and a letter", with(b"\\ud800a")),
        ("an escape that is none", with(b"\\x41")),
        ("a short escape", with(b"\\u41")),
        ("a quote that is escaped at the end", with(b"\\")),
        ("a raw NUL", with(b"\0")),
        ("a raw line feed", with(b"a\nb")),
        ("a raw tab", with(b"a\tb")),
        ("a NUL behind it", around("", "\0")),
        ("a letter behind it", around("", "x")),
        ("a second plan", around("", plan)),
        ("a second plan on its own line", around("", &format!("\n{plan}"))),
        ("a second plan before it", around("{} ", "")),
        ("a sequence of JSON texts", around("\u{1e}", "\n")),
        ("a comma behind it", around("", ",")),
        ("a line comment", around("// x\n", "")),
        ("a block comment", around("", "/* x */")),
        ("a hash comment", around("# x\n", "")),
        ("a no-break space", around("\u{a0}", "")),
        ("a form feed", around("\u{c}", "")),
        ("a line separator between tokens", plan.replace("1,", "1,\u{2028}").into_bytes()),
        ("commas at the end", plan.replace("}]", "},]").into_bytes()),
        ("single quotes", plan.replace('"', "'").into_bytes()),
        ("bare keys", plan.replace("\"claw\"", "claw").into_bytes()),
        ("curly quotes", plan.replace("\"claw\"", "\u{201c}claw\u{201d}").into_bytes()),
        ("words of other languages", plan.replace('1', "True").into_bytes()),
        ("cut", plan.as_bytes()[..plan.len() - 1].to_vec()),
        ("YAML", b"claw: 1\nsteps: []\n".to_vec()),
        ("MessagePack", b"\x82\xa4claw\x01\xa5steps\x90".to_vec()),
    ];
    for (name, text) in &texts {
        let rules: Vec<String> = refused(text).into_iter().map(|(rule, _)| rule).collect();
        assert_eq!(rules, ["plan.syntax"], "{name}");
    }
    for end in 0..plan.len() {
        assert_eq!(refused(&plan.as_bytes()[..end])[0].0, "plan.syntax", "cut to {end} bytes");
    }
    arena.tools();
    for (_, text) in texts.iter().step_by(4) {
        let _contained = arena.plan_text(text).attack(Ending::Refused("plan.syntax"));
    }
    // What only looks like the end of a line, or of a string, is text like any other.
    let text = "nul \0, separators \u{2028}\u{2029}, \u{85}, mark \u{feff}, beyond \u{10ffff}, turned \u{202e}";
    arena.plan(json!([{ "id": "a", "capability": "write", "arguments": { "path": "a.md", "text": text } }]));
    let contained = arena.attack(Ending::Completed);
    assert_eq!(arena.place.read("out/a.md"), text);
    contained
}

fn case_159_size_is_bounded_before_anything_is_made_of_it(arena: &mut Arena) -> Contained {
    arena.tools();
    let file = File::create(arena.place.path("plan.json")).expect("files can be made");
    file.set_len(1 << 30).expect("sparse files can be made");
    let _contained = arena.attack(Ending::Refused("limit.plan-bytes"));
    let long =
        |length: usize| json!([{ "id": "a", "capability": "list", "arguments": { "path": "x".repeat(length) } }]);
    let _contained = arena.plan(long(2 << 20)).attack(Ending::Refused("limit.plan-bytes"));
    let _contained = arena.plan(long(900 << 10)).attack(Ending::Refused("limit.argument-bytes"));
    // The same with the largest plans that a policy can let in.
    arena.and("[limits]\nplan-bytes = \"4MiB\"\nplan-steps = 10_000");
    let many = |one: &dyn Fn(usize) -> String, count: usize| (0..count).map(one).collect::<Vec<_>>().join(",");
    let steps = |steps: String| format!("{{\"claw\":1,\"steps\":[{steps}]}}");
    let argument =
        |value: String| steps(format!("{{\"id\":\"a\",\"capability\":\"list\",\"arguments\":{{\"path\":{value}}}}}"));
    let plans = [
        (steps(many(&|_| "{}".to_owned(), 1_000_000)), "limit.plan-steps"),
        (steps(many(&|_| "{}".to_owned(), 10_000)), "plan.shape"),
        (format!("{{{}}}", many(&|n| format!("\"k{n}\":0"), 300_000)), "plan.version"),
        (argument(format!("[{}]", many(&|_| "[]".to_owned(), 1_300_000))), "argument.type"),
        (argument(format!("{{{}}}", many(&|n| format!("\"k{n}\":0"), 300_000))), "argument.type"),
        (argument(json!("x".repeat(3 << 20)).to_string()), "limit.argument-bytes"),
        (format!("[{}]", many(&|_| "1e400".to_owned(), 600_000)), "plan.number"),
        (format!("{{\"{}\":0}}", "k".repeat(3 << 20)), "plan.key"),
    ];
    for (plan, rule) in plans {
        let contained = arena.plan_text(plan).attack(Ending::Refused(rule));
        let told = violations(&contained.document).len();
        assert!(told <= 101, "{told} violations of one plan are told");
    }
    arena.plan(json!([{ "id": "a", "capability": "list" }])).attack(Ending::Completed)
}

/// What looks like `read`, or is `read` to some reader, and is not.
const LOOKALIKES: &[&str] = &[
    "re\u{430}d",
    "r\u{435}ad",
    "\u{433}ead",
    "rea\u{501}",
    "\u{ff52}ead",
    "\u{ff52}\u{ff45}\u{ff41}\u{ff44}",
    "re\u{251}d",
    "re\u{3b1}d",
    "re\u{1d41a}d",
    "re\u{e1}d",
    "rea\u{301}d",
    "r\u{212f}ad",
    "\u{24e1}ead",
    "re\u{200b}ad",
    "read\u{200b}",
    "\u{200d}read",
    "re\u{2060}ad",
    "re\u{ad}ad",
    "read\u{fe0f}",
    "\u{feff}read",
    "\u{202e}daer",
    "\u{2066}read\u{2069}",
    "read\u{0}",
    "read\n",
    "read ",
    " read",
    "read\u{a0}",
    "\tread",
    "READ",
    "Read",
    "reaD",
    "read.",
    "read/",
    "./read",
    "read\\",
    "read#",
    "read?",
    "read;list",
    "read|list",
    "read,list",
    "builtin:read-file",
    "read@1",
    "re.d",
    "r*",
    "*",
    "",
    "\u{301}read",
    "read\u{e0041}",
    "re\u{61c}ad",
    "re\u{34f}ad",
    "re\u{115f}ad",
    "re\u{3164}ad",
];

fn case_160_names_that_look_alike_are_no_names(arena: &mut Arena) -> Contained {
    let steps = |make: &dyn Fn(usize, &str) -> Value| -> Value {
        LOOKALIKES.iter().enumerate().map(|(index, name)| make(index, name)).collect()
    };
    let path = json!({ "path": "notes.md" });
    arena.tools();
    for (key, plan) in [
        (
            "capability",
            steps(&|index, name| json!({ "id": format!("s{index}"), "capability": name, "arguments": path })),
        ),
        ("id", steps(&|_, name| json!({ "id": name, "capability": "read", "arguments": path }))),
    ] {
        let contained = arena.plan(plan).attack(Ending::Refused("plan.name"));
        let place = |index| ("plan.name".to_owned(), format!("/steps/{index}/{key}"));
        assert_eq!(violations(&contained.document), (0..LOOKALIKES.len()).map(place).collect::<Vec<_>>());
        // What is printed for the eye shows what is hidden.
        let told = contained.document["violations"].to_string();
        for hidden in ['\u{200b}', '\u{202e}', '\u{feff}', '\u{ad}', '\u{2066}'] {
            assert!(told.contains(&hidden.escape_default().to_string()) || !told.contains(hidden), "{told}");
        }
    }
    // A reference to a step that is not quite there, and an argument that is not quite the one.
    let reference = steps(&|index, name| {
        let path = json!({ "$step": name });
        json!({ "id": format!("s{index}"), "capability": "list", "arguments": { "path": path } })
    });
    let contained = arena.plan(reference).attack(Ending::Refused("plan.reference"));
    assert_eq!(violations(&contained.document).len(), LOOKALIKES.len());
    for (key, rule) in [
        ("p\u{430}th", "argument.unknown"),
        ("PATH", "argument.unknown"),
        ("path\u{200b}", "argument.unknown"),
        ("\u{ff04}step", "argument.unknown"),
    ] {
        arena.plan(json!([{ "id": "a", "capability": "list", "arguments": { key: "notes.md" } }]));
        let _contained = arena.attack(Ending::Refused(rule));
    }
    let _contained = arena.plan_text("{\"\u{441}law\":1,\"steps\":[]}").attack(Ending::Refused("plan.version"));
    // Names that are other names, though their letters are plain.
    let others = ["reed", "read-", "read_", "read-file", "rea", "reads", "re-ad", "lread"];
    arena.plan(others.iter().enumerate().map(|(n, o)| json!({ "id": format!("s{n}"), "capability": o })).collect());
    let contained = arena.attack(Ending::Refused("capability.unknown"));
    assert_eq!(violations(&contained.document).len(), others.len());
    // Nor has a policy such a name, so that a person who reads it sees what it says.
    arena.and("[capability.\"re\u{430}d\"]\ncomponent = \"builtin:read-file\"\ngrants = [\"in\"]");
    arena.attack(Ending::NotLoaded("policy.syntax"))
}

fn case_161_ids_are_each_their_own(arena: &mut Arena) -> Contained {
    const SECOND: &[(&str, &str)] = &[
        ("a", "plan.duplicate-id"),
        ("A", "plan.name"),
        ("\u{ff41}", "plan.name"),
        ("a ", "plan.name"),
        ("a\u{301}", "plan.name"),
        ("\u{e1}", "plan.name"),
        ("a\u{200d}", "plan.name"),
        ("a\0", "plan.name"),
    ];
    arena.tools();
    for (second, rule) in SECOND {
        arena.plan(json!([{ "id": "a", "capability": "list" }, { "id": second, "capability": "list" }]));
        let contained = arena.attack(Ending::Refused(rule));
        assert_eq!(violations(&contained.document), [((*rule).to_owned(), "/steps/1/id".to_owned())], "{second:?}");
    }
    // Every one after the first is told, and an id that is the same after reading is the same.
    let _contained = arena
        .plan_text(r#"{"claw":1,"steps":[{"id":"a","capability":"list"},{"id":"\u0061","capability":"list"}]}"#)
        .attack(Ending::Refused("plan.duplicate-id"));
    let ids = ["a", "b", "a", "c", "b", "a"];
    arena.plan(ids.iter().map(|id| json!({ "id": id, "capability": "list" })).collect());
    let contained = arena.attack(Ending::Refused("plan.duplicate-id"));
    let places: Vec<String> = violations(&contained.document).into_iter().map(|(_, at)| at).collect();
    assert_eq!(places, ["/steps/2/id", "/steps/4/id", "/steps/5/id"]);
    let ids = ["a", "a-", "a_", "aa", "a0", "step", "id"];
    arena.plan(ids.iter().map(|id| json!({ "id": id, "capability": "list" })).collect()).attack(Ending::Completed)
}
