//! Group K, what a policy decides: whatever its order, by parts of paths, by what it says and by nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::time::SystemTime;

use claw_policy::{Catalogue, Plan, Policy, Session};
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::program::{Place, copy, probe, repository, violations};

cases! {
    case_190_the_order_of_a_policy_decides_nothing
    case_192_a_folder_is_no_prefix_of_its_neighbour
    case_193_a_policy_that_others_can_write_is_not_read
    case_194_nothing_that_decides_is_in_a_folder_that_can_be_written
    case_196_what_is_allowed_apart_is_not_allowed_together
    case_197_nothing_allows_everything
    case_198_what_is_explained_is_what_is_decided
}

fn step(id: &str, capability: &str, arguments: Value) -> Value {
    json!({ "id": id, "capability": capability, "arguments": arguments })
}

fn write(capability: &str, path: &str) -> Value {
    json!([step("a", capability, json!({ "path": path, "text": "x" }))])
}

fn case_190_the_order_of_a_policy_decides_nothing(arena: &mut Arena) -> Contained {
    // A folder twice, each time with less than the other: what is called holds one of them, and not the sum.
    let twice = "[grant.md]\ndir = \"out\"\naccess = \"write\"\nfiles = [\"*.md\"]\naccepts = [\"in\"]\n\n\
        [grant.txt]\ndir = \"out\"\naccess = \"write\"\nfiles = [\"*.txt\"]\naccepts = [\"in\"]\n\n\
        [grant.again]\ndir = \"out\"\naccess = \"read\"\n\n\
        [capability.md]\n";
    let tables = "[capability.write-md]\ncomponent = \"builtin:write-file\"\ngrants = [\"md\"]\n\n\
        [capability.write-txt]\ncomponent = \"builtin:write-file\"\ngrants = [\"txt\"]\n\n\
        [capability.write-again]\ncomponent = \"builtin:write-file\"\ngrants = [\"again\"]\n\n\
        [task.reading]\nonly = [\"read\", \"list\"]\n\n[plan]\nbefore = [[\"read\", \"write-md\"]]\n";
    let twice = twice.trim_end_matches("[capability.md]\n");
    let whole = arena.tools().and(&format!("{twice}{tables}")).place.read("policy.toml");
    let read = step("r", "read", json!({ "path": "notes.md" }));
    let after = |steps: Value| json!([read, steps[0]]);
    let plans = [
        (after(write("write-md", "a.md")), Ending::Completed),
        (write("write-md", "a.md"), Ending::Refused("order.before")),
        (after(write("write-md", "a.txt")), Ending::Halted("path.files")),
        (after(write("write-txt", "a.md")), Ending::Halted("path.files")),
        (after(write("write-again", "a.md")), Ending::Halted("path.read-only")),
        (after(write("write", "a.rs")), Ending::Completed),
    ];
    let mut last = None;
    for (plan, ending) in &plans {
        last = Some(arena.plan(plan.clone()).attack(*ending));
    }
    let last = last.expect("there are plans");
    // What is left out for a run stays out, whichever names it is left out by.
    for arguments in [&["--only", "read,list"][..], &["--task", "reading"], &["--only", "read", "--task", "reading"]] {
        arena.arguments(arguments).plan(write("write", "a.md"));
        let _contained = arena.attack(Ending::Refused("capability.unknown"));
    }
    arena.arguments(&[]);
    let catalogue: Catalogue = serde_json::from_value(last.events[0]["catalogue"].clone()).expect("it is on record");
    let (first, rest) = whole.split_once("\n\n").expect("it begins with its name");
    let mut blocks: Vec<&str> = rest.trim_end().split("\n\n").collect();
    let expected = verdicts(&whole, &catalogue, &plans);
    for turn in 0..200 {
        let length = blocks.len();
        blocks.rotate_left(1 + turn % 5);
        blocks.swap(turn % length, (turn * 7 + 3) % length);
        let policy = format!("{first}\n\n{}\n", blocks.join("\n\n"));
        assert_eq!(verdicts(&policy, &catalogue, &plans), expected, "{policy}");
        if turn % 50 == 0 {
            let (plan, ending) = &plans[2 + turn / 50];
            let _contained = arena.policy(&policy).plan(plan.clone()).attack(*ending);
        }
    }
    last
}

