//! Group K, the text of a policy: what is missing, misspelled, twice or without bound allows nothing.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use claw_policy::limits::LIMITS;
use claw_policy::{Catalogue, Policy};
use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_187_a_policy_that_is_not_whole_allows_nothing
    case_188_a_key_that_is_not_known_or_not_of_its_type_is_an_error
    case_189_a_policy_has_one_reading
    case_195_limits_are_bounded_and_never_off
}

/// Has the tools, and a plan that uses the last of them.
fn writing(arena: &mut Arena) -> &mut Arena {
    arena.plan(json!([{ "id": "a", "capability": "write", "arguments": { "path": "a.md", "text": "x" } }]));
    arena.tools()
}

fn case_187_a_policy_that_is_not_whole_allows_nothing(arena: &mut Arena) -> Contained {
    const NOTHING: &[Ending] = &[
        Ending::NotLoaded("policy.syntax"),
        Ending::NotLoaded("policy.read"),
        Ending::NotLoaded("policy.size"),
        Ending::NotLoaded("policy.name"),
        Ending::NotLoaded("policy.grant"),
        Ending::NotLoaded("component.import"),
        Ending::NotLoaded("component.unknown"),
        Ending::Refused("capability.unknown"),
    ];
    let whole = writing(arena).place.read("policy.toml");
    for policy in ["", "\n", "# claw = 1", "claw = 1", "name = \"x\"", "claw = 1\nname = \"empty\"\n"] {
        let _contained = arena.policy(policy).attack_any(NOTHING);
    }
    let last = whole.rfind("\"out\"]").expect("the last line grants it");
    for end in (1..=last).rev().step_by(37) {
        let _contained = arena.policy(&whole[..end]).attack_any(NOTHING);
    }
    for bytes in [&b"\0"[..], b"\xff\xfe", b"claw = 1\nname = \"\xe9\"", b"\x7fELF\x02\x01"] {
        arena.place.write("policy.toml", bytes);
        let _contained = arena.attack_any(NOTHING);
    }
    let file = arena.place.path("policy.toml");
    File::create(&file).and_then(|file| file.set_len(1 << 30)).expect("sparse files can be made");
    let _contained = arena.attack(Ending::NotLoaded("policy.size"));
    // Nothing that is there in place of a file is waited for or followed in circles.
    let replacements: [&dyn Fn(); 4] = [
        &|| fs::create_dir(&file).unwrap(),
        &|| symlink("absent.toml", &file).unwrap(),
        &|| symlink("policy.toml", &file).unwrap(),
        &|| rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap(),
    ];
    let remove = || fs::remove_file(&file).or_else(|_| fs::remove_dir(&file)).expect("it is there");
    remove();
    let _contained = arena.attack(Ending::NotLoaded("policy.read"));
    for replace in replacements {
        replace();
        let _contained = arena.attack(Ending::NotLoaded("policy.read"));
        remove();
    }
    assert_eq!(fs::read_dir(arena.place.path("out")).expect("it is there").count(), 0, "nothing was written");
    arena.policy(&whole).attack(Ending::Completed)
}

/// A policy that has most of the keys that there are.
const RICH: &str = r#"claw = 1
name = "rich"

[labels]
secrecy = ["private"]
origin = ["strangers"]

[input.report]
type = "string"
pattern = "[a-z]+"
minLength = 1
maxLength = 9
secrecy = ["private"]
origin = ["strangers"]

[grant.in]
dir = "in"
access = "read"
mount = "/"
secrecy = ["private"]
origin = ["strangers"]

[grant.out]
dir = "out"
access = "write"
create = true
dotfiles = false
files = ["*.md"]
accepts = ["private"]
place = "outside"

[capability.read]
component = "builtin:read-file"
function = "read"
grants = ["in"]
calls = 3
output = "json"
inert = []

[capability.read.argument]
path = { format = "path", from = ["planner"], maxBytes = 99 }

[capability.read.limits]
fuel = 1_000_000_000
time = "5s"

[capability.write]
component = "builtin:write-file"
grants = ["out"]
approve = "never"

[capability.write.argument]
path = { format = "path", from = ["planner"] }
text = { from = ["planner"], ask = ["strangers"] }

[limits]
plan-bytes = "64KiB"
written = 1_000

[plan]
steps = 4
before = [["read", "write"]]
after = [["read", "write"]]
strict = true

[planner]
shows = ["write"]
accepts = ["private"]

