//! Group A: guests that take time.

use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::watch::{is_busy, signal};

cases! {
    case_001_endless_loop
    case_002_endless_recursion
    case_003_memory_copied_over_and_over
    case_004_a_loop_before_the_call
    case_005_loops_around_the_call
    case_006_a_destructor_that_loops_when_its_resource_is_left
    case_007_calls_to_the_host_without_end
    case_008_denormal_numbers
    case_009_many_short_runs
    case_010_polling_without_waiting
    case_011_limits_that_are_no_limits
    case_012_a_worker_that_is_stopped
}

fn case_001_endless_loop(arena: &mut Arena) -> Contained {
    let contained = arena
        .guest("case_001_endless_loop")
        .limits("fuel = 1_000_000_000\ntime = \"60s\"")
        .attack(Ending::Failed("limit.fuel"));
    assert_eq!(contained.document["steps"][0]["fuel"], 1_000_000_000_u64, "all of it, and no more");
    // Without its fuel it is the deadline that ends it.
    arena.guest("case_001_endless_loop").limits("fuel = 10_000_000_000_000\ntime = \"300ms\"");
    let contained = arena.attack(Ending::Failed("limit.time"));
    let ms = contained.document["steps"][0]["ms"].as_f64().expect("a number");
    assert!((300.0..5_000.0).contains(&ms), "stopped when its time was up, and not much later: {ms} ms");
    contained
}

fn case_002_endless_recursion(arena: &mut Arena) -> Contained {
    arena.guest("case_002_endless_recursion").attack(Ending::Failed("trap"))
}

fn case_003_memory_copied_over_and_over(arena: &mut Arena) -> Contained {
    arena.guest("case_003_memory_copied_over_and_over").limits("fuel = 10_000_000_000_000\ntime = \"500ms\"");
    let contained = arena.attack(Ending::Failed("limit.time"));
    let ms = contained.document["steps"][0]["ms"].as_f64().expect("a number");
    assert!(ms < 5_000.0, "an instruction that cannot be interrupted is bounded by the memory it is about: {ms} ms");
    arena.guest("case_003_memory_copied_over_and_over").limits("time = \"60s\"").attack(Ending::Failed("limit.fuel"))
}

fn case_004_a_loop_before_the_call(arena: &mut Arena) -> Contained {
    arena
        .guest("case_004_loop_in_start")
        .limits("fuel = 100_000_000\ntime = \"60s\"")
        .attack(Ending::Failed("limit.fuel"))
}

fn case_005_loops_around_the_call(arena: &mut Arena) -> Contained {
    arena.plan(json!([{ "id": "attack", "capability": "attack", "arguments": { "text": "x" } }]));
    arena.guest("case_005_loop_in_realloc").limits("fuel = 100_000_000\ntime = \"60s\"");
    let _contained =
        arena.and("[capability.attack.argument]\ntext = { from = [\"planner\"] }").attack(Ending::Failed("limit.fuel"));
    arena.plan(json!([{ "id": "attack", "capability": "attack" }]));
    let _contained = arena
        .guest("case_005_loop_in_post_return")
        .limits("fuel = 100_000_000\ntime = \"60s\"")
        .attack(Ending::Failed("limit.fuel"));
    arena
        .guest("case_005_loop_in_destructor")
        .limits("fuel = 100_000_000\ntime = \"60s\"")
        .attack(Ending::Failed("limit.fuel"))
}

/// A store is dropped without running anything of the guest's.
fn case_006_a_destructor_that_loops_when_its_resource_is_left(arena: &mut Arena) -> Contained {
    arena.guest("case_006_destructor_that_loops").attack(Ending::Completed)
}

fn case_007_calls_to_the_host_without_end(arena: &mut Arena) -> Contained {
    arena.guest("case_007_calls_to_the_host_without_end").without_grants().attack(Ending::Failed("limit.host-calls"))
}

fn case_008_denormal_numbers(arena: &mut Arena) -> Contained {
    arena.guest("case_008_denormal_numbers").limits("fuel = 10_000_000_000_000\ntime = \"300ms\"");
    arena.attack(Ending::Failed("limit.time"))
}

/// A plan cannot run more often than its policy says, however short its steps are.
fn case_009_many_short_runs(arena: &mut Arena) -> Contained {
    let steps: Vec<_> = (0..64).map(|n| json!({ "id": format!("s{n}"), "capability": "attack" })).collect();
    arena.guest("case_009_short_run").plan(json!(steps));
    let contained = arena.attack(Ending::Completed);
    assert_eq!(contained.document["steps"].as_array().map(Vec::len), Some(64), "one after the other, in one worker");
    let steps: Vec<_> = (0..65).map(|n| json!({ "id": format!("s{n}"), "capability": "attack" })).collect();
    arena.plan(json!(steps)).attack(Ending::Refused("limit.plan-steps"))
}

fn case_010_polling_without_waiting(arena: &mut Arena) -> Contained {
    arena.guest("case_010_polling_without_waiting").without_grants().attack(Ending::Failed("limit.host-calls"))
}

fn case_011_limits_that_are_no_limits(arena: &mut Arena) -> Contained {
    for fuel in ["0", "-1", "1e30", "1.5", "18446744073709551615", "9223372036854775807", "\"unlimited\"", "inf", "nan"]
    {
        arena.guest("case_001_endless_loop").limits(&format!("fuel = {fuel}"));
        let _contained = arena.attack_any(&[Ending::NotLoaded("policy.limit"), Ending::NotLoaded("policy.syntax")]);
    }
    // The most that can be set still ends, by its time.
    arena.guest("case_001_endless_loop").limits("fuel = 10_000_000_000_000\ntime = \"200ms\"");
    arena.attack(Ending::Failed("limit.time"))
}

/// Nothing in a stopped worker ticks or counts; the parent's deadline does.
fn case_012_a_worker_that_is_stopped(arena: &mut Arena) -> Contained {
    arena.guest("case_001_endless_loop").limits("fuel = 10_000_000_000_000\ntime = \"2s\"");
    let mut stopped = None;
    let contained = arena.attack_while(&[Ending::Failed("limit.time")], &mut |_, workers| {
        if let (None, Some(worker)) = (stopped, workers.iter().find(|worker| is_busy(**worker))) {
            signal(*worker, "STOP");
            stopped = Some(*worker);
        }
    });
    assert!(stopped.is_some(), "it was stopped while it ran");
    contained
}
