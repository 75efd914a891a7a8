//! Group H: guests and planners that try to learn what they are not told.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::program::{probe, violations};
use crate::watch::is_busy;

cases! {
    case_129_nothing_of_the_host_is_around
    case_130_no_error_tells_a_path_of_the_hosts
    case_131_clocks_measure_nothing
    case_132_each_step_draws_anew
    case_133_a_file_is_not_told_from_its_like_elsewhere
    case_134_a_listing_has_what_is_in_the_folder
    case_135_memory_comes_empty
    case_136_files_come_empty
    case_137_nothing_of_another_interface_is_linked
    case_138_what_is_outside_is_neither_there_nor_absent
    case_140_refusals_tell_no_values
    case_141_nobody_is_told_the_machine_or_the_version
    case_142_a_crash_leaves_no_memory_behind
    case_143_a_worker_holds_no_secret_for_others_to_see
}

/// A plan with one call for each of these capabilities.
fn calls(capabilities: &[&str]) -> Value {
    capabilities.iter().enumerate().map(|(n, name)| json!({ "id": format!("s{n}"), "capability": name })).collect()
}

/// Adds another guest beside the first, with its own capability `name`.
fn beside(arena: &mut Arena, name: &str, guest: &str, grants: &str) {
    let bytes = crate::guests::guest(guest);
    arena.place.write(&format!("{name}.wasm"), &bytes);
    arena.and(&format!(
        "[capability.{name}]\ncomponent = {{ path = \"{name}.wasm\", digest = \"{}\" }}\ngrants = [{grants}]",
        claw_policy::digest(&bytes)
    ));
}

/// The probe of the whole-program tests, which does what its arguments say.
fn act(arena: &mut Arena, what: &str, n: u64, path: &str) {
    arena.component(&fs::read(probe()).expect("the probe is there"));
    let any = "{ from = [\"planner\"] }";
    arena.and(&format!("[capability.attack.argument]\nwhat = {any}\nn = {any}\npath = {any}"));
    let arguments = json!({ "what": what, "n": n, "path": path });
    arena.plan(json!([{ "id": "act", "capability": "attack", "arguments": arguments }]));
}

fn case_129_nothing_of_the_host_is_around(arena: &mut Arena) -> Contained {
    let contained = arena.guest("case_129_dumps_what_is_around").attack(Ending::Completed);
    let expected = "[]\n[]\nOk(\"/\")\nNone\nOk(0) []\n[\"/in\", \"/out\"]\nfalse\n";
    assert_eq!(arena.place.read("out/found"), expected, "this, and nothing else");
    act(arena, "ambient", 1, "");
    let again = arena.attack(Ending::Completed);
    // No environment, no arguments, the folder `/`, which cannot be listed, and an input at its end.
    let expected = "[] [] Ok(\"/\") Ok(0) Err(\"NotFound: No such file or directory (os error 44)\")";
    assert_eq!(again.output(0), expected);
    contained
}

fn case_130_no_error_tells_a_path_of_the_hosts(arena: &mut Arena) -> Contained {
    symlink("loop", arena.place.path("in/loop")).expect("links can be made");
    symlink("../sentinel/key", arena.place.path("in/away")).expect("links can be made");
    let contained =
        arena.guest("case_130_asks_for_errors").attack_any(&[Ending::Failed("trap"), Ending::Halted("path.read-only")]);
    let said = arena.place.read("out/said") + &contained.document.to_string();
    let told = said.replace(contained.document["record"].as_str().expect("a path"), "");
    for hidden in arena.hidden() {
        assert!(!told.contains(&hidden), "{hidden}: {told}");
    }
    for (what, path, ending) in [
        ("read", "/in/absent", Ending::Failed("capability")),
        ("read", "/in/../x", Ending::Halted("path.escape")),
        ("read", "/in", Ending::Failed("capability")),
        ("recurse", "", Ending::Failed("trap")),
        ("exit", "", Ending::Failed("trap")),
        ("fail", "as it was told", Ending::Failed("capability")),
    ] {
        act(arena, what, 1 << 40, path);
        let _contained = arena.attack(ending);
    }
    // What prints a panic says where in its own source, and that is the guest's.
    let (code, run) = {
        act(arena, "panic", 1, "");
        arena.place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"])
    };
    assert_eq!(code, Some(4));
    for hidden in arena.hidden() {
        assert!(!run["steps"].to_string().contains(&hidden), "{hidden}: {run:#}");
    }
    // A schema's fault, and a component that is none, seen by whoever wrote the plan.
    arena.tools().plan(json!([{ "id": "a", "capability": "read", "arguments": { "path": "../../x" } }]));
    arena.attack(Ending::Refused("argument.path"))
}

