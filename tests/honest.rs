//! Honest guests: ordinary programs that say what they may expect under claw, each held to how it is said to end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::peer::{Peer, nobody};
use crate::program::{Place, Ran, build_guests, repository};
use crate::replay::is_the_same_again;

/// How a program ends.
enum End {
    /// As it should: everything that it asserts holds.
    Done,
    /// With a failure of this kind, and this in what claw says of it.
    Fails(&'static str, &'static str),
}
use End::{Done, Fails};

/// The programs of `guests/honest`, and how each ends.
const PROGRAMS: &[(&str, End)] = &[
    ("buffered_lines", Done),
    ("clock_moves_when_looked_at", Done),
    ("copy", Done),
    ("create_new", Done),
    ("current_folder", Done),
    ("dotfiles", Done),
    ("error_from_main", Fails("capability", "No such file or directory")),
    ("exit_with_a_code", Fails("trap", "exited with code 1")),
    ("exit_zero", Done),
    ("files_by_pattern", Done),
    ("flush_and_sync", Done),
    ("hash_map_works", Done),
    ("holes_in_files", Done),
    ("large_file_in_pieces", Done),
    ("links_are_followed_for_reading", Done),
    ("links_are_not_followed_for_writing", Done),
    ("list_is_sorted", Done),
    ("making_links", Done),
    ("memory_runs_out", Done),
    ("metadata_and_times", Done),
    ("missing_files", Done),
    ("network_is_unsupported", Done),
    ("no_environment", Done),
    ("panic_is_a_trap", Fails("trap", "as it was asked to")),
    ("paths_outside", Done),
    ("processes_cannot_start", Done),
    ("random_is_there_and_differs", Done),
    ("read_only_is_read_only", Done),
    ("read_whole_file", Done),
    ("remove_dir_all", Done),
    ("rename_between_folders", Done),
    ("rename_inside_a_folder", Done),
    ("seek_and_append", Done),
    ("set_times", Done),
    ("sleep_takes_no_time", Done),
    ("special_files_are_refused", Done),
    ("stack_is_bounded", Fails("trap", "call stack is exhausted")),
    ("stdin_is_empty", Done),
    ("stdout_is_kept_up_to_a_bound", Done),
    ("tcp_connections", Done),
    ("tcp_script", Done),
    ("temporary_files", Done),
    ("threads_cannot_start", Done),
    ("too_many_open_files", Fails("limit.open-files", "")),
    ("truncate", Done),
    ("walk_a_tree", Done),
];