[prove]
never = ["strangers -> write.path"]

[task.reading]
only = ["read"]
calls = { read = 1 }
"#;

fn case_188_a_key_that_is_not_known_or_not_of_its_type_is_an_error(arena: &mut Arena) -> Contained {
    arena.policy(RICH).plan(json!([{ "id": "a", "capability": "read", "arguments": { "path": "data.json" } }]));
    arena.place.write("in/data.json", "{}");
    let contained = arena.attack(Ending::Completed);
    let catalogue: Catalogue =
        serde_json::from_value(contained.events[0]["catalogue"].clone()).expect("it is on record");
    assert!(Policy::parse(RICH, &catalogue).is_ok());
    let mut wrong = Vec::new();
    for (at, _) in RICH.match_indices(" = ") {
        let start = RICH[..at].rfind(['\n', ' ']).map_or(0, |before| before + 1);
        let key = &RICH[start..at];
        let (before, after) = (&RICH[..start], &RICH[at..]);
        let cut = &key[..key.len() - 1];
        for typo in
            [cut, &format!("{key}s"), &format!("{key}-"), &key.to_uppercase(), &format!("_{key}"), "allow", "deny"]
        {
            wrong.push(format!("{before}{typo}{after}"));
        }
        let value = after[3..].split('\n').next().expect("a line");
        let others: &[&str] = match value.as_bytes()[0] {
            // A limit is a number too.
            b'"' if value.as_bytes()[1].is_ascii_digit() => &["true", "[1]", "{ x = 1 }"],
            b'"' => &["1", "true", "[1]", "{ x = 1 }", "1979-05-27"],
            b't' | b'f' => &["1", "\"true\"", "[]", "\"yes\""],
            b'[' => &["1", "true", "\"in\"", "{ x = 1 }", "[1]", "[[[]]]"],
            b'{' => &["1", "true", "\"in\""],
            _ => &["true", "[1]", "1.5", "\"\"", "nan"],
        };
        // In a table on one line there is more behind the value.
        if RICH[..start].ends_with('\n') {
            wrong.extend(others.iter().map(|other| format!("{before}{key} = {other}{}", &after[3 + value.len()..])));
        }
    }
    assert!(wrong.len() > 400, "{}", wrong.len());
    for policy in &wrong {
        assert!(Policy::parse(policy, &catalogue).is_err(), "{policy}");
    }
    // A table that is misspelled is no table that is left out.
    for table in ["grant", "capability", "limits", "planner", "prove", "task", "input", "labels", "plan"] {
        let policy = RICH.replacen(&format!("[{table}"), &format!("[{table}x"), 1);
        assert!(policy != RICH && Policy::parse(&policy, &catalogue).is_err(), "{table}");
    }
    for policy in wrong.iter().step_by(wrong.len() / 12) {
        let _contained = arena.policy(policy).attack_any(&[
            Ending::NotLoaded("policy.syntax"),
            Ending::NotLoaded("policy.schema"),
            Ending::NotLoaded("policy.limit"),
            Ending::NotLoaded("policy.name"),
            Ending::NotLoaded("policy.argument"),
            Ending::NotLoaded("policy.grant"),
        ]);
    }
    contained
}