fn case_131_clocks_measure_nothing(arena: &mut Arena) -> Contained {
    let before = std::time::SystemTime::now();
    let contained = arena.guest("case_131_measures_time").attack(Ending::Completed);
    let clock = contained.events.iter().find(|event| event["event"] == "step").expect("a step")["clock"].as_u64();
    let since = before.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    assert!(u128::from(clock.expect("it is on record")) >= since, "where it began is on record");
    // Nobody waits for a guest that sleeps: its own clock moves.
    act(arena, "sleep", 3_000_000, "");
    let contained = arena.attack(Ending::Completed);
    assert_eq!(contained.output(0), "3000000");
    contained
}

fn case_132_each_step_draws_anew(arena: &mut Arena) -> Contained {
    const RUNS: usize = 5;
    arena.guest("case_132_draws").plan(calls(&["attack"; 60]));
    let mut seeds = BTreeSet::new();
    let mut last = None;
    for _ in 0..RUNS {
        let contained = arena.attack(Ending::Completed);
        assert!(seeds.insert(contained.events[0]["seed"].to_string()), "each run has a seed of its own");
        last = Some(contained);
    }
    let drawn = arena.place.read("out/drawn");
    let distinct: BTreeSet<&str> = drawn.lines().collect();
    assert_eq!((drawn.lines().count(), distinct.len()), (RUNS * 60 * 11, RUNS * 60 * 11), "no number comes twice");
    // As many ones as zeros, about.
    let ones: u32 = drawn.chars().filter_map(|c| c.to_digit(16)).map(u32::count_ones).sum();
    let share = f64::from(ones) / (drawn.lines().count() * 128) as f64;
    assert!((0.49..0.51).contains(&share), "{share}");
    last.expect("it ran")
}

fn case_133_a_file_is_not_told_from_its_like_elsewhere(arena: &mut Arena) -> Contained {
    arena.guest("case_133_looks_at_files").plan(calls(&["attack"]));
    let contained = arena.attack(Ending::Completed);
    let here = arena.place.read("out/found");
    // Another machine's files with other devices and inodes, as far as a guest can tell.
    let mut other = Arena::new();
    let _contained = other.guest("case_133_looks_at_files").attack(Ending::Completed);
    assert_eq!(here, other.place.read("out/found"), "what stands for a file tells nothing of it");
    for line in here.lines() {
        assert!(line.contains("upper: 0") || line.contains("upper_: 0"), "{line}");
    }
    contained
}

fn case_134_a_listing_has_what_is_in_the_folder(arena: &mut Arena) -> Contained {
    arena.place.write("in/sub/inner.md", "x");
    symlink("../sentinel", arena.place.path("in/out")).expect("links can be made");
    // Naming what is above as a folder is refused, whatever comes of it.
    let contained = arena.guest("case_134_lists").attack(Ending::Completed);
    let all = "[\"notes.md\", \"out\", \"sinkhole\", \"sub\"]";
    let expected = format!("/in {all}\n/in/ {all}\n/in/. {all}\n/in/sub/.. {all}\n/in/sub [\"inner.md\"]");
    assert_eq!(arena.place.read("out/found"), expected);
    contained
}

/// One after the other in one worker, and each way round.
fn case_135_memory_comes_empty(arena: &mut Arena) -> Contained {
    arena.guest("case_135_fills_memory").without_grants();
    beside(arena, "look", "case_135_looks_for_bytes", "");
    arena.plan(calls(&["attack", "look", "look", "attack", "attack", "look"])).attack(Ending::Completed)
}

fn case_136_files_come_empty(arena: &mut Arena) -> Contained {
    arena.guest("case_136_leaves_bytes");
    beside(arena, "look", "case_136_looks_for_bytes", "\"in\", \"out\"");
    arena.plan(calls(&["attack", "look"])).attack(Ending::Completed)
}

