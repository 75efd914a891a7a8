//! Group B: guests that take memory.

use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_013_memories_are_summed
    case_014_a_memory_larger_than_all
    case_015_memories_without_number
    case_016_memories_of_64_bits
    case_017_tables_are_summed
    case_018_data_segments_without_number
    case_019_no_collected_heap
    case_021_135_nothing_is_left_of_an_earlier_guest
    case_022_copies_of_an_output_are_bounded
    case_023_286_a_worker_that_is_killed_is_one_failed_step
}

/// The most that all memories of a step may have where a policy says nothing.
const MEMORY_BYTES: u64 = 64 << 20;

/// Some instances of one module, each with what `module` says, one after the other called.
fn many(instances: usize, module: &str) -> Vec<u8> {
    let each = |text: &dyn Fn(usize) -> String| (0..instances).map(text).collect::<Vec<_>>().join("\n");
    let text = format!(
        "(component
          (core module $m {module})
          {}
          (core module $all {} (func (export \"run\") {}))
          (core instance $i (instantiate $all {}))
          (func (export \"run\") (canon lift (core func $i \"run\"))))",
        each(&|n| format!("(core instance $i{n} (instantiate $m))")),
        each(&|n| format!("(import \"{n}\" \"run\" (func $f{n}))")),
        each(&|n| format!("(call $f{n})")),
        each(&|n| format!("(with \"{n}\" (instance $i{n}))")),
    );
    wat::parse_str(text).expect("the text is a component")
}

/// Each memory alone is far below the limit.
fn case_013_memories_are_summed(arena: &mut Arena) -> Contained {
    let grows = |refused: &str| {
        format!(
            "(memory 1)
             (func (export \"run\") (local $at i32)
               (loop $again
                 (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then {refused}))
                 (memory.fill (local.get $at) (i32.const 1) (i32.const 65536))
                 (local.set $at (i32.add (local.get $at) (i32.const 65536)))
                 (br_if $again (i32.lt_u (local.get $at) (i32.const 1048576)))))"
        )
    };
    let _contained = arena.component(&many(90, &grows("unreachable"))).attack(Ending::Failed("limit.memory"));
    // Nor does a guest get more that takes a refusal for an answer.
    let contained = arena.component(&many(90, &grows("return"))).attack(Ending::Completed);
    let used = contained.events.iter().find_map(|event| event["usage"]["memory"].as_u64()).expect("it is on record");
    assert!((MEMORY_BYTES / 2..=MEMORY_BYTES).contains(&used), "{used} bytes of {MEMORY_BYTES}");
    contained
}

fn case_014_a_memory_larger_than_all(arena: &mut Arena) -> Contained {
    arena.guest("case_014_memory_larger_than_all").attack(Ending::Failed("limit.memory"))
}

fn case_015_memories_without_number(arena: &mut Arena) -> Contained {
    let memories = "(memory 0)".repeat(10_000);
    let _contained = arena.component(&many(1, &format!("{memories} (func (export \"run\"))"))).attack(NOT_LOADED);
    // As many as a module may have, in as many modules as there may be: more than a step may have.
    let memories = "(memory 0)".repeat(50);
    arena.component(&many(40, &format!("{memories} (func (export \"run\"))"))).attack(Ending::Failed("trap"))
}

fn case_016_memories_of_64_bits(arena: &mut Arena) -> Contained {
    arena.guest("case_016_memory_of_64_bits").attack(NOT_LOADED)
}

fn case_017_tables_are_summed(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_017_tables_that_grow").attack(Ending::Failed("limit.tables"));
    arena.component(&many(90, "(table 1000 funcref) (func (export \"run\"))")).attack(Ending::Failed("limit.tables"))
}

fn case_018_data_segments_without_number(arena: &mut Arena) -> Contained {
    let segments: String = (0..40_000).map(|n| format!("(data (i32.const {}) \"x\")", n * 100)).collect();
    let component = many(1, &format!("(memory 100) {segments} (func (export \"run\"))"));
    let _contained = arena.component(&component).attack(Ending::Completed);
    let segments = "(data \"x\")".repeat(100_001);
    arena.component(&many(1, &format!("{segments} (func (export \"run\"))"))).attack(NOT_LOADED)
}

fn case_019_no_collected_heap(arena: &mut Arena) -> Contained {
    arena.guest("case_019_garbage_that_is_collected").attack(NOT_LOADED)
}

/// One fills what it gets, the next looks, in one worker, many times.
fn case_021_135_nothing_is_left_of_an_earlier_guest(arena: &mut Arena) -> Contained {
    let looks = crate::guests::guest("case_021_looks_for_a_mark");
    arena.place.write("looks.wasm", &looks);
    arena.guest("case_021_leaves_a_mark").and(&format!(
        "[capability.looks]\ncomponent = {{ path = \"looks.wasm\", digest = \"{}\" }}\n[limits]\nplan-steps = 400",
        claw_policy::digest(&looks)
    ));
    let steps: Vec<_> = (0..400)
        .map(|n| json!({ "id": format!("s{n}"), "capability": if n % 2 == 0 { "attack" } else { "looks" } }))
        .collect();
    let contained =
        arena.instead("[limits]", "[plan]\nsteps = 400\n[limits]").plan(json!(steps)).attack(Ending::Completed);
    assert_eq!(contained.document["steps"].as_array().map(Vec::len), Some(400));
    contained
}

/// What a guest returns is copied, made JSON, sent, checked and written: each a copy, and all of them bounded.
fn case_022_copies_of_an_output_are_bounded(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_022_output_as_large_as_can_be").attack(Ending::Failed("trap"));
    arena.guest("case_022_output_as_large_as_can_be").limits("output-bytes = \"32MiB\"");
    let contained = arena.attack(Ending::Failed("limit.output-bytes"));
    assert!(contained.peak.worker_bytes < 256 << 20, "it is counted and not made: {:?}", contained.peak);
    contained
}

fn case_023_286_a_worker_that_is_killed_is_one_failed_step(arena: &mut Arena) -> Contained {
    arena.guest("case_001_endless_loop").limits("fuel = 10_000_000_000_000\ntime = \"20s\"");
    let mut contained = None;
    for signal in ["KILL", "ABRT", "TERM"] {
        let mut sent = false;
        contained = Some(arena.attack_while(&[Ending::Failed("worker")], &mut |_, workers| {
            if let (false, Some(worker)) = (sent, workers.iter().find(|worker| crate::watch::is_busy(**worker))) {
                crate::watch::signal(*worker, signal);
                sent = true;
            }
        }));
    }
    contained.expect("three attacks")
}

/// What is no component, or one that may not be.
const NOT_LOADED: Ending = Ending::NotLoaded("component.invalid");