fn case_189_a_policy_has_one_reading(arena: &mut Arena) -> Contained {
    let base = writing(arena).place.read("policy.toml");
    let with = |more: &str| format!("{base}\n{more}\n");
    let deep = 100_000;
    let policies = [
        with("[grant.in]\ndir = \"sentinel\"\naccess = \"read\""),
        with("[\"grant\".in]\ndir = \"sentinel\""),
        with("[grant.\"i\\u006e\"]\ndir = \"sentinel\"\naccess = \"read\""),
        with("[capability.write]\ngrants = []"),
        base.replace("access = \"read\"", "access = \"read\"\naccess = \"write\""),
        base.replace("access = \"read\"", "access = \"read\"\n\"access\" = \"write\""),
        base.replace("access = \"read\"", "access = \"read\"\n\"acce\\u0073s\" = \"write\""),
        base.replace("access = \"read\"", "access = \"read\"\n'access' = \"write\""),
        base.replace("name = \"arena\"", "name = \"arena\"\ngrant.in.access = \"write\""),
        base.replace("[grant.in]", "[[grant.in]]"),
        with("[capability.list.argument]\npath = { from = [\"any\"] }\npath.from = [\"user\"]"),
        base.replace("access = \"read\"", "access = read"),
        base.replace("dir = \"in\"", "dir: in"),
        base.replace('\n', "\r"),
        base.replace("claw = 1", "claw = 1 name = \"x\""),
        base.replace("[grant.in]", "[grant.in"),
        base.replace("[grant.in]", "[grant.\u{456}n]"),
        base.replace("claw = 1", "claw = 01"),
        base.replace("claw = 1", "claw = \"1\""),
        base.replace("claw = 1", "claw = 1.0"),
        with("# a comment with \u{1}"),
        json!({ "claw": 1, "name": "x", "grant": {} }).to_string(),
        "claw: 1\nname: x\ngrant: &a\n  <<: *a\n".to_owned(),
        "--- !!python/object:os.system\nclaw: 1\n".to_owned(),
        format!("claw = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("claw = {}", "{ a = ".repeat(deep)),
        format!("claw = 1\nname = \"x\"\n{}a = 1", "a.".repeat(deep)),
        format!("claw = 1\nname = \"x\"\n[{}a]", "a.".repeat(deep)),
        with(&format!("[capability.list.argument]\npath.{}from = 1", "items.".repeat(deep))),
    ];
    for policy in &policies {
        let _contained = arena.policy(policy).attack_any(&[Ending::NotLoaded("policy.syntax")]);
    }
    arena.policy(&base).attack(Ending::Completed)
}

fn case_195_limits_are_bounded_and_never_off(arena: &mut Arena) -> Contained {
    const BAD: &[&str] = &[
        "0",
        "-1",
        "1e30",
        "1.5",
        "inf",
        "-inf",
        "nan",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "99999999999999999999",
        "true",
        "false",
        "[]",
        "{}",
        "\"\"",
        "\"0\"",
        "\"-1\"",
        "\"unlimited\"",
        "\"none\"",
        "\"max\"",
        "\"infinite\"",
        "\"64 parsecs\"",
        "\"1e3\"",
        "\"+1s\"",
        "\"1.5s\"",
        "\"1 h\"",
        "\"18446744073709551616B\"",
        "\"999999999999GiB\"",
        "\"18446744073709551615min\"",
        "\"0x10\"",
        "\"1KiB1\"",
        "\"KiB\"",
        "\"\u{661}s\"",
    ];
    for row in LIMITS {
        let most = format!("{}", row.most + 1);
        for value in BAD.iter().copied().chain([most.as_str()]) {
            let policy = format!("claw = 1\nname = \"x\"\n[limits]\n{} = {value}\n", row.name);
            assert!(Policy::parse(&policy, &Catalogue::default()).is_err(), "{policy}");
        }
        assert!(row.default > 0 && row.default <= row.most && row.most < u64::MAX, "{}", row.name);
    }
    let base = writing(arena).place.read("policy.toml");
    for value in BAD.iter().step_by(3) {
        let _contained = arena
            .policy(&format!("{base}\n[capability.write.limits]\nfuel = {value}\n"))
            .attack_any(&[Ending::NotLoaded("policy.limit"), Ending::NotLoaded("policy.syntax")]);
    }
    for lines in [
        "[plan]\nsteps = 0",
        "[plan]\nsteps = -1",
        "[plan]\nsteps = 9223372036854775808",
        "[capability.other]\ncomponent = \"builtin:list-files\"\ngrants = [\"in\"]\ncalls = 0",
        "[capability.other]\ncomponent = \"builtin:list-files\"\ngrants = [\"in\"]\ncalls = -3",
        "[input.x]\ntype = \"string\"\nmaxLength = -1",
        "[input.x]\ntype = \"string\"\nmaxLength = 1e3",
        "[input.x]\ntype = \"number\"\nmaximum = inf",
        "[limits]\nwall = \"1s\"",
        "[capability.write.limits]\nwritten = 1",
    ] {
        let _contained = arena.policy(&format!("{base}\n{lines}\n")).attack_any(&[
            Ending::NotLoaded("policy.value"),
            Ending::NotLoaded("policy.syntax"),
            Ending::NotLoaded("policy.schema"),
            Ending::NotLoaded("policy.limit"),
        ]);
    }
    // What is not set has its default.
    let contained = arena.policy(&base).attack(Ending::Completed);
    let (_, explained) = arena.place.json(&["policy", "explain", "policy.toml"]);
    for row in LIMITS {
        assert_eq!(explained["limits"][row.name], row.default);
    }
    contained
}