/// The older interfaces, whose replies have had bytes in them that nobody wrote, are not there.
fn case_137_nothing_of_another_interface_is_linked(arena: &mut Arena) -> Contained {
    let module = |import: &str| {
        wat::parse_str(format!(
            "(module (import \"{import}\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32))) \
             (memory (export \"memory\") 1) (func (export \"_start\")))"
        ))
        .expect("the text is a module")
    };
    for import in ["wasi_snapshot_preview1", "wasi_unstable", "env", "wasi"] {
        let _contained = arena.component(&module(import)).attack(Ending::NotLoaded("component.invalid"));
    }
    for import in [
        "wasi-snapshot-preview1",
        "wasi:snapshot/preview1@0.1.0",
        "wasi:filesystem/types@0.3.0",
        "wasi:cli/stdout@0.3.0",
        "wasi:io/streams@1.0.0",
    ] {
        let component = format!(
            "(component (import \"{import}\" (instance (export \"get\" (func)))) \
             (core module $m (func (export \"run\"))) (core instance $i (instantiate $m)) \
             (func (export \"run\") (canon lift (core func $i \"run\"))))"
        );
        let component = wat::parse_str(component).expect("the text is a component");
        let _contained = arena.component(&component).attack(Ending::NotLoaded("component.import"));
    }
    arena.component(&crate::guests::harmless()).attack(Ending::Completed)
}

fn case_138_what_is_outside_is_neither_there_nor_absent(arena: &mut Arena) -> Contained {
    fs::create_dir(arena.place.path("in/sub")).expect("folders can be made");
    for (name, target) in [
        ("leads-to-key", "../sentinel/key"),
        ("leads-to-nothing", "../sentinel/absent"),
        ("leads-to-folder", "../sentinel"),
        ("leads-to-passwd", "/etc/passwd"),
    ] {
        symlink(target, arena.place.path(&format!("in/{name}"))).expect("links can be made");
    }
    arena.guest("case_138_asks_what_is_outside").attack(Ending::Completed)
}

fn case_140_refusals_tell_no_values(arena: &mut Arena) -> Contained {
    // Whatever is the user's, or another part of the policy's, is in no refusal of a plan that does not use it.
    arena.place.write("hidden-folder/x", "");
    let input = format!("token={}", "USERS-VALUE");
    arena.tools().and(
        "[input.token]\ntype = \"string\"\npattern = \"[A-Z-]+\"\n\n\
         [grant.hidden]\ndir = \"hidden-folder\"\naccess = \"read\"\n\n\
         [capability.fixed]\ncomponent = \"builtin:list-files\"\ngrants = [\"hidden\"]\n\
         [capability.fixed.argument]\npath = { input = \"token\" }\n\
         pattern = { enum = [\"HIDDEN-OPTION\"], from = [\"any\"] }\n",
    );
    arena.arguments(&["--input", &input]);
    let one =
        |capability: &str, arguments: Value| json!([{ "id": "a", "capability": capability, "arguments": arguments }]);
    let mut last = None;
    for (plan, rule) in [
        (one("shell", json!({})), "capability.unknown"),
        (one("list", json!({ "token": "x" })), "argument.unknown"),
        (one("list", json!({ "path": { "$input": "tokem" } })), "input.unbound"),
        (one("read", json!({ "path": { "$input": "token" }, "x": 1 })), "argument.unknown"),
        (one("write", json!({ "path": "a.md" })), "argument.missing"),
        (one("write", json!({ "path": { "$input": "token" }, "text": { "$step": "hidden" } })), "reference.unknown"),
        (one("fixed", json!({ "path": "a.md" })), "argument.input"),
        (one("list", json!({ "path": [{ "$input": "token" }] })), "argument.type"),
    ] {
        let contained = arena.plan(plan).attack(Ending::Refused(rule));
        let told = contained.document["violations"].to_string();
        for hidden in ["USERS-VALUE", "hidden-folder", "HIDDEN-OPTION", "[A-Z-]+", "builtin:", "sentinel"] {
            assert!(!told.contains(hidden), "{rule} tells {hidden}: {told}");
        }
        last = Some(contained);
    }
    // A part that a run leaves out is as if it were not there.
    arena.arguments(&["--input", &input, "--only", "list"]).plan(one("fixed", json!({})));
    let contained = arena.attack(Ending::Refused("capability.unknown"));
    let left_out = contained.document["violations"][0]["message"].as_str().expect("a message").to_owned();
    arena.plan(one("fixes", json!({})));
    let contained = arena.attack(Ending::Refused("capability.unknown"));
    let unknown = contained.document["violations"][0]["message"].as_str().expect("a message");
    assert_eq!(left_out.replace("fixed", "fixes"), unknown, "both are told in the same words");
    assert_eq!(violations(&contained.document).len(), 1);
    last.expect("plans were refused")
}

