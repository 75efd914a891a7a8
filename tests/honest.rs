//! Honest guests: ordinary programs that say what they may expect under claw, each held to how it is said to end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::program::{Place, Ran, build_guests, repository};

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
    ("exit_is_a_failure", Fails("trap", "exited with code 1")),
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
        let (ran, run) = run(&place(name, capability(name)));
        let step = &run["steps"][0];
        let ended = match end {
            Done => ran.code == Some(0),
            Fails(kind, said) => ran.code == Some(4) && step["failure"]["kind"] == *kind && ran.err.contains(said),
        };
        if !ended {
            wrong.push(format!("{name}: {}\n{}", run["status"], ran.err));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_program_is_in_the_table_and_on_the_page() {
    let folder = fs::read_dir(repository().join("tests/guests/honest/src/bin")).expect("there are programs");
    let programs: BTreeSet<String> = folder
        .map(|entry| entry.expect("it can be read").path())
        .map(|path| path.file_stem().expect("it has a name").to_string_lossy().into_owned())
        .collect();
    let table: BTreeSet<String> = PROGRAMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(programs, table);
    assert_eq!(table.len(), PROGRAMS.len());
}

/// What the capability of a program says besides.
fn capability(name: &str) -> &'static str {
    if name == "network_is_unsupported" { "inert = [\"wasi:sockets\"]\n" } else { "" }
}

fn programs() -> PathBuf {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| build_guests("tests/guests/honest")).clone()
}

/// A folder of each kind of grant, with what the programs look for in it, and the program `name` as a capability.
fn place(name: &str, more: &str) -> Place {
    let place = Place::new();
    let component = fs::read(programs().join(format!("{name}.wasm"))).expect("the program is built");
    place.write("program.wasm", &component);
    let policy = POLICY.replace("DIGEST", &claw_policy::digest(&component)) + more;
    place.write("policy.toml", policy);
    place.write("plan.json", r#"{ "claw": 1, "steps": [{ "id": "program", "capability": "program" }] }"#);

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

const POLICY: &str = r#"claw = 1
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
[capability.program]
component = { path = "program.wasm", digest = "DIGEST" }
grants = ["in", "out", "spare", "dots", "notes"]
"#;

/// One run: what the program printed, and the document.
fn run(place: &Place) -> (Ran, Value) {
    let ran = place.claw(&["run", "--policy", "policy.toml", "--plan", "plan.json", "--json"]);
    let document = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran, document)
}