/// What a policy says of each plan: the rules, and where.
fn verdicts(policy: &str, catalogue: &Catalogue, plans: &[(Value, Ending)]) -> Vec<Vec<(String, String)>> {
    let policy = Policy::parse(policy, catalogue).unwrap_or_else(|errors| panic!("{errors:?}: {policy}"));
    let policy = std::sync::Arc::new(policy);
    let session = Session::open(&policy, Default::default()).expect("it has no inputs");
    let verdict = |(plan, _): &(Value, Ending)| {
        let text = json!({ "claw": 1, "steps": plan }).to_string();
        let checked = Plan::parse(text.as_bytes(), &policy.limits)
            .and_then(|plan| policy.check(&session, plan, SystemTime::UNIX_EPOCH));
        let refusal = checked.err();
        let found = refusal.iter().flat_map(|refusal| refusal.violations());
        found.map(|violation| (violation.rule.to_owned(), violation.at.clone())).collect()
    };
    plans.iter().map(verdict).collect()
}

fn case_192_a_folder_is_no_prefix_of_its_neighbour(arena: &mut Arena) -> Contained {
    for name in ["in-secret", "in.bak", "inner", "in ", "IN", "i"] {
        arena.place.write(&format!("{name}/key.md"), arena.secret());
    }
    arena.tools();
    for path in ["../in-secret/key.md", "./../in-secret/key.md", "../inner/key.md", "notes.md/../../inner/key.md"] {
        let _contained =
            arena.plan(json!([step("a", "read", json!({ "path": path }))])).attack(Ending::Refused("argument.path"));
    }
    for path in ["-secret/key.md", "ner/key.md", ".bak/key.md", " /key.md", "in-secret/key.md", "..-secret/key.md"] {
        let _contained =
            arena.plan(json!([step("a", "read", json!({ "path": path }))])).attack(Ending::Failed("capability"));
    }
    // A link from one to the other leads out, though the names begin alike.
    symlink("../in-secret/key.md", arena.place.path("in/near")).expect("links can be made");
    symlink(arena.place.path("in-secret"), arena.place.path("in/near-folder")).expect("links can be made");
    for path in ["near", "near-folder/key.md"] {
        let _contained =
            arena.plan(json!([step("a", "read", json!({ "path": path }))])).attack(Ending::Halted("path.escape"));
    }
    // Nor is it one the other way: a policy in `out-policies` does not forbid to write into `out`.
    let policy = arena.place.read("policy.toml").replace("dir = \"", "dir = \"../");
    arena.place.write("out-policies/policy.toml", policy);
    let ran = ["run", "--policy", "out-policies/policy.toml", "--plan", "plan.json"];
    arena.plan(write("write", "a.md"));
    assert_eq!(arena.place.json(&ran).0, Some(0));
    arena.attack(Ending::Completed)
}

