//! What the second wall costs: to raise each part, and what each adds to a hop and to opening a file.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use claw_runtime::Wall;
use rustix::fs::{Mode, OFlags, openat};

use crate::place::Place;
use crate::{ROUNDS, median, micros, pin, unpin};

/// How often a part is raised: each time around a thread of its own, since it cannot be taken down.
const RAISED: usize = 100;
/// Bytes of a message there and back.
const MESSAGE: usize = 256;

const PARTS: [(&str, Wall); 4] = [
    ("no wall", Wall { landlock: false, seccomp: false }),
    ("landlock", Wall { landlock: true, seccomp: false }),
    ("seccomp", Wall { landlock: false, seccomp: true }),
    ("both", Wall { landlock: true, seccomp: true }),
];

/// Prints a line for each part, and for both. The first line is the floor.
pub(crate) fn wall(place: &Place) {
    pin();
    let folder = File::open(place.folder().join("in")).unwrap();
    for (name, parts) in PARTS {
        let raising = raising(&folder, parts);
        let opening = behind(&folder, parts, |folder| median(ROUNDS, &mut || open(folder)));
        let hop = hop(&folder, parts, ROUNDS);
        println!(
            "  {name:<12} raised in {:>6.1}   a hop {:>5.2}   a file of 1 KiB opened, read and closed {:>5.2}",
            micros(raising),
            micros(hop),
            micros(opening)
        );
    }
    unpin();
}

/// The median of raising it.
fn raising(folder: &File, parts: Wall) -> Duration {
    let mut times: Vec<Duration> = (0..RAISED)
        .map(|_| {
            thread::scope(|scope| {
                let raise = || {
                    let began = Instant::now();
                    let _stands = Wall::around_this_thread(parts, &[folder.as_fd()]);
                    began.elapsed()
                };
                scope.spawn(raise).join().unwrap()
            })
        })
        .collect();
    times.sort();
    times[RAISED / 2]
}

/// What `measure` gives on a thread behind it.
fn behind(folder: &File, parts: Wall, measure: impl FnOnce(&File) -> Duration + Send) -> Duration {
    thread::scope(|scope| {
        let walled = || {
            let _stands = Wall::around_this_thread(parts, &[folder.as_fd()]);
            measure(folder)
        };
        scope.spawn(walled).join().unwrap()
    })
}

fn open(folder: &File) {
    let mut text = [0; 1024];
    let file = openat(folder, "kib.md", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    rustix::io::read(&file, &mut text).unwrap();
}

/// A message to a thread behind it, and one back: by `read` and `write`, since the wall lets no `recvfrom` through.
fn hop(folder: &File, parts: Wall, rounds: usize) -> Duration {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let [mut ours, mut theirs] = [ours, theirs].map(|end| File::from(OwnedFd::from(end)));
    thread::scope(|scope| {
        scope.spawn(move || {
            let _stands = Wall::around_this_thread(parts, &[folder.as_fd()]);
            let mut message = [0; MESSAGE];
            while theirs.read_exact(&mut message).is_ok() && theirs.write_all(&message).is_ok() {}
        });
        let mut message = [0; MESSAGE];
        let mut hop = || {
            ours.write_all(&message).unwrap();
            ours.read_exact(&mut message).unwrap();
        };
        (0..100).for_each(|_| hop());
        let time = median(rounds, &mut hop);
        drop(ours);
        time
    })
}
