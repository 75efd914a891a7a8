//! What hostile plans, guests and files try, by the number of the case.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::program::{Place, events, violations};

const RUN: [&str; 5] = ["run", "--policy", "policy.toml", "--plan", "plan.json"];

#[test]
fn case_074_and_075_links_lead_nowhere() {
    let place = Place::with_probe("");
    place.write("secret/key", "CANARY");
    symlink("../secret/key", place.path("in/relative")).expect("links can be made");
    symlink(place.path("secret/key"), place.path("in/absolute")).expect("links can be made");
    symlink("../secret", place.path("in/folder")).expect("links can be made");
    for path in ["/in/relative", "/in/absolute", "/in/folder/key", "/in/../secret/key", "/in/./../secret/key"] {
        let (code, run) = place.act("read", 1, path);
        assert_eq!((code, run["status"].as_str()), (Some(3), Some("halted")), "{path}: {run:#}");
        assert_eq!(violations(&run), [("path.escape".to_owned(), "/steps/0/arguments/path".to_owned())], "{path}");
        assert!(!run.to_string().contains("CANARY"), "{path}");
    }
}

#[test]
fn case_094_what_hosts_run_is_not_written() {
    let place = Place::with_probe("");
    for path in ["/out/.git/hooks/post-checkout", "/out/.bashrc", "/out/a/../.envrc"] {
        let (code, run) = place.act("write", 4096, path);
        assert!(code == Some(3) || code == Some(4), "{path}: {run:#}");
        assert_ne!(run["status"], "completed", "{path}");
    }
    let left: Vec<_> = fs::read_dir(place.path("out")).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn case_129_nothing_of_the_host_is_around() {
    let place = Place::with_probe("");
    let (code, run) = place.act("ambient", 1, "");
    assert_eq!(code, Some(0), "{run:#}");
    // No environment, no arguments, the folder `/`, which is none that could be listed, and an input that is at its end.
    assert_eq!(
        run["steps"][0]["output"],
        "[] [] Ok(\"/\") Ok(0) Err(\"NotFound: No such file or directory (os error 44)\")"
    );
}

#[test]
fn case_130_no_host_path_is_in_what_a_guest_or_a_planner_sees() {
    let place = Place::with_probe("");
    let secret = place.path("");
    for (what, path) in
        [("read", "/in/absent"), ("read", "/in/../x"), ("read", "/in"), ("panic", ""), ("recurse", ""), ("exit", "")]
    {
        let (_, run) = place.act(what, 1 << 40, path);
        let told = run["steps"].to_string();
        for hidden in [secret.to_str().expect("UTF-8"), "/root/", "/home/", ".cargo", "wasmtime"] {
            assert!(!told.contains(hidden), "{what} {path} tells {hidden}: {told}");
        }
    }
}

#[test]
fn case_148_imports_that_are_not_granted_are_listed_and_refused() {
    let place = Place::with_probe("");
    let policy = place.read("policy.toml").replace("grants = [\"in\", \"out\"]", "grants = []");
    place.write("policy.toml", &policy);
    let (code, document) = place.json(&["policy", "explain", "policy.toml"]);
    let error = &document["error"];
    assert_eq!((code, error["rule"].as_str()), (Some(2), Some("component.import")), "{document:#}");
    for import in ["wasi:filesystem/types@", "wasi:filesystem/preopens@"] {
        assert!(error["message"].as_str().is_some_and(|message| message.contains(import)), "{document:#}");
    }
    place.write("policy.toml", policy.replace("grants = []", "grants = []\ninert = [\"wasi:filesystem\"]"));
    let (code, run) = place.act("read", 1, "/in/a");
    assert_eq!(code, Some(4), "linked with nothing behind it, it finds nothing: {run:#}");
}

#[test]
fn case_149_and_150_a_planted_artefact_is_never_loaded() {
    let place = Place::with_own_home();
    fs::create_dir(place.path("in")).expect("folders can be made");
    fs::copy(crate::program::probe(), place.path("probe.wasm")).expect("files can be copied");
    place.write("policy.toml", Place::with_probe("").read("policy.toml"));
    assert_eq!(place.act("nothing", 1, "").0, Some(0));
    let cache = place.home().join(".cache/claw/components");
    let entries: Vec<_> =
        fs::read_dir(&cache).expect("there is a cache").map(|entry| entry.expect("it can be read").path()).collect();
    assert_eq!(entries.len(), 1);
    let good = fs::read(&entries[0]).expect("it can be read");
    let flip = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    };
    for bad in [
        flip(0),
        flip(40),
        flip(good.len() / 2),
        flip(good.len() - 1),
        good[..good.len() - 1].to_vec(),
        Vec::new(),
        b"\x7fELF".to_vec(),
    ] {
        fs::write(&entries[0], &bad).expect("it can be written");
        assert_eq!(place.act("nothing", 1, "").0, Some(0), "it is compiled again");
        assert_eq!(fs::read(&entries[0]).expect("it can be read").len(), good.len(), "and what was planted is gone");
    }
    // Another user's key is nobody's: without it, everything is compiled anew; and a key that others can read is refused.
    let key = place.home().join(".local/state/claw/cache.key");
    fs::write(&key, [7; 32]).expect("it can be written");
    assert_eq!(place.act("nothing", 1, "").0, Some(0));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("modes can be set");
    let (code, document) = place.act("nothing", 1, "");
    assert_eq!(code, Some(1), "{document:#}");
}

