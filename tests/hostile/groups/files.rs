//! Group F: guests that reach for files.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_072_paths_that_lead_out
    case_073_paths_of_other_kinds
    case_074_links_that_lead_out
    case_075_links_that_a_guest_plants
    case_076_links_without_end
    case_077_magic_links
    case_078_names_that_end_in_a_slash
    case_079_080_nothing_is_linked_or_moved_between_grants
    case_081_renames_that_make_no_sense
    case_082_what_is_read_only_stays_as_it_is
    case_084_a_folder_that_becomes_a_link
    case_085_a_granted_folder_that_becomes_a_link
    case_086_a_granted_folder_that_is_replaced
    case_087_what_is_mounted_inside_is_inside
    case_088_names_that_are_hard_to_write
    case_091_bytes_are_a_budget
    case_092_files_are_a_budget
    case_093_holes_are_bytes
    case_094_what_hosts_run_is_not_written
    case_095_what_is_made_can_be_run_by_nobody
    case_096_times_that_are_none
    case_097_folders_that_overlap_share_their_labels
    case_100_names_that_folders_are_seen_by
    case_102_nothing_is_left_between_steps
}

fn case_072_paths_that_lead_out(arena: &mut Arena) -> Contained {
    for folder in ["in/sub", "out/sub"] {
        fs::create_dir(arena.place.path(folder)).expect("folders can be made");
    }
    arena.place.write("out/own", "own");
    arena.guest("case_072_paths_that_lead_out").attack(Ending::Completed)
}

fn case_073_paths_of_other_kinds(arena: &mut Arena) -> Contained {
    arena.place.write("out/own", "own");
    arena.guest("case_073_paths_of_other_kinds").attack(Ending::Completed)
}

/// Links that were there before the guest was.
fn case_074_links_that_lead_out(arena: &mut Arena) -> Contained {
    arena.place.write("out/own", "own");
    for folder in ["in", "out"] {
        let link = |target: &Path, name: &str| {
            symlink(target, arena.place.path(folder).join(name)).expect("links can be made");
        };
        link(&arena.place.path("sentinel/key"), "absolute");
        link(Path::new("../sentinel/key"), "relative");
        link(Path::new("../sentinel"), "folder");
        link(Path::new("relative"), "chained");
        link(Path::new("/proc/self/cwd"), "process");
        link(&arena.place.path(folder), "own-folder-by-a-link");
    }
    arena.guest("case_074_links_that_lead_out").attack(Ending::Completed)
}

/// And whoever looks at what it left follows none of them: a later step, and the next run.
fn case_075_links_that_a_guest_plants(arena: &mut Arena) -> Contained {
    arena.guest("case_075_links_that_it_plants").and(
        "[capability.list]\ncomponent = \"builtin:list-files\"\ngrants = [\"out\"]\n\
         [capability.search]\ncomponent = \"builtin:search-files\"\ngrants = [\"out\"]\n\
         [capability.search.argument]\npattern = { from = [\"planner\"] }",
    );
    arena.plan(json!([
        { "id": "attack", "capability": "attack" },
        { "id": "list", "capability": "list" },
        { "id": "search", "capability": "search", "arguments": { "pattern": "." } },
    ]));
    let _contained = arena.attack(Ending::Completed);
    arena.plan(json!([{ "id": "search", "capability": "search", "arguments": { "pattern": "." } }]));
    arena.attack(Ending::Completed)
}

fn case_076_links_without_end(arena: &mut Arena) -> Contained {
    let link = |target: &str, name: &str| {
        symlink(target, arena.place.path("in").join(name)).expect("links can be made");
    };
    link("self", "self");
    link("b", "a");
    link("a", "b");
    link("notes.md", "chain-0");
    for number in 1..=60 {
        link(&format!("chain-{}", number - 1), &format!("chain-{number}"));
    }
    arena.guest("case_076_links_without_end").attack(Ending::Completed)
}

fn case_077_magic_links(arena: &mut Arena) -> Contained {
    for name in ["fd", "cwd", "root", "exe"] {
        symlink(format!("/proc/self/{name}"), arena.place.path("in").join(name)).expect("links can be made");
    }
    arena.guest("case_077_magic_links").attack(Ending::Completed)
}

