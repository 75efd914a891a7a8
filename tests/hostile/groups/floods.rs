//! Group D: guests that flood the host with calls and data.

use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_036_output_flood
    case_036_output_is_cut
    case_037_empty_writes
    case_038_zeroes_without_end
    case_039_splices_without_end
    case_040_reads_without_end
    case_041_random_bytes_by_the_terabyte
    case_042_random_bytes_by_the_million
    case_044_045_polls_of_too_many_and_of_none
    case_046_timers_by_the_thousand
    case_047_empty_strings
    case_048_lists_in_lists
    case_057_arguments_that_are_too_long
}

const TRAP: Ending = Ending::Failed("trap");

/// Bytes of a worker that does nothing in particular, and some more.
const WORKER_BYTES: u64 = 64 << 20;

fn case_036_output_flood(arena: &mut Arena) -> Contained {
    let contained = arena.guest("case_036_output_flood").attack(Ending::Failed("limit.host-calls"));
    assert!(contained.peak.worker_bytes < WORKER_BYTES, "{:?}", contained.peak);
    contained
}

/// Below the limit of calls, who prints too much goes on; what was printed is kept up to `stdout`, from its beginning.
fn case_036_output_is_cut(arena: &mut Arena) -> Contained {
    arena.guest("case_036_output_cut").limits("stdout = \"4KiB\"");
    let _contained = arena.tell("go on").attack(Ending::Completed);
    let contained = arena.tell("trap").attack(TRAP);
    let printed = contained.told.lines().find_map(|line| line.split_once("it printed: ")).expect("it is told").1;
    assert!(printed.starts_with("THE-BEGINNING") && !printed.contains("THE-END"), "{printed}");
    assert_eq!(printed.len(), 4 << 10);
    contained
}

fn case_037_empty_writes(arena: &mut Arena) -> Contained {
    for stream in ["stdout", "stderr", "file", "append"] {
        for flush in ["flushed", "written"] {
            arena.guest("case_037_empty_writes").tell(&format!("{stream} {flush}"));
            let contained = arena.attack(Ending::Failed("limit.host-calls"));
            assert!(contained.peak.worker_bytes < WORKER_BYTES, "{stream} {flush}: {:?}", contained.peak);
        }
    }
    // As many as a policy can allow.
    arena.limits("host-calls = 10_000_000\nfuel = 10_000_000_000_000\ntime = \"1min\"").tell("stdout flushed");
    let contained = arena.attack(Ending::Failed("limit.host-calls"));
    assert!(contained.peak.worker_bytes < WORKER_BYTES, "{:?}", contained.peak);
    contained
}

fn case_038_zeroes_without_end(arena: &mut Arena) -> Contained {
    arena.guest("case_038_zeroes_without_end");
    for stream in ["stdout", "stderr", "file"] {
        for len in [(64 << 10) + 1, 1 << 40, u64::MAX] {
            let _contained = arena.tell(&format!("{stream} write-zeroes {len}")).attack(TRAP);
        }
        for len in [4097, u64::MAX] {
            let _contained = arena.tell(&format!("{stream} blocking-write-zeroes-and-flush {len}")).attack(TRAP);
        }
        let _contained = arena.tell(&format!("{stream} write-zeroes {}", 64 << 10)).attack(Ending::Completed);
    }
    arena.tell("stdout blocking-write-zeroes-and-flush 4096").attack(Ending::Completed)
}

fn case_039_splices_without_end(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_039_splices").tell("printed").attack(Ending::Completed);
    arena.and("[limits]\nwritten = \"4MiB\"").tell("itself").attack(Ending::Halted("budget.written"))
}

fn case_040_reads_without_end(arena: &mut Arena) -> Contained {
    arena.place.write("out/long", vec![b'x'; 4 << 20]);
    arena.guest("case_040_reads_without_end").attack(Ending::Completed)
}

fn case_041_random_bytes_by_the_terabyte(arena: &mut Arena) -> Contained {
    arena.guest("case_041_random_bytes");
    for kind in ["secure", "insecure"] {
        let _contained = arena.tell(&format!("{kind} {}", 64 << 10)).attack(Ending::Completed);
        for len in [(64 << 10) + 1, 1 << 31, 1 << 40, u64::MAX] {
            let _contained = arena.tell(&format!("{kind} {len}")).attack(TRAP);
        }
    }
    arena.tell("secure 0").attack(Ending::Completed)
}

fn case_042_random_bytes_by_the_million(arena: &mut Arena) -> Contained {
    arena.guest("case_042_random_flood").limits("host-calls = 10_000");
    let _contained = arena.attack(Ending::Failed("limit.host-calls"));
    // With all the calls that it wants, its fuel or its time is up.
    arena.guest("case_042_random_flood").limits("host-calls = 10_000_000\ntime = \"2s\"");
    arena.attack_any(&[Ending::Failed("limit.time"), Ending::Failed("limit.fuel")])
}

