//! Group C: guests that take, forge and mix up handles.

use std::fs;
use std::iter;

use serde_json::json;

use super::binary::nested;
use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_024_resources_without_end
    case_025_handles_without_end
    case_026_files_without_end
    case_027_sockets_cannot_even_be_imported
    case_028_listings_without_end
    case_029_handles_of_streams_that_are_forged
    case_029_handles_of_files_that_are_forged
    case_029_handles_of_the_rest_that_are_forged
    case_030_a_handle_of_another_instance
    case_031_things_dropped_in_every_order
    case_032_a_handle_that_was_lent
    case_033_calls_within_calls
    case_034_components_in_components
    case_035_a_store_is_not_used_again
}

const TRAP: Ending = Ending::Failed("trap");

fn case_024_resources_without_end(arena: &mut Arena) -> Contained {
    let contained = arena.guest("case_024_resources_without_end").attack(Ending::Failed("limit.handles"));
    arena.limits("handles = 10_000");
    let most = arena.attack(Ending::Failed("limit.handles"));
    assert!(most.peak.worker_bytes < contained.peak.worker_bytes + (8 << 20), "{:?} {:?}", most.peak, contained.peak);
    most
}

fn case_025_handles_without_end(arena: &mut Arena) -> Contained {
    arena.guest("case_025_handles_without_end");
    for handle in ["stdin", "stdout", "stderr", "folders", "input", "output"] {
        let _contained = arena.tell(handle).attack(Ending::Failed("limit.handles"));
    }
    arena.tell("timers").attack(Ending::Failed("limit.handles"))
}

/// However many one guest holds open, another tenant's can open theirs.
fn case_026_files_without_end(arena: &mut Arena) -> Contained {
    arena.guest("case_026_files_without_end").tell("100000");
    let _contained = arena.attack(Ending::Failed("limit.open-files"));
    let _contained = arena.limits("open-files = 640").attack(Ending::Failed("limit.open-files"));
    // As many as a policy can allow, held while another tenant's plan runs.
    arena.guest("case_026_files_without_end").tell("640");
    arena.limits("open-files = 640\nfuel = 10_000_000_000_000\ntime = \"2s\"");
    let neighbour = arena.neighbour.clone();
    let mut met = false;
    let contained = arena.attack_while(&[Ending::Failed("limit.time")], &mut |_, workers| {
        let open = |worker: &u32| fs::read_dir(format!("/proc/{worker}/fd")).map_or(0, Iterator::count);
        if !met && workers.iter().any(|worker| open(worker) > 640) {
            neighbour.run().expect("another tenant's plan runs meanwhile");
            met = true;
        }
    });
    assert!(met, "640 files were open at once");
    contained
}

fn case_027_sockets_cannot_even_be_imported(arena: &mut Arena) -> Contained {
    arena.guest("case_027_sockets_without_end").attack(Ending::NotLoaded("component.import"))
}

fn case_028_listings_without_end(arena: &mut Arena) -> Contained {
    fs::create_dir(arena.place.path("out/many")).expect("folders can be made");
    for number in 0..100_000 {
        fs::File::create(arena.place.path(&format!("out/many/{number}"))).expect("files can be made");
    }
    let contained = arena.guest("case_028_listings_without_end").attack(Ending::Completed);
    assert!(contained.peak.worker_bytes < 128 << 20, "{:?}", contained.peak);
    contained
}

/// Numbers that are no handles: none is 0, two are beyond every table, one is of another resource, and one was dropped.
const FORGED: [&str; 5] = ["0", "2147483648", "4294967295", "other", "dropped"];

/// Calls each method with one of [`FORGED`] after the other.
fn forged(arena: &mut Arena, methods: &[&str]) -> Contained {
    arena.guest("case_029_forged_handles");
    let attacks = methods.iter().zip(FORGED.iter().cycle()).map(|(method, number)| {
        let contained = arena.tell(&format!("{method} {number}")).attack(TRAP);
        let message = contained.document["steps"][0]["failure"]["message"].to_string();
        assert!(message.contains("handle index"), "{method} {number}: {message}");
        contained
    });
    attacks.last().expect("there are methods")
}

fn case_029_handles_of_streams_that_are_forged(arena: &mut Arena) -> Contained {
    let input = ["read", "blocking-read", "skip", "blocking-skip", "subscribe", "splice", "blocking-splice", "drop"];
    let output = [
        "check-write",
        "write",
        "blocking-write-and-flush",
        "write-zeroes",
        "blocking-write-zeroes-and-flush",
        "flush",
        "blocking-flush",
        "subscribe",
        "splice",
        "blocking-splice",
        "drop",
    ];
    let methods: Vec<String> = input
        .iter()
        .map(|method| format!("input.{method}"))
        .chain(output.iter().map(|method| format!("output.{method}")))
        .collect();
    forged(arena, &methods.iter().map(String::as_str).collect::<Vec<_>>())
}