fn case_078_names_that_end_in_a_slash(arena: &mut Arena) -> Contained {
    arena.place.write("out/own", "own");
    symlink("notes.md", arena.place.path("in/link")).expect("links can be made");
    arena.guest("case_078_names_that_end_in_a_slash").attack(Ending::Completed)
}

fn case_079_080_nothing_is_linked_or_moved_between_grants(arena: &mut Arena) -> Contained {
    arena.place.write("out/own", "own");
    let _contained = arena.guest("case_079_links_across_folders").attack(Ending::Completed);
    // Both can be written, so each alone would let it.
    arena.place.write("stage/file", "a secret");
    arena.place.write("stage/folder/file", "a secret");
    arena
        .guest("case_080_launders_a_grant")
        .and("[grant.secret]\ndir = \"stage\"\naccess = \"write\"\naccepts = [\"in\", \"out\", \"secret\"]");
    arena.instead("accepts = [\"in\"]", "accepts = [\"in\", \"secret\", \"out\"]");
    let contained =
        arena.instead("grants = [\"in\", \"out\"]", "grants = [\"out\", \"secret\"]").attack(Ending::Completed);
    let inode = |path: &str| fs::metadata(arena.place.path(path)).map(|metadata| metadata.ino()).ok();
    assert!(inode("stage/file").is_some() && inode("stage/folder/file").is_some());
    assert!(
        fs::read_dir(arena.place.path("out"))
            .expect("it is there")
            .all(|entry| { entry.is_ok_and(|entry| entry.file_name() == "own" || entry.file_name() == "link") })
    );
    contained
}

fn case_081_renames_that_make_no_sense(arena: &mut Arena) -> Contained {
    arena.guest("case_081_renames_that_make_no_sense").attack(Ending::Completed)
}

fn case_082_what_is_read_only_stays_as_it_is(arena: &mut Arena) -> Contained {
    fs::create_dir(arena.place.path("in/sub")).expect("folders can be made");
    arena.guest("case_082_changes_what_is_read_only").attack(Ending::Completed)
}

/// Somebody else, with the right to, swaps a folder for a link as fast as can be, all the time.
fn case_084_a_folder_that_becomes_a_link(arena: &mut Arena) -> Contained {
    arena.place.write("out/swapped/key", "own");
    symlink("../sentinel", arena.place.path("out/link")).expect("links can be made");
    let (folder, link) = (arena.place.path("out/swapped"), arena.place.path("out/link"));
    let over = std::sync::atomic::AtomicBool::new(false);
    let contained = std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let mut swaps = 0_u64;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                swaps += u64::from(renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).is_ok());
            }
            swaps
        });
        arena
            .guest("case_084_races_with_a_link")
            .limits("host-calls = 1_000_000\ntime = \"60s\"")
            .and("[limits]\nfiles = 100_000");
        let contained = arena.attack(Ending::Completed);
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(swapping.join().expect("it ends") > 1_000);
        contained
    });
    let rounds = arena.place.read("out/rounds");
    let (read, refused) = rounds.split_once(' ').expect("two numbers");
    assert!(read != "0" && refused != "0", "both were met: {rounds}");
    contained
}

/// What is checked is what was opened. `stage` is swapped between a folder and a link to where the policy is.
fn case_085_a_granted_folder_that_becomes_a_link(arena: &mut Arena) -> Contained {
    arena.place.write("stage/folder/x", "x");
    symlink("..", arena.place.path("stage/link")).expect("links can be made");
    let (folder, link) = (arena.place.path("stage/folder"), arena.place.path("stage/link"));
    arena.guest("case_095_makes_files").instead("dir = \"out\"", "dir = \"stage/folder\"");
    arena.instead("grants = [\"in\", \"out\"]", "grants = [\"out\", \"in\"]");
    let over = std::sync::atomic::AtomicBool::new(false);
    let contained = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let _swapped = renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE);
            }
        });
        let mut contained = None;
        for _ in 0..12 {
            let _none = (fs::remove_file(folder.join("file")), fs::remove_dir(folder.join("folder")));
            contained = Some(arena.attack_any(&[
                Ending::Completed,
                Ending::NotLoaded("grant.protected"),
                Ending::NotLoaded("grant.folder"),
                // It was made by an earlier round.
                Ending::Failed("trap"),
            ]));
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        contained
    });
    contained.expect("twelve attacks")
}