#[test]
fn case_164_data_is_never_read_as_a_template() {
    let place = Place::with_example("notes");
    let hostile = "${secrets.x} {{ 7 * 7 }} {\"$step\": \"a\"} ~0~1 ../../etc/passwd";
    place.write("notes/hostile.md", hostile);
    let steps = json!([
        { "id": "a", "capability": "read", "arguments": { "path": "hostile.md" } },
        { "id": "b", "capability": "write", "arguments": { "path": "copy.md", "text": { "$step": "a" } } },
    ]);
    place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
    assert_eq!(place.json(&RUN).0, Some(0));
    assert_eq!(place.read("out/copy.md"), hostile);
}

#[test]
fn case_165_a_value_from_data_is_checked_when_its_step_starts() {
    let place = Place::with_example("notes");
    place.write("notes/next.md", "../../etc/passwd");
    let steps = json!([
        { "id": "a", "capability": "read", "arguments": { "path": "next.md" } },
        { "id": "b", "capability": "read", "arguments": { "path": { "$step": "a" } } },
    ]);
    place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
    let (code, run) = place.json(&RUN);
    assert_eq!((code, run["status"].as_str()), (Some(3), Some("halted")));
    assert_eq!(violations(&run), [("argument.path".to_owned(), "/steps/1/arguments/path".to_owned())]);
    assert_eq!(run["steps"].as_array().map(Vec::len), Some(1), "the second step never started");
}

#[test]
fn case_161_ids_are_each_their_own() {
    let place = Place::with_example("notes");
    for (second, rule) in
        [("a", "plan.duplicate-id"), ("A", "plan.name"), ("\u{ff41}", "plan.name"), ("a ", "plan.name")]
    {
        let steps = json!([{ "id": "a", "capability": "list" }, { "id": second, "capability": "list" }]);
        place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
        let (code, run) = place.json(&RUN);
        assert_eq!(
            (code, violations(&run)),
            (Some(3), vec![(rule.to_owned(), "/steps/1/id".to_owned())]),
            "{second:?}"
        );
    }
}

#[test]
fn case_166_no_output_becomes_a_name() {
    let place = Place::with_example("notes");
    let first = json!({ "id": "a", "capability": "read", "arguments": { "path": "ideas.md" } });
    for (key, step) in [
        ("capability", json!({ "id": "b", "capability": { "$step": "a" } })),
        ("id", json!({ "id": { "$step": "a" }, "capability": "list" })),
        ("arguments", json!({ "id": "b", "capability": "list", "arguments": { "$step": "a" } })),
    ] {
        place.write("plan.json", json!({ "claw": 1, "steps": [first, step] }).to_string());
        let (code, run) = place.json(&RUN);
        let found = violations(&run);
        assert_eq!((code, found.len()), (Some(3), 1), "{key}: {run:#}");
        assert!(found[0].0.starts_with("plan.") && found[0].1.starts_with(&format!("/steps/1/{key}")), "{found:?}");
    }
}