#[test]
fn each_program_ends_as_it_is_said_to() {
    let mut wrong = Vec::new();
    for (name, end) in PROGRAMS {
        let place = program(name);
        let (ran, run) = run(&place);
        let step = &run["steps"][0];
        let ended = match end {
            Done => ran.code == Some(0),
            Fails(kind, said) => ran.code == Some(4) && step["failure"]["kind"] == *kind && ran.err.contains(said),
        };
        is_the_same_again(&place, &run);
        if !ended {
            wrong.push(format!("{name}: {}\n{}", run["status"], ran.err));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `COMPONENTS.md` names, in the last cell of each row of its table, the programs that hold it.
#[test]
fn each_program_is_in_the_table_and_on_the_page() {
    let folder = fs::read_dir(repository().join("tests/guests/honest/src/bin")).expect("there are programs");
    let programs: BTreeSet<String> = folder
        .map(|entry| entry.expect("it can be read").path())
        .map(|path| path.file_stem().expect("it has a name").to_string_lossy().into_owned())
        .collect();
    let table: Vec<String> = PROGRAMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(programs.iter().cloned().collect::<Vec<_>>(), table);
    let page = fs::read_to_string(repository().join("COMPONENTS.md")).expect("there is a page");
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut named = BTreeSet::new();
    for row in rows {
        let held_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let names: Vec<String> = held_by.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!names.is_empty(), "nothing holds {row}");
        named.extend(names);
    }
    assert_eq!(named, programs);
}

#[test]
fn what_a_step_printed_is_shown_from_its_end() {
    let (ran, _) = run(&program("panic_is_a_trap"));
    assert!(ran.err.contains("bytes are not shown"), "{}", ran.err);
    assert!(ran.err.len() < 6_000, "{} bytes", ran.err.len());
}

#[test]
fn a_program_that_imports_the_network_has_to_be_granted_none() {
    let place = program("network_is_unsupported");
    place.write("policy.toml", place.read("policy.toml").replace("inert = [\"wasi:sockets\"]\n", ""));
    let (ran, run) = run(&place);
    assert_eq!((ran.code, run["error"]["rule"].as_str()), (Some(2), Some("component.import")), "{run:#}");
    assert!(run["error"]["help"].as_str().is_some_and(|help| help.contains("`inert = [\"wasi:sockets\"]`")), "{run:#}");
    // What stands behind an import cannot be inert, and what is not imported neither.
    for inert in ["wasi:filesystem", "wasi:http", "wasi:sock"] {
        let policy = place.read("policy.toml") + &format!("inert = [\"{inert}\"]\n");
        place.write("other.toml", policy);
        let (code, document) = place.json(&["policy", "explain", "other.toml"]);
        assert_eq!((code, document["error"]["rule"].as_str()), (Some(2), Some("component.import")), "{inert}");
    }
}

#[test]
fn random_numbers_differ_between_runs() {
    let drawn = [(), ()].map(|()| {
        let place = program("random_is_there_and_differs");
        run(&place);
        fs::read(place.path("out/random")).expect("they were written")
    });
    assert_ne!(drawn[0], drawn[1]);
}

#[test]
fn a_guest_in_javascript_does_as_others_do() {
    let refused = json!([
        ["a file that is not there", "no-entry"],
        ["a path that leads out", "not-permitted"],
        ["writing where reading is granted", "not-permitted"],
        ["a name with a dot", "not-permitted"],
    ]);
    read_write_and_look_around("javascript", "", "no-entry", &refused);
}

#[test]
fn a_guest_in_python_does_as_others_do() {
    let refused = json!([
        ["a file that is not there", "FileNotFoundError"],
        ["a path that leads out", "PermissionError"],
        ["writing where reading is granted", "PermissionError"],
        ["a name with a dot", "PermissionError"],
        ["a socket", "OSError"],
        ["a name of a host", "OSError"],
        ["a process", "OSError"],
        ["a thread", "RuntimeError"],
    ]);
    read_write_and_look_around("python", "inert = [\"wasi:sockets\"]", "FileNotFoundError", &refused);
}

fn read_write_and_look_around(language: &str, more: &str, missing: &str, refused: &Value) {
    let capability = |function: &str, argument: &str| {
        format!(
            "[capability.{function}]\nfunction = \"{function}\"\n{HAS}{more}\n\
             [capability.{function}.argument]\n{argument}\n"
        )
    };
    let capabilities = [
        capability("load", "path = { from = [\"planner\"] }"),
        capability("save", "note = { from = [\"any\"] }"),
        capability("look-around", ""),
    ];
    let place = place(&guest(language), &capabilities.concat());
    let note = json!({ "path": "/out/new.md", "lines": ["one", "two"] });
    let steps = json!([
        { "id": "load", "capability": "load", "arguments": { "path": "/in/a.md" } },
        { "id": "save", "capability": "save", "arguments": { "note": note } },
        { "id": "around", "capability": "look-around" },
        { "id": "missing", "capability": "load", "arguments": { "path": "/in/missing" } },
    ]);
    place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
    let (ran, run) = run(&place);
    assert_eq!(ran.code, Some(4), "the last step fails: {}", ran.err);
    let steps = &run["steps"];
    assert_eq!(steps[0]["output"], json!({ "path": "/in/a.md", "lines": ["first", "second", "third"] }));
    assert_eq!(steps[1]["output"], 8);
    assert_eq!(place.read("out/new.md"), "one\ntwo\n");
    let around = &steps[2]["output"];
    assert!(around["year"].as_u64().is_some_and(|year| year >= 2025), "{around}");
    assert_eq!(around["slept"], 3600);
    assert_eq!(around["random"].as_str().map(str::len), Some(24), "16 bytes as base64");
    assert_eq!(around["names"], json!([".hidden", "10", "9", "B", "a", "b", "folder", "link", "é"]));
    assert_eq!(&around["refused"], refused);
    assert_eq!(steps[3]["failure"]["message"], missing);
    is_the_same_again(&place, &run);
}

/// A place where the plan is to run the program `name`.
fn program(name: &str) -> Place {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    let folder = PROGRAMS.get_or_init(|| build_guests("tests/guests/honest"));
    let component = fs::read(folder.join(format!("{name}.wasm"))).expect("the program is built");
    let place = match name {
        "network_is_unsupported" => {
            place(&component, &format!("[capability.program]\n{HAS}inert = [\"wasi:sockets\"]\n"))
        }
        "tcp_connections" | "tcp_script" => with_peers(&component),
        _ => place(&component, &format!("[capability.program]\n{HAS}")),
    };
    place.write("plan.json", r#"{ "claw": 1, "steps": [{ "id": "program", "capability": "program" }] }"#);
    place
}

/// A place where the program may connect to a server and to where nobody is.
fn with_peers(component: &[u8]) -> Place {
    let (server, nobody) = (Peer::new().address, nobody());
    let grant = format!("[grant.peers]\ntcp = [\"{server}\", \"{nobody}\"]\nsecrecy = []\naccepts = []\n");
    let has = HAS.replacen("grants = [", "grants = [\"peers\", ", 1);
    let place = place(component, &format!("{grant}[capability.program]\n{has}"));
    place.write("in/peers", format!("{server}\n{nobody}\n"));
    place.write("in/script", "ask all\nsend 3\nask echo\nsend 3\nreceive 3\n");
    place
}

/// The component of a guest in another language, which the Makefile builds, once.
fn guest(language: &str) -> Vec<u8> {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let make = Command::new("make").arg("guests").current_dir(repository()).env_remove("MAKEFLAGS").output();
        let make = make.expect("make runs");
        assert!(make.status.success(), "{}", String::from_utf8_lossy(&make.stderr));
    });
    fs::read(repository().join(format!("tests/guests/honest/target/{language}.wasm"))).expect("it is made")
}

/// A folder of each kind of grant, with what the guests look for in it, and a policy with `capabilities` of
/// `component`.
fn place(component: &[u8], capabilities: &str) -> Place {
    let place = Place::new();
    place.write("guest.wasm", component);
    let policy = format!("{GRANTS}{capabilities}").replace("DIGEST", &claw_policy::digest(component));
    place.write("policy.toml", policy);

    place.write("secret", "CANARY");
    let text = place.write("in/a.md", "first\nsecond\nthird\n");
    let then = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().append(true).open(text).and_then(|file| file.set_modified(then)).expect("times can be set");
    place.write("in/bytes", [0, 255, 10, 128]);
    place.write("in/empty", "");
    for name in ["B", "a", "9", "10", "é", ".hidden", "b"] {
        place.write(&format!("in/names/{name}"), name);
    }
    fs::create_dir(place.path("in/names/folder")).expect("folders can be made");
    for path in ["a/b/c/deep.md", "a/one.md", "two.md"] {
        place.write(&format!("in/tree/{path}"), path.rsplit('/').next().expect("a name"));
    }
    place.write("out/old.md", "old");
    place.write("out/.there", "there");
    fs::create_dir(place.path("out/folder")).expect("folders can be made");
    place.write("notes/there.txt", "there");
    for (target, link) in [
        ("a.md", "in/link"),
        ("tree", "in/folder-link"),
        ("missing", "in/dangling"),
        ("../secret", "in/leads-out"),
        ("../a.md", "in/names/link"),
        ("old.md", "out/link"),
        ("folder", "out/folder-link"),
    ] {
        symlink(target, place.path(link)).expect("links can be made");
    }
    for pipe in ["in/pipe", "out/pipe"] {
        let made = Command::new("mkfifo").arg(place.path(pipe)).status();
        assert!(made.is_ok_and(|status| status.success()), "pipes can be made");
    }
    UnixListener::bind(place.path("in/socket")).expect("sockets can be made");
    place
}

const GRANTS: &str = r#"claw = 1
name = "honest"
[grant.in]
dir = "in"
access = "read"
secrecy = []
[grant.out]
dir = "out"
access = "write"
secrecy = []
[grant.spare]
dir = "spare"
access = "write"
create = true
secrecy = []
[grant.dots]
dir = "dots"
access = "write"
create = true
dotfiles = true
secrecy = []
[grant.notes]
dir = "notes"
access = "write"
files = ["**/*.md"]
secrecy = []
"#;

/// What each capability has.
const HAS: &str = r#"component = { path = "guest.wasm", digest = "DIGEST" }
grants = ["in", "out", "spare", "dots", "notes"]
"#;

/// One run: what the program printed, and the document.
fn run(place: &Place) -> (Ran, Value) {
    let ran = place.claw(&["run", "--policy", "policy.toml", "--plan", "plan.json", "--json"]);
    let document = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran, document)
}