fn case_086_a_granted_folder_that_is_replaced(arena: &mut Arena) -> Contained {
    let (out, old) = (arena.place.path("out"), arena.place.path("stage"));
    arena.guest("case_086_its_folder_is_taken_away").limits("host-calls = 10_000_000\ntime = \"60s\"");
    let mut replaced = false;
    let contained = arena.attack_while(&[Ending::Completed], &mut |_, _| {
        if !replaced && out.join("mine").exists() {
            fs::rename(&out, &old).expect("folders can be moved");
            symlink("sentinel", &out).expect("links can be made");
            replaced = true;
        }
    });
    assert!(replaced, "it ran when its folder was replaced");
    assert!(old.join("mine").exists());
    contained
}

/// A granted folder is what is there when it is opened and below it, other file systems too: whoever can mount is trusted.
/// It can be left on none of the ways by which it was entered.
fn case_087_what_is_mounted_inside_is_inside(arena: &mut Arena) -> Contained {
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success()) {
        return Contained::lacking("nobody here may mount");
    }
    arena.place.write("stage/notes.md", "mounted");
    fs::create_dir(arena.place.path("in/mounted")).expect("folders can be made");
    arena.guest("case_087_goes_through_a_mount");
    let script = "#!/bin/sh\nexec unshare --mount sh -c 'mount --bind stage in/mounted && \
        exec \"$CLAW\" run --policy policy.toml --plan plan.json --json'\n";
    arena.program = arena.place.write("stage/in-a-mount", script);
    fs::set_permissions(&arena.program, fs::Permissions::from_mode(0o700)).expect("modes can be set");
    arena.attack(Ending::Completed)
}

/// Each is an error, or a name that is just that; and nothing of it reaches a terminal as it is.
fn case_088_names_that_are_hard_to_write(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_088_names_that_are_hard_to_write").attack(Ending::Completed);
    arena.and("[capability.list]\ncomponent = \"builtin:list-files\"\ngrants = [\"out\"]");
    let contained = arena.plan(json!([{ "id": "list", "capability": "list" }])).attack(Ending::Completed);
    let printed = arena.command().output().expect("it runs");
    let text = String::from_utf8(printed.stdout).expect("it is UTF-8");
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{85}', '\u{2028}', '\u{7f}']), "{text}");
    contained
}

fn case_091_bytes_are_a_budget(arena: &mut Arena) -> Contained {
    let contained = arena.guest("case_091_writes_without_end").attack(Ending::Halted("budget.written"));
    let written: u64 = fs::read_dir(arena.place.path("out"))
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").metadata().expect("it can be read").len())
        .sum();
    assert!((32 << 20..=64 << 20).contains(&written), "{written} bytes");
    contained
}

fn case_092_files_are_a_budget(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_092_makes_files_without_end").attack(Ending::Halted("budget.files"));
    assert_eq!(fs::read_dir(arena.place.path("out")).expect("it is there").count(), 1_000);
    let ends = [Ending::Halted("budget.files"), Ending::Failed("limit.open-files"), Ending::Completed];
    arena.guest("case_092_makes_folders_in_folders").attack_any(&ends)
}

fn case_093_holes_are_bytes(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_093_makes_a_file_of_exabytes").attack(Ending::Halted("budget.written"));
    let contained = arena.guest("case_093_writes_far_into_a_file").attack(Ending::Halted("budget.written"));
    for entry in fs::read_dir(arena.place.path("out")).expect("it is there") {
        let length = entry.expect("it can be read").metadata().expect("it can be read").len();
        assert!(length <= 64 << 20, "{length} bytes");
    }
    contained
}

fn case_094_what_hosts_run_is_not_written(arena: &mut Arena) -> Contained {
    let contained = arena.guest("case_094_writes_what_the_host_runs").attack(Ending::Completed);
    let names: Vec<_> = fs::read_dir(arena.place.path("out"))
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("UTF-8"))
        .collect();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    contained
}