fn case_044_045_polls_of_too_many_and_of_none(arena: &mut Arena) -> Contained {
    arena.guest("case_044_045_polls").limits("memory = \"256MiB\"");
    for count in [1, 900] {
        let _contained = arena.tell(&count.to_string()).attack(Ending::Completed);
    }
    for count in [1_001, 100_000] {
        let _contained = arena.tell(&count.to_string()).attack(Ending::Failed("limit.handles"));
    }
    // More than a call may copy out of a guest.
    for count in [2_200_000, 33_000_000] {
        let contained = arena.tell(&count.to_string()).attack(TRAP);
        assert!(contained.peak.worker_bytes < (256 << 20) + WORKER_BYTES, "{count}: {:?}", contained.peak);
    }
    arena.tell("0").attack(TRAP)
}

fn case_046_timers_by_the_thousand(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_046_timers").attack(Ending::Failed("limit.handles"));
    arena.limits("handles = 10_000").attack(Ending::Failed("limit.handles"))
}

/// Has the plan call the guest with these arguments, and the policy take them.
pub(crate) fn called_with(arena: &mut Arena, arguments: &Value) {
    arena.plan(json!([{ "id": "attack", "capability": "attack", "arguments": arguments }]));
    let policy = arena.place.read("policy.toml");
    if !policy.contains("[capability.attack.argument]") {
        let names = arguments.as_object().expect("they have names").keys();
        let lines: String = names.map(|name| format!("{name} = {{ from = [\"planner\"] }}\n")).collect();
        arena.and(&format!("[capability.attack.argument]\n{lines}"));
    }
}

/// What the host makes of eight bytes of a guest's is counted as what it is in the host.
fn case_047_empty_strings(arena: &mut Arena) -> Contained {
    arena.guest("case_047_empty_strings").limits("memory = \"128MiB\"");
    let call = |arena: &mut Arena, count: u32, ending: Ending| {
        called_with(arena, &json!({ "count": count }));
        arena.attack(ending)
    };
    let one = call(arena, 1, Ending::Completed);
    let many = call(arena, 200_000, Ending::Completed);
    let bytes = many.peak.worker_bytes.saturating_sub(one.peak.worker_bytes);
    assert!(bytes < 200_000 * 8 * 40, "{bytes} bytes of the host's for {} of the guest's", 200_000 * 8);
    for count in [400_000, 10_000_000, u32::MAX] {
        let contained = call(arena, count, TRAP);
        assert!(contained.peak.worker_bytes < one.peak.worker_bytes + (32 << 20), "{count}: {:?}", contained.peak);
    }
    many
}

fn case_048_lists_in_lists(arena: &mut Arena) -> Contained {
    // A few kilobytes that are said to be a gigabyte.
    arena.guest("case_048_lists_that_overlap");
    for (count, ending) in [(10, Ending::Completed), (100, TRAP), (1_000, TRAP), (8_000, TRAP)] {
        called_with(arena, &json!({ "count": count }));
        let contained = arena.attack(ending);
        assert!(contained.peak.worker_bytes < 2 * WORKER_BYTES, "{count}: {:?}", contained.peak);
    }
    // Types that are nested deeper and deeper: what has JSON, what has none, and what nobody reads.
    let mut contained = None;
    for (depth, ending) in [
        (30, Ending::Completed),
        (40, Ending::NotLoaded("component.function")),
        (100_000, Ending::NotLoaded("component.invalid")),
    ] {
        let types: String = (1..=depth).map(|n| format!("(type $t{n} (list $t{}))", n - 1)).collect();
        let text = format!(
            r#"(component
                (type $t0 (list u8)) {types}
                (core module $m (memory (export "memory") 1) (func (export "run") (result i32) (i32.const 0)))
                (core instance $i (instantiate $m))
                (func (export "run") (result $t{depth})
                    (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
        );
        let component = wat::parse_str(text).expect("the text is a component");
        arena.component(&component);
        called_with(arena, &json!({}));
        contained = Some(arena.attack(ending));
    }
    contained.expect("three attacks")
}

fn case_057_arguments_that_are_too_long(arena: &mut Arena) -> Contained {
    arena.guest("case_057_takes_text");
    called_with(arena, &json!({ "text": "x".repeat(100 << 20) }));
    let _contained = arena.attack(Ending::Refused("limit.plan-bytes"));
    called_with(arena, &json!({ "text": "x".repeat(512 << 10) }));
    let _contained = arena.attack(Ending::Refused("limit.argument-bytes"));
    // With the longest plan that a policy can allow, it is the argument that is too long.
    arena.and("[limits]\nplan-bytes = \"4MiB\"");
    called_with(arena, &json!({ "text": "x".repeat(3 << 20) }));
    arena.attack(Ending::Refused("limit.argument-bytes"))
}
