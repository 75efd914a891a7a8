//! Attacks that do get out, one for each question of the oracle: it must see every one of them.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use crate::arena::Arena;
use crate::guests;
use crate::oracle::{Ending, Point};

/// A program that stands in for a claw that is broken in one way.
pub(crate) struct Canary {
    pub(crate) name: &'static str,
    /// The questions that must be answered wrong, and no other.
    points: &'static [Point],
    /// What it does, as a shell script: `$CLAW` is the real program, and `run` runs the plan.
    script: &'static str,
}

/// One for each question, and two where there are two ways.
pub(crate) const CANARIES: &[Canary] = &[
    Canary { name: "canary_a_crash_is_seen", points: &[Point::Alive], script: "run; kill -ABRT $$" },
    Canary {
        name: "canary_a_panic_is_seen",
        points: &[Point::Alive],
        script: "run; echo \"thread 'main' panicked at x\" >&2",
    },
    Canary {
        name: "canary_memory_is_seen",
        points: &[Point::Bounded],
        script: "run; exec dd if=/dev/zero of=/dev/null bs=400M count=2 status=none",
    },
    Canary {
        name: "canary_a_broken_neighbour_is_seen",
        points: &[Point::Neighbour],
        script: "run; rm neighbour/policy.toml",
    },
    Canary {
        name: "canary_a_record_without_its_end_is_seen",
        points: &[Point::Recorded],
        script: "run > document; cat document; log=$(record)/log.jsonl; sed -i '$d' $log",
    },
    Canary {
        name: "canary_a_record_with_two_ends_is_seen",
        points: &[Point::Recorded],
        script: "run > document; cat document; log=$(record)/log.jsonl; tail -n 1 $log >> $log",
    },
    Canary { name: "canary_a_change_outside_is_seen", points: &[Point::Outside], script: "run; touch sentinel/key" },
    Canary { name: "canary_a_new_file_outside_is_seen", points: &[Point::Outside], script: "run; echo x > in/new" },
    Canary {
        name: "canary_a_connection_is_seen",
        points: &[Point::Outside],
        script: "run; exec 3<>/dev/tcp/$(tr : / < in/sinkhole)",
    },
    Canary { name: "canary_a_secret_is_seen", points: &[Point::Silent], script: "run; cat sentinel/key >&2" },
    Canary {
        name: "canary_a_path_of_the_hosts_is_seen",
        points: &[Point::Silent],
        script: "run | sed \"s|\\\"answer\\\": null|\\\"answer\\\": \\\"$PWD\\\"|\"",
    },
    Canary { name: "canary_a_file_left_is_seen", points: &[Point::Gone], script: "run; touch tmp/left" },
    Canary {
        name: "canary_a_verdict_that_does_not_follow_is_seen",
        // Whoever has the key can sign it again; the verdict would still not follow.
        points: &[Point::Recorded, Point::Repeated],
        script: "run > document; cat document; log=$(record)/log.jsonl; sed -i 's/\\\\\"attack\\\\\"/\\\\\"other\\\\\"/g' $log",
    },
];

/// Runs the canary, and fails unless the oracle sees just what is wrong.
pub(crate) fn is_seen(canary: &Canary) {
    let mut arena = Arena::new();
    arena.component(&guests::harmless());
    arena.neighbour = arena.neighbour.copied_to(&arena.place.path("neighbour"));
    let script = format!(
        "#!/bin/bash\nulimit -c 0\n\
         run() {{ \"$CLAW\" run --policy policy.toml --plan plan.json --json 2> /dev/null; }}\n\
         record() {{ sed -n 's/.*\"record\": \"\\(.*\\)\".*/\\1/p' document; }}\n{}\n",
        canary.script
    );
    arena.program = arena.place.write("broken-claw", script);
    std::fs::set_permissions(&arena.program, std::fs::Permissions::from_mode(0o700)).expect("modes can be set");
    let escapes = arena.try_attack(&[Ending::Completed], &mut |_, _| {}).expect_err("the oracle saw nothing");
    let seen: BTreeSet<Point> = escapes.iter().map(|escape| escape.point).collect();
    assert_eq!(seen, canary.points.iter().copied().collect(), "{escapes:#?}");
}