/// Whatever the user's umask is.
fn case_095_what_is_made_can_be_run_by_nobody(arena: &mut Arena) -> Contained {
    let contained = arena.guest("case_095_makes_files").attack(Ending::Completed);
    let mode = |name: &str| fs::metadata(arena.place.path(name)).expect("it was made").permissions().mode();
    assert_eq!(mode("out/file") & 0o7133, 0, "{:o}", mode("out/file"));
    assert_eq!(mode("out/folder") & 0o7022, 0, "{:o}", mode("out/folder"));
    contained
}

fn case_096_times_that_are_none(arena: &mut Arena) -> Contained {
    // What there is may have such times, too.
    let old = File::open(arena.place.path("in/notes.md")).expect("it is there");
    let times =
        fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1 << 33));
    old.set_times(times).expect("times can be set");
    arena
        .guest("case_096_times_that_are_none")
        .and("[capability.list]\ncomponent = \"builtin:list-files\"\ngrants = [\"in\"]");
    let steps = json!([{ "id": "attack", "capability": "attack" }, { "id": "list", "capability": "list" }]);
    arena.plan(steps).attack(Ending::Completed)
}

/// What is written through the one is read through the other, and is as secret and as little trusted as both.
fn case_097_folders_that_overlap_share_their_labels(arena: &mut Arena) -> Contained {
    fs::create_dir_all(arena.place.path("stage/sub")).expect("folders can be made");
    let mut contained = None;
    for (one, other) in
        [("stage", "stage/sub"), ("stage/sub", "stage"), ("stage", "stage"), ("stage", "./stage/../stage")]
    {
        arena.guest("case_095_makes_files").instead("dir = \"in\"", &format!("dir = \"{one}\""));
        arena
            .instead("dir = \"out\"", &format!("dir = \"{other}\""))
            .and("[capability.list]\ncomponent = \"builtin:list-files\"\ngrants = [\"in\"]");
        let c = arena.plan(json!([{ "id": "list", "capability": "list" }])).attack(Ending::Completed);
        assert_eq!(c.document["steps"][0]["label"]["origin"], json!(["in", "out"]), "{one} {other}");
        // What may not be sent elsewhere from the one may not from the other.
        arena.instead("grants = [\"in\", \"out\"]", "grants = [\"out\", \"third\"]");
        arena.instead("accepts = [\"in\"]", "accepts = [\"third\"]");
        arena.and("[grant.third]\ndir = \"out\"\naccess = \"write\"\naccepts = [\"out\"]");
        contained = Some(arena.attack(Ending::NotLoaded("policy.flow")));
        // Apart, it may.
        let overlapping = format!("[grant.in]\ndir = \"{one}\"");
        let _contained = arena.instead(&overlapping, "[grant.in]\ndir = \"in\"").attack(Ending::Completed);
    }
    contained.expect("four attacks")
}

fn case_100_names_that_folders_are_seen_by(arena: &mut Arena) -> Contained {
    let mut contained = None;
    for mount in
        ["..", "../in", "/..", "", "a/../b", "a=b", "a:b", "a\\nb", "/out/", "//", ".", "/in/../out", "/a\\u0000b"]
    {
        arena.guest("case_095_makes_files").instead("dir = \"in\"\n", &format!("dir = \"in\"\nmount = \"{mount}\"\n"));
        contained = Some(arena.attack_any(&[Ending::NotLoaded("policy.grant"), Ending::NotLoaded("policy.syntax")]));
    }
    // One name for two folders.
    arena.guest("case_095_makes_files").instead("dir = \"in\"\n", "dir = \"in\"\nmount = \"/out\"\n");
    let _contained = arena.attack(Ending::NotLoaded("policy.grant"));
    contained.expect("some attacks")
}

fn case_102_nothing_is_left_between_steps(arena: &mut Arena) -> Contained {
    let steps: Vec<_> = (0..3).map(|n| json!({ "id": format!("s{n}"), "capability": "attack" })).collect();
    arena.guest("case_102_leaves_something_behind").plan(json!(steps)).attack(Ending::Completed)
}