fn case_141_nobody_is_told_the_machine_or_the_version(arena: &mut Arena) -> Contained {
    let machine: Vec<String> = ["hostname", "osrelease", "version"]
        .iter()
        .map(|name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).expect("Linux says it").trim().to_owned())
        // A name of two letters is in any text.
        .filter(|name| name.len() > 3)
        .collect();
    let told = |contained: &Contained| {
        ["steps", "answer", "violations"].map(|key| contained.document[key].to_string()).join("\n")
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut last = None;
    for (guest, ending) in
        [("case_129_dumps_what_is_around", Ending::Completed), ("case_130_asks_for_errors", Ending::Failed("trap"))]
    {
        let contained = arena.guest(guest).attack_any(&[ending, Ending::Halted("path.read-only")]);
        let written = fs::read_dir(arena.place.path("out")).expect("it is there");
        let written: String =
            written.map(|file| fs::read_to_string(file.expect("it can be read").path()).expect("UTF-8")).collect();
        for name in machine.iter().map(String::as_str).chain([version, "cranelift", "48.0", "linux", "x86_64"]) {
            assert!(!told(&contained).contains(name), "{name}: {}", told(&contained));
            assert!(!written.contains(name), "{name}: {written}");
        }
        last = Some(contained);
    }
    last.expect("they ran")
}

fn case_142_a_crash_leaves_no_memory_behind(arena: &mut Arena) -> Contained {
    // As much as this user can allow, for what is started from here.
    let most = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: most, maximum: most }).expect("what is allowed can be set");
    arena.guest("case_168_takes_a_while");
    assert_eq!(arena.place.json(&["check", "--policy", "policy.toml", "--plan", "plan.json"]).0, Some(0));
    for signal in [Signal::ABORT, Signal::QUIT, Signal::XCPU] {
        let mut limits = None;
        let contained = arena.attack_while(&[Ending::Failed("worker")], &mut |_, workers| {
            if let (None, Some(worker)) = (&limits, workers.last().filter(|worker| is_busy(**worker))) {
                limits = Some(fs::read_to_string(format!("/proc/{worker}/limits")).expect("it runs"));
                let process = i32::try_from(*worker).ok().and_then(Pid::from_raw).expect("a process");
                kill_process(process, signal).expect("it runs");
            }
        });
        let limits = limits.expect("it was killed while it ran");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("Linux says it");
        assert_eq!(core.split_ascii_whitespace().nth(4), Some("0"), "{core}");
        drop(contained);
    }
    for folder in ["", "in", "out", "tmp"] {
        for entry in fs::read_dir(arena.place.path(folder)).expect("it is there") {
            let name = entry.expect("it can be read").file_name().into_string().expect("UTF-8");
            assert!(!name.starts_with("core"), "{folder}/{name}");
        }
    }
    arena.attack(Ending::Completed)
}

fn case_143_a_worker_holds_no_secret_for_others_to_see(arena: &mut Arena) -> Contained {
    arena.place.write("token.txt", "USERS-VALUE");
    arena
        .guest("case_168_takes_a_while")
        .and("[input.token]\ntype = \"string\"")
        .arguments(&["--input", "token=@token.txt"]);
    let mut seen = 0;
    let contained = arena.attack_while(&[Ending::Completed], &mut |parent, workers| {
        for worker in workers.iter().filter(|worker| is_busy(**worker)) {
            let of = |what: &str| fs::read(format!("/proc/{worker}/{what}")).unwrap_or_default();
            assert!(of("environ").is_empty(), "{:?}", String::from_utf8_lossy(&of("environ")));
            assert!(of("cmdline").is_empty() || of("cmdline").ends_with(b"\0__worker\0"), "and no argument but that");
            let folder = fs::read_link(format!("/proc/{worker}/cwd"));
            assert!(folder.is_err() || folder.is_ok_and(|folder| folder.as_os_str() == "/"));
            seen += 1;
        }
        let line = fs::read(format!("/proc/{parent}/cmdline")).unwrap_or_default();
        assert!(!line.windows(11).any(|part| part == b"USERS-VALUE"), "what is in a file need not be on the line");
    });
    assert!(seen > 0, "it was looked at while it ran");
    contained
}