fn case_193_a_policy_that_others_can_write_is_not_read(arena: &mut Arena) -> Contained {
    const REFUSED: Ending = Ending::NotLoaded("policy.permissions");
    arena.tools().plan(json!([step("a", "list", json!({}))]));
    let (file, folder) = (arena.place.path("policy.toml"), arena.place.path(""));
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("modes can be set");
    };
    for bits in [0o666, 0o602, 0o646, 0o777, 0o1646] {
        mode(&file, bits);
        let _contained = arena.attack(REFUSED);
    }
    // So is one that lies where anyone can put another in its place, unless what lies there is its owner's.
    mode(&file, 0o600);
    mode(&folder, 0o777);
    let _contained = arena.attack(REFUSED);
    mode(&folder, 0o1777);
    let _contained = arena.attack(Ending::Completed);
    mode(&folder, 0o700);
    // By whatever name: a link to such a file, and a link in such a folder.
    fs::create_dir(arena.place.path("shared")).expect("folders can be made");
    fs::rename(&file, arena.place.path("shared/policy.toml")).expect("files can be moved");
    symlink("shared/policy.toml", &file).expect("links can be made");
    mode(&arena.place.path("shared"), 0o777);
    let _contained = arena.attack(REFUSED);
    mode(&arena.place.path("shared"), 0o700);
    mode(&file, 0o666);
    let _contained = arena.attack(REFUSED);
    mode(&file, 0o644);
    fs::rename(arena.place.path("shared/policy.toml"), arena.place.path("kept.toml")).expect("files can be moved");
    fs::remove_file(&file).and_then(|()| fs::rename(arena.place.path("kept.toml"), &file)).expect("and back");
    // Whoever owns it can write it whenever they like.
    if rustix::process::geteuid().is_root() {
        let stranger = Some(65_534);
        chown(&file, stranger, None).expect("root can give files away");
        let _contained = arena.attack(REFUSED);
        chown(&file, Some(0), stranger).expect("root can give files away");
        mode(&file, 0o660);
        let _contained = arena.attack(REFUSED);
        chown(&file, Some(0), Some(0)).expect("and take them back");
        mode(&file, 0o644);
    }
    arena.attack(Ending::Completed)
}