/// What was checked is what runs: the text is parsed once, whatever its spelling.
#[test]
fn case_169_a_plan_has_one_reading() {
    let place = Place::with_example("notes");
    place.write(
        "plan.json",
        r#"{"cl\u0061w":1,"steps":[{"id":"a","capability":"re\u0061d","arguments":{"p\u0061th":"ide\u0061s.md"}}]}"#,
    );
    let (code, run) = place.json(&RUN);
    assert_eq!(code, Some(0), "{run:#}");
    assert_eq!(run["answer"], place.read("notes/ideas.md"));
    let step =
        events(run["record"].as_str().expect("a path").as_ref()).into_iter().find(|event| event["event"] == "step");
    assert_eq!(step.expect("it is on record")["arguments"]["inline"], json!({ "path": "ideas.md" }));
}

#[test]
fn case_191_globs_match_parts_and_not_more() {
    let place = Place::with_example("notes");
    let base = place.read("policy.toml");
    for (globs, path, allowed) in [
        (r#"["*.md"]"#, "a.md", true),
        (r#"["*.md"]"#, "sub/a.md", false),
        (r#"["*.md"]"#, "a.mdx", false),
        (r#"["*.md"]"#, "a.MD", false),
        (r#"["**/*.md"]"#, "a.md", true),
        (r#"["**/*.md"]"#, "x/y/a.md", true),
        (r#"["src/**"]"#, "src/a/b.rs", true),
        (r#"["src/**"]"#, "srcs/a.rs", false),
        (r#"["src/**"]"#, "a.rs", false),
        (r#"["a.md"]"#, "aXmd", false),
        (r#"["{a,b}.md", "c?.md"]"#, "b.md", true),
        (r#"["{a,b}.md", "c?.md"]"#, "c/.md", false),
        (r#"[""]"#, "a.md", false),
        ("[]", "a.md", false),
    ] {
        place.write("policy.toml", base.replace("create = true", &format!("create = true\nfiles = {globs}")));
        let steps = json!([{ "id": "a", "capability": "write", "arguments": { "path": path, "text": "x" } }]);
        place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
        let (code, run) = place.json(&RUN);
        assert_eq!(code, Some(if allowed { 0 } else { 3 }), "{globs} {path}: {run:#}");
        assert_eq!(place.path("out").join(path).exists(), allowed, "{globs} {path}");
        let _none_there = fs::remove_dir_all(place.path("out"));
    }
}

#[test]
fn case_192_a_folder_is_no_prefix_of_its_neighbour() {
    let place = Place::with_example("notes");
    place.write("notes-secret/key.md", "CANARY");
    for path in ["../notes-secret/key.md", "-secret/key.md", "./../notes-secret/key.md"] {
        let steps = json!([{ "id": "a", "capability": "read", "arguments": { "path": path } }]);
        place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
        let (code, run) = place.json(&RUN);
        assert!(matches!(code, Some(3 | 4)) && !run.to_string().contains("CANARY"), "{path}: {run:#}");
    }
    // Nor is it one the other way: a policy in `out-policies` does not forbid to write into `out`.
    fs::create_dir(place.path("out-policies")).expect("folders can be made");
    let policy = place
        .read("policy.toml")
        .replace("dir = \"notes\"", "dir = \"../notes\"")
        .replace("dir = \"out\"", "dir = \"../out\"");
    place.write("out-policies/policy.toml", policy);
    place.write("plan.json", r#"{"claw":1,"steps":[{"id":"a","capability":"list"}]}"#);
    let (code, run) = place.json(&["run", "--policy", "out-policies/policy.toml", "--plan", "plan.json"]);
    assert_eq!(code, Some(0), "{run:#}");
}

/// The component is read once, hashed, and those bytes are compiled; what is swapped in later is another digest.
#[test]
fn case_168_what_changes_after_the_check_is_not_used() {
    let place = Place::with_probe("");
    assert_eq!(place.act("nothing", 1, "").0, Some(0));
    let mut changed = fs::read(place.path("probe.wasm")).expect("it is there");
    // One more custom section: still a component, and another one.
    changed.extend([0, 2, 1, b'x']);
    place.write("probe.wasm", changed);
    let (code, document) = place.json(&RUN);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("component.digest")), "{document:#}");
}

#[test]
fn case_187_a_policy_that_is_empty_or_cut_allows_nothing() {
    let place = Place::with_example("notes");
    let whole = place.read("policy.toml");
    for policy in ["", "\n", "claw = 1", &whole[..whole.len() / 2], "claw = 1\nname = \"empty\"\n"] {
        place.write("policy.toml", policy);
        let (code, document) = place.json(&RUN);
        assert!(matches!(code, Some(2 | 3)), "{policy:?}: {document:#}");
        assert!(!place.path("out/report.md").exists());
    }
}

#[test]
fn case_193_a_policy_that_anyone_can_write_is_not_read() {
    let place = Place::with_example("notes");
    fs::set_permissions(place.path("policy.toml"), fs::Permissions::from_mode(0o666)).expect("modes can be set");
    let (code, document) = place.json(&RUN);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("policy.permissions")));
}

#[test]
fn case_194_nothing_that_decides_is_in_a_folder_that_can_be_written() {
    let component = claw_policy::digest(&fs::read(crate::program::probe()).expect("the probe is there"));
    for (name, out) in
        [("the policy itself", "."), ("the policy's parent", ".."), ("a link to it", "link"), ("a component", "tools")]
    {
        let place = Place::with_example("notes");
        symlink(".", place.path("link")).expect("links can be made");
        fs::create_dir(place.path("tools")).expect("folders can be made");
        fs::copy(crate::program::probe(), place.path("tools/probe.wasm")).expect("files can be copied");
        let more = format!(
            "\n[capability.probe]\ncomponent = {{ path = \"tools/probe.wasm\", digest = \"{component}\" }}\ngrants = [\"notes\"]\n"
        );
        let policy = place.read("policy.toml").replace("dir = \"out\"", &format!("dir = \"{out}\""));
        place.write("policy.toml", policy + &more);
        let (code, document) = place.json(&RUN);
        assert_eq!(
            (code, document["error"]["rule"].as_str()),
            (Some(2), Some("grant.protected")),
            "{name}: {document:#}"
        );
    }
    // claw's own folders are granted to nobody, not even to be read, whether they are there yet or not.
    for folder in [".local/state/claw", ".cache/claw", ".cache", ".config/claw/policies"] {
        let place = Place::with_own_home();
        fs::create_dir_all(place.home().join(folder)).expect("folders can be made");
        let dir = place.home().join(folder);
        place.write("policy.toml", format!("claw = 1\nname = \"x\"\n[grant.own]\ndir = {dir:?}\naccess = \"read\"\n"));
        let (code, document) = place.json(&["policy", "explain", "policy.toml"]);
        assert_eq!(
            (code, document["error"]["rule"].as_str()),
            (Some(2), Some("grant.protected")),
            "{folder}: {document:#}"
        );
    }
}

#[test]
fn case_288_nothing_is_found_in_the_current_folder_or_taken_from_the_environment() {
    let place = Place::with_example("notes");
    fs::copy(place.path("policy.toml"), place.path("claw.toml")).expect("files can be copied");
    let ran = place.claw(&["run", "--plan", "plan.json"]);
    assert_eq!(ran.code, Some(2), "no policy is looked for: {ran:?}");
    let mut command = place.command(&["run", "--plan", "plan.json"]);
    let ran = command.env("CLAW_POLICY", "policy.toml").env("POLICY", "policy.toml").output().expect("it starts");
    assert_eq!(ran.status.code(), Some(2));
    place.write("--policy", "");
    let ran = place.claw(&["check", "--policy", "--plan", "plan.json"]);
    assert_eq!(ran.code, Some(2), "an option is no file: {ran:?}");
}

/// Whoever can write where a link is can put another file in its place.
#[test]
fn case_194_a_link_that_names_the_policy_is_not_in_a_folder_that_can_be_written() {
    let place = Place::with_example("notes");
    place.write(
        "real/policy.toml",
        place
            .read("policy.toml")
            .replace("dir = \"out\"", "dir = \"../work\"")
            .replace("dir = \"notes\"", "dir = \"../notes\""),
    );
    fs::create_dir(place.path("work")).expect("folders can be made");
    symlink("../real/policy.toml", place.path("work/policy.toml")).expect("links can be made");
    let (code, document) = place.json(&["run", "--policy", "work/policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("grant.protected")), "{document:#}");
}

#[test]
fn what_is_printed_is_json_and_safe_for_a_terminal_whatever_a_file_is_called() {
    let place = Place::with_example("notes");
    place.write("notes/\u{202e}gpj.exe\u{9b}31m.md", "x");
    place.write("plan.json", r#"{"claw":1,"steps":[{"id":"a","capability":"list"}]}"#);
    let ran = place.claw(&[&RUN[..], &["--json"]].concat());
    let document: serde_json::Value = serde_json::from_str(&ran.out).expect("one JSON document");
    assert!(!ran.out.contains(['\u{202e}', '\u{9b}']), "{}", ran.out);
    assert!(document["answer"].to_string().contains('\u{202e}'), "and it says what is there");
}

#[test]
fn nobody_who_listens_is_no_reason_to_stop() {
    let place = Place::with_example("notes");
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let code = place.command(&RUN).stderr(full()).status().expect("it starts").code();
    assert_eq!(code, Some(0), "what is said on the way is not needed");
    let code = place.command(&RUN).stdout(full()).status().expect("it starts").code();
    assert_eq!(code, Some(1), "an answer that cannot be given is");
    let (code, document) = place.json(&["check"]);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("usage")), "{document:#}");
}

#[test]
fn a_step_that_dies_is_one_failed_step_and_a_sealed_record() {
    let place = Place::with_probe("");
    for (what, kind) in [("panic", "trap"), ("recurse", "trap"), ("exit", "trap"), ("fail", "capability")] {
        let (code, run) = place.act(what, 1 << 40, "as it was told");
        assert_eq!(code, Some(4), "{what}: {run:#}");
        assert_eq!(run["steps"][0]["failure"]["kind"], kind, "{what}: {run:#}");
        let events = events(run["record"].as_str().expect("a path").as_ref());
        assert_eq!(events.last().expect("events")["status"], "failed", "{what}");
    }
}

#[test]
fn clocks_are_the_steps_and_nobody_sleeps() {
    let place = Place::with_probe("");
    let (_, run) = place.act("sleep", 3_000_000, "");
    assert_eq!(run["steps"][0]["output"], "3000000", "sleeping moves the guest's clock, and takes no time");
    assert!(run["steps"][0]["ms"].as_f64().expect("a number") < 5_000.0);
    let (_, first) = place.act("random", 1, "");
    let (_, second) = place.act("random", 1, "");
    assert_ne!(first["steps"][0]["output"], second["steps"][0]["output"], "case 132: each run has a seed of its own");
}

#[test]
fn a_policy_can_require_the_second_wall() {
    let place = Place::with_example("notes");
    let require =
        |parts: &str| format!("{}\n[sandbox]\nrequire = {parts}\n", Place::with_example("notes").read("policy.toml"));
    place.write("policy.toml", require("[\"landlock\", \"seccomp\"]"));
    let (code, document) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    let missing = claw_runtime::Wall::supported().missing();
    match missing.is_empty() {
        true => assert_eq!(code, Some(0), "{document:#}"),
        false => assert_eq!(document["error"]["rule"], "sandbox.require", "{missing:?}: {document:#}"),
    }
    place.write("policy.toml", require("[\"moat\"]"));
    let (code, document) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("policy.syntax")), "{document:#}");
    let (_, findings) = place.json(&["doctor"]);
    let wall = findings.as_array().unwrap().iter().find(|finding| finding["name"] == "wall").expect("a finding");
    assert_eq!(wall["state"] == "good", missing.is_empty(), "{findings:#}");
}