fn case_029_handles_of_files_that_are_forged(arena: &mut Arena) -> Contained {
    forged(
        arena,
        &[
            "file.read-via-stream",
            "file.write-via-stream",
            "file.append-via-stream",
            "file.advise",
            "file.sync-data",
            "file.get-flags",
            "file.get-type",
            "file.set-size",
            "file.set-times",
            "file.read",
            "file.write",
            "file.read-directory",
            "file.sync",
            "file.create-directory-at",
            "file.stat",
            "file.stat-at",
            "file.set-times-at",
            "file.link-at",
            "file.link-at-to",
            "file.open-at",
            "file.readlink-at",
            "file.remove-directory-at",
            "file.rename-at",
            "file.rename-at-to",
            "file.symlink-at",
            "file.unlink-file-at",
            "file.is-same-object",
            "file.is-same-object-as",
            "file.metadata-hash",
            "file.metadata-hash-at",
            "file.drop",
        ],
    )
}

fn case_029_handles_of_the_rest_that_are_forged(arena: &mut Arena) -> Contained {
    // Every one of them with one method, beside every method with one.
    let _contained = forged(arena, &["pollable.ready"; FORGED.len()]);
    forged(
        arena,
        &[
            "pollable.block",
            "pollable.poll",
            "pollable.drop",
            "error.to-debug-string",
            "error.filesystem-error-code",
            "error.drop",
            "listing.read-directory-entry",
            "listing.drop",
            "terminal.drop-input",
            "terminal.drop-output",
        ],
    )
}

fn case_030_a_handle_of_another_instance(arena: &mut Arena) -> Contained {
    arena.guest("case_030_handle_of_another_instance").attack(TRAP)
}

/// A stream goes after what waits for it; all else goes in any order.
fn case_031_things_dropped_in_every_order(arena: &mut Arena) -> Contained {
    arena.guest("case_031_drop_orders").tell("listing 01");
    let _contained = arena.attack(Ending::Completed);
    let mut contained = arena.tell("listing 10").attack(Ending::Completed);
    for stream in ["input", "output"] {
        for (order, ending) in [
            ("012", TRAP),
            ("102", TRAP),
            ("120", TRAP),
            ("021", Ending::Completed),
            ("201", Ending::Completed),
            ("210", Ending::Completed),
        ] {
            contained = arena.tell(&format!("{stream} {order}")).attack(ending);
        }
    }
    contained
}

fn case_032_a_handle_that_was_lent(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_032_borrow_never_given_back").attack(TRAP);
    arena.guest("case_032_borrow_used_later").attack(TRAP)
}

fn case_033_calls_within_calls(arena: &mut Arena) -> Contained {
    let _contained = arena.guest("case_033_call_from_post_return").attack(TRAP);
    let _contained = arena.guest("case_033_call_of_the_caller").attack(TRAP);
    arena.guest("case_033_call_from_realloc").attack(TRAP)
}

fn case_034_components_in_components(arena: &mut Arena) -> Contained {
    let component = |text: String| wat::parse_str(text).expect("the text is a component");
    // As many instances as a component may have, and each of a module with a memory.
    let instances = "(core instance (instantiate $m))".repeat(1_000);
    let run = r#"(core module $r (func (export "run"))) (core instance $r (instantiate $r))
        (func (export "run") (canon lift (core func $r "run")))"#;
    arena.component(&component(format!("(component (core module $m (memory 0)) {instances} {run})")));
    let _contained = arena.attack_any(&[TRAP, Ending::NotLoaded("component.invalid")]);
    // Components in components in components, deeper than text could be. What can be read of them exports nothing.
    for depth in [100, 1_000] {
        let endings = [Ending::NotLoaded("component.function"), Ending::NotLoaded("component.invalid")];
        let _contained = arena.component(&nested(depth)).attack_any(&endings);
    }
    // A call that goes through adapters of a hundred components, and one that would through more than there may be.
    let mut contained = None;
    for (count, endings) in [(90, [Ending::Completed, TRAP]), (900, [TRAP, Ending::NotLoaded("component.invalid")])] {
        let links: String = iter::once(String::new())
            .chain(
                (1..count)
                    .map(|n| format!(r#"(instance $i{n} (instantiate $link (with "next" (func $i{} "run"))))"#, n - 1)),
            )
            .collect();
        let text = format!(
            r#"(component
                (component $first {run})
                (component $link
                    (import "next" (func $next))
                    (core func $next (canon lower (func $next)))
                    (core module $m (import "" "next" (func $next)) (func (export "run") (call $next)))
                    (core instance $i (instantiate $m (with "" (instance (export "next" (func $next))))))
                    (func (export "run") (canon lift (core func $i "run"))))
                (instance $i0 (instantiate $first))
                {links}
                (export "run" (func $i{} "run")))"#,
            count - 1
        );
        contained = Some(arena.component(&component(text)).attack_any(&endings));
    }
    contained.expect("two attacks")
}

/// Each step has a store of its own, and a trap ends the run.
fn case_035_a_store_is_not_used_again(arena: &mut Arena) -> Contained {
    let step = |id: &str, trap: bool| json!({ "id": id, "capability": "attack", "arguments": { "trap": trap } });
    arena.guest("case_035_state_left_behind").and("[capability.attack.argument]\ntrap = { from = [\"planner\"] }");
    arena.plan(json!([step("a", true), step("b", false)]));
    let contained = arena.attack(TRAP);
    assert_eq!(contained.document["steps"].as_array().map(Vec::len), Some(1), "nothing comes after it");
    arena.plan(json!([step("a", false), step("b", false), step("c", false)]));
    let contained = arena.attack(Ending::Completed);
    for step in 0..3 {
        assert_eq!(contained.document["steps"][step]["output"], false, "it finds nothing of what an earlier one left");
    }
    contained
}