fn case_194_nothing_that_decides_is_in_a_folder_that_can_be_written(arena: &mut Arena) -> Contained {
    const REFUSED: Ending = Ending::NotLoaded("grant.protected");
    symlink(".", arena.place.path("link")).expect("links can be made");
    fs::create_dir(arena.place.path("tools")).expect("folders can be made");
    fs::copy(probe(), arena.place.path("tools/probe.wasm")).expect("files can be copied");
    let component = claw_policy::digest(&fs::read(probe()).expect("the probe is there"));
    let program = crate::program::program().parent().expect("a file is in a folder").to_owned();
    for out in [".", "..", "/", "link", "./out/..", "tools", "~/", program.to_str().expect("UTF-8")] {
        arena.tools().instead("dir = \"out\"", &format!("dir = \"{out}\"")).and(&format!(
            "[capability.probe]\ngrants = [\"in\"]\n\
             component = {{ path = \"tools/probe.wasm\", digest = \"{component}\" }}"
        ));
        let _contained = arena.attack(REFUSED);
    }
    // claw's own folders are granted to nobody, not even to be read, whether they are there yet or not.
    for folder in [".local/state/claw", ".cache/claw", ".cache", ".config/claw/policies"] {
        let place = Place::with_own_home();
        fs::create_dir_all(place.home().join(folder)).expect("folders can be made");
        let dir = place.home().join(folder);
        place.write("policy.toml", format!("claw = 1\nname = \"x\"\n[grant.own]\ndir = {dir:?}\naccess = \"read\"\n"));
        let (code, document) = place.json(&["policy", "explain", "policy.toml"]);
        let rule = document["error"]["rule"].as_str();
        assert_eq!((code, rule), (Some(2), Some("grant.protected")), "{folder}: {document:#}");
    }
    for folder in [".local/state/claw/runs", ".cache/claw/components", ".local/state"] {
        let dir = arena.place.home().join(folder);
        let _contained = arena.tools().instead("dir = \"in\"", &format!("dir = {dir:?}")).attack(REFUSED);
    }
    // A link that names the policy is not there either: whoever can write where it is can put another in its place.
    let policy = arena.tools().place.read("policy.toml").replace("dir = \"in\"", "dir = \"../in\"");
    arena.place.write("real/policy.toml", policy.replace("dir = \"out\"", "dir = \"../work\""));
    fs::create_dir(arena.place.path("work")).expect("folders can be made");
    symlink("../real/policy.toml", arena.place.path("work/policy.toml")).expect("links can be made");
    let (code, document) = arena.place.json(&["run", "--policy", "work/policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("grant.protected")), "{document:#}");
    arena.tools().plan(write("write", "policy.toml"));
    let contained = arena.attack(Ending::Completed);
    assert_eq!(arena.place.read("out/policy.toml"), "x", "a file of that name elsewhere is a file");
    contained
}

fn case_196_what_is_allowed_apart_is_not_allowed_together(arena: &mut Arena) -> Contained {
    fs::create_dir(arena.place.path("public")).expect("folders can be made");
    let public = "[grant.public]\ndir = \"public\"\naccess = \"write\"\n\n\
        [capability.publish]\ncomponent = \"builtin:write-file\"\ngrants = [\"public\"]\n\
        [capability.publish.argument]\npath = { format = \"path\", from = [\"any\"] }\ntext = { from = [\"any\"] }\n";
    arena.changing("public").tools().and(public);
    let read = |id: &str| step(id, "read", json!({ "path": "notes.md" }));
    for (text, path) in [(json!({ "$step": "a" }), json!("x.md")), (json!("x"), json!({ "$step": "a" }))] {
        arena.plan(json!([read("a"), step("b", "publish", json!({ "path": path, "text": text }))]));
        let _contained = arena.attack(Ending::Refused("sink.accepts"));
    }
    // Not in two hops either: what was written can be read back.
    arena.and("[capability.reread]\ncomponent = \"builtin:read-file\"\ngrants = [\"out\"]");
    arena.plan(json!([
        read("a"),
        step("b", "write", json!({ "path": "x.md", "text": { "$step": "a" } })),
        step("c", "reread", json!({ "path": "x.md" })),
        step("d", "publish", json!({ "path": "x.md", "text": { "$step": "c" } })),
    ]));
    let _contained = arena.attack(Ending::Refused("sink.accepts"));
    // A component that by itself could carry one to the other does not load, nor a policy that breaks its own promise.
    arena.tools().and(public).instead("grants = [\"public\"]", "grants = [\"public\", \"in\"]");
    let _contained = arena.attack(Ending::NotLoaded("policy.flow"));
    arena.tools().and("[prove]\nnever = [\"in -> out\"]");
    let _contained = arena.attack(Ending::NotLoaded("policy.never"));
    // What is apart stays allowed.
    arena.tools().and(&format!("{public}\n[prove]\nnever = [\"in -> public\"]"));
    arena.plan(json!([read("a"), step("b", "publish", json!({ "path": "x.md", "text": "x" }))]));
    arena.attack(Ending::Completed)
}

fn case_197_nothing_allows_everything(arena: &mut Arena) -> Contained {
    arena.tools().plan(json!([step("a", "list", json!({}))]));
    for arguments in [
        &["--allow-all"][..],
        &["--dev"],
        &["--yes"],
        &["-y"],
        &["--force"],
        &["--no-sandbox"],
        &["--unsafe"],
        &["--insecure"],
        &["--skip-policy"],
        &["--policy", "policy.toml"],
        &["--allow", "read"],
        &["--grant", "in=."],
        &["--dir", "in=."],
        &["--limits", "none"],
        &["--mode=dev"],
    ] {
        let _contained = arena.arguments(arguments).attack(Ending::NotLoaded("usage"));
    }
    arena.arguments(&[]);
    for (old, new) in [
        ("name = \"arena\"", "name = \"arena\"\nmode = \"dev\""),
        ("name = \"arena\"", "name = \"arena\"\nallow-all = true"),
        ("name = \"arena\"", "name = \"*\""),
        ("dir = \"in\"", "dir = \"*\""),
        ("dir = \"in\"", "dir = \"\""),
        ("access = \"read\"", "access = \"all\""),
        ("access = \"read\"", "access = \"*\""),
        ("grants = [\"in\"]", "grants = [\"*\"]"),
        ("grants = [\"in\"]", "grants = \"all\""),
        ("accepts = [\"in\"]", "accepts = [\"*\"]"),
        ("accepts = [\"in\"]", "accepts = [\"any\"]"),
        ("[capability.list]", "[capability.\"*\"]"),
        ("builtin:list-files", "builtin:*"),
        ("builtin:list-files", "*"),
        ("[capability.list]", "[planner]\nshows = [\"*\"]\n[capability.list]"),
        ("[capability.list]", "[input.x]\norigin = [\"any\"]\n[capability.list]"),
        ("[capability.read]", "[capability.list.argument]\npath = { from = [\"*\"] }\npattern = {}\n[capability.read]"),
        (
            "[capability.read]",
            "[capability.list.argument]\npath = { ask = [\"any\"] }\npattern = {}\n[capability.read]",
        ),
    ] {
        let _contained = arena.tools().instead(old, new).attack_any(&[
            Ending::NotLoaded("policy.syntax"),
            Ending::NotLoaded("policy.name"),
            Ending::NotLoaded("policy.schema"),
            Ending::NotLoaded("policy.grant"),
            Ending::NotLoaded("grant.folder"),
            Ending::NotLoaded("grant.protected"),
            Ending::NotLoaded("component.unknown"),
        ]);
    }
    arena.tools().attack(Ending::Completed)
}

/// A check, a run, a policy's own test, and the record, over every attack of an example: they say the same.
fn case_198_what_is_explained_is_what_is_decided(arena: &mut Arena) -> Contained {
    copy(&repository().join("examples/meeting-notes"), &arena.changing("public").place.path(""));
    let policy = arena.place.read("policy.toml");
    let mut attacks: Vec<String> = fs::read_dir(arena.place.path("attacks"))
        .expect("the attacks are there")
        .map(|attack| attack.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    attacks.sort();
    let input = ["--input", "report=report.md"];
    let mut tests = String::new();
    for attack in &attacks {
        let plan = arena.place.read(&format!("attacks/{attack}"));
        arena.plan_text(plan).arguments(&input);
        let check = ["check", "--policy", "policy.toml", "--plan", "plan.json"];
        let (_, checked) = arena.place.json(&[&check[..], &input[..]].concat());
        let said = violations(&checked);
        let ending = match said.first() {
            Some((rule, _)) => Ending::Refused(rule.clone().leak()),
            // What only the running step shows.
            None => Ending::Halted("path.escape"),
        };
        let contained = arena.attack_any(&[
            ending,
            Ending::Halted("path.files"),
            Ending::Halted("path.hidden"),
            Ending::Halted("argument.path"),
        ]);
        if let Some((rule, _)) = said.first() {
            assert_eq!(violations(&contained.document), said, "{attack}: a check says what a run says");
            tests.push_str(&format!(
                "[[test]]\nplan = \"attacks/{attack}\"\nverdict = \"refused\"\nrule = \"{rule}\"\n"
            ));
            tests.push_str("input = { report = \"report.md\" }\n");
        }
    }
    assert!(tests.matches("[[test]]").count() > 15, "{tests}");
    arena.policy(&format!("{policy}\n{tests}"));
    let (code, tested) = arena.place.json(&["policy", "test", "policy.toml"]);
    assert_eq!(code, Some(0), "a policy's tests give what they gave: {tested:#}");
    // A test that says another verdict is a policy that does not load.
    arena.policy(&format!(
        "{policy}\n{}",
        tests.replacen("\"refused\"", "\"accepted\"", 1).replacen("rule", "# rule", 1)
    ));
    let _contained = arena.attack(Ending::NotLoaded("policy.test"));
    let plan = fs::read(repository().join("examples/meeting-notes/plan.json")).expect("it is there");
    arena.policy(&policy).plan_text(plan).attack(Ending::Completed)
}
