//! Group E: guests that wait, and have the host wait.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{FileType, Mode, makedev, mknodat};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::watch::{is_busy, signal};

cases! {
    case_058_sleeping_takes_no_time
    case_059_what_never_comes_is_not_waited_for
    case_060_061_special_files_are_not_opened
    case_062_files_without_end
    case_063_files_that_others_hold
    case_064_syncs_are_bounded
    case_069_071_whoever_stops_a_run_ends_it
}

fn case_058_sleeping_takes_no_time(arena: &mut Arena) -> Contained {
    let contained = arena.guest("case_058_sleeps_forever").attack(Ending::Completed);
    assert!(contained.document["steps"][0]["ms"].as_f64().is_some_and(|ms| ms < 5_000.0));
    contained
}

fn case_059_what_never_comes_is_not_waited_for(arena: &mut Arena) -> Contained {
    arena.guest("case_059_reads_what_never_comes").attack(Ending::Completed)
}

/// Also where they can be written, and over a link.
fn case_060_061_special_files_are_not_opened(arena: &mut Arena) -> Contained {
    let mut sockets = Vec::new();
    for folder in ["in", "out"] {
        let dir = File::open(arena.place.path(folder)).expect("it is there");
        mknodat(&dir, "fifo", FileType::Fifo, Mode::from(0o666), 0).expect("FIFOs can be made");
        sockets.push(UnixListener::bind(arena.place.path(folder).join("socket")).expect("sockets can be made"));
        symlink("fifo", arena.place.path(folder).join("link-to-fifo")).expect("links can be made");
        // Only root can make a device; for others there is none to open.
        let _made = mknodat(&dir, "device", FileType::CharacterDevice, Mode::from(0o666), makedev(1, 5));
    }
    arena.guest("case_060_opens_special_files").attack(Ending::Completed)
}

/// Nobody reads to the end of it: the calls run out, or the memory.
fn case_062_files_without_end(arena: &mut Arena) -> Contained {
    let huge = File::create(arena.place.path("in/huge")).expect("files can be made");
    // As large as the file system takes it.
    let made = (30..60).rev().any(|bits| huge.set_len(1 << bits).is_ok());
    assert!(made && huge.metadata().expect("it is there").len() >= 1 << 40);
    arena.guest("case_062_reads_a_file_without_end").limits("time = \"60s\"\nhost-calls = 5_000");
    let _contained = arena.attack(Ending::Failed("limit.host-calls"));
    arena.guest("case_062_reads_a_file_into_memory").attack(Ending::Failed("limit.memory"))
}

fn case_063_files_that_others_hold(arena: &mut Arena) -> Contained {
    use rustix::fs::{FlockOperation, flock};
    let held = arena.place.write("out/held", "");
    let files = [File::open(arena.place.path("in/notes.md")), File::open(held)].map(|file| file.expect("it is there"));
    for file in &files {
        flock(file, FlockOperation::LockExclusive).expect("files can be locked");
    }
    arena.guest("case_063_reads_a_file_that_others_hold").attack(Ending::Completed)
}

fn case_064_syncs_are_bounded(arena: &mut Arena) -> Contained {
    arena.guest("case_064_syncs_without_end").limits("host-calls = 2_000").attack(Ending::Failed("limit.host-calls"))
}

/// Asked to, or killed: the guest does not outlive the run, and what can be recorded is.
fn case_069_071_whoever_stops_a_run_ends_it(arena: &mut Arena) -> Contained {
    let mut contained = None;
    for stop in ["INT", "TERM"] {
        arena.guest("case_001_endless_loop").limits("fuel = 10_000_000_000_000\ntime = \"20s\"");
        let mut sent = false;
        contained = Some(arena.attack_while(&[Ending::Interrupted], &mut |program, workers| {
            if !sent && workers.iter().any(|worker| is_busy(*worker)) {
                signal(program, stop);
                sent = true;
            }
        }));
    }
    let events = &contained.as_ref().expect("two attacks").events;
    assert_eq!(events.last().expect("there are events")["status"], "interrupted");
    assert!(fs::read_dir(arena.place.path("out")).expect("it is there").next().is_none());
    contained.expect("two attacks")
}
