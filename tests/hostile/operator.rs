//! Group O: the operator's machine, and a worker that an attacker owns.

use std::fs;

use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_288_nothing_is_found_in_the_current_folder_or_taken_from_the_environment
}

fn case_288_nothing_is_found_in_the_current_folder_or_taken_from_the_environment(arena: &mut Arena) -> Contained {
    // The folder of an untrusted repository: everything that a program could look for is there, and allows everything.
    arena.tools().plan(json!([{ "id": "a", "capability": "write", "arguments": { "path": "a.md", "text": "x" } }]));
    let open = arena.place.read("policy.toml");
    for lure in [
        "claw.toml",
        ".claw.toml",
        "claw.json",
        ".claw/policy.toml",
        ".claw/config.toml",
        ".config/claw/policy.toml",
        "Claw.toml",
        "default.toml",
        "policy.d/x.toml",
        "--policy",
        "--only",
        "-",
        "*",
        ".env",
        ".clawrc",
        "wasmtime.toml",
    ] {
        arena.place.write(lure, &open);
    }
    for arguments in [
        &["run", "--plan", "plan.json"][..],
        &["check", "--plan", "plan.json"],
        &["run", "--policy", "--plan", "plan.json"],
        &["check", "--policy", "--plan", "plan.json"],
        &["run", "--policy=", "--plan", "plan.json"],
        &["run", "--policy", "*.toml", "--plan", "plan.json"],
        &["run", "--policy", "policy.toml", "--plan", "*.json"],
        &["run", "--policy", "policy.toml", "--policy", "claw.toml", "--plan", "plan.json"],
        &["policy", "explain"],
        &["run"],
    ] {
        let mut command = arena.place.command(arguments);
        for name in ["CLAW_POLICY", "POLICY", "CLAW_CONFIG", "CLAW_HOME", "CLAW_ARGS", "CLAW_ALLOW", "CLAW_PLAN"] {
            command.env(name, "policy.toml");
        }
        let ran = command.output().expect("it starts");
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    assert_eq!(fs::read_dir(arena.place.path("out")).expect("it is there").count(), 0, "nothing has run");
    // The policy that is named is the one that decides, beside all of them, and an option's value is one.
    arena.instead("[capability.write]\ncomponent = \"builtin:write-file\"\ngrants = [\"out\"]\n", "");
    let _contained = arena.attack(Ending::Refused("capability.unknown"));
    for arguments in [["--only", "--json"], ["--task", "--policy=claw.toml"], ["--input", "-"], ["--dir", "--"]] {
        let _contained =
            arena.arguments(&arguments).attack_any(&[Ending::NotLoaded("usage"), Ending::NotLoaded("task.unknown")]);
    }
    arena.arguments(&[]).tools().attack(Ending::Completed)
}
