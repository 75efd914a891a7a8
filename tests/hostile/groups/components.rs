//! Group I: components that are none, that ask for what they may not have, or that are not those that were meant.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::guests;
use crate::oracle::{Contained, Ending};

cases! {
    case_144_bytes_that_are_no_component
    case_144_components_that_are_mutated
    case_148_imports_that_are_not_granted
    case_149_exports_that_are_no_capability
    case_150_artefacts_that_are_planted
    case_151_a_file_that_is_swapped
    case_152_a_pin_that_does_not_match
    case_153_programs_libraries_and_several_functions
}

fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A component whose `run` returns this number.
fn numbered(number: u32) -> Vec<u8> {
    text(&format!(
        r#"(component
            (core module $m (func (export "run") (result i32) (i32.const {number})))
            (core instance $i (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#
    ))
}

fn case_144_bytes_that_are_no_component(arena: &mut Arena) -> Contained {
    let whole = guests::guest("case_036_output_cut");
    let mut noise = Noise(144);
    let mut none: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\0".to_vec(),
        b"\0asm".to_vec(),
        // The header of a core module, of a component of the future, of one with a section that never ends.
        b"\0asm\x01\0\0\0".to_vec(),
        b"\0asm\x0e\0\x01\0".to_vec(),
        b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\x0f".to_vec(),
        text("(module (func (export \"run\")))"),
        b"(component)".to_vec(),
        b"#!/bin/sh\nexit 0\n".to_vec(),
        fs::read(crate::program::program()).expect("the program can be read")[..64 << 10].to_vec(),
        (0..64 << 10).map(|_| noise.next() as u8).collect(),
    ];
    none.extend([9, 100, whole.len() / 2, whole.len() - 1].map(|len| whole[..len].to_vec()));
    let attacks = none.iter().map(|bytes| arena.component(bytes).attack(Ending::NotLoaded("component.invalid")));
    attacks.last().expect("there are some")
}

/// Numbers that look random, and are the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn case_144_components_that_are_mutated(arena: &mut Arena) -> Contained {
    let (whole, mut noise) = (guests::guest("case_036_output_cut"), Noise(1));
    // What was mutated may still be a component, and do anything that a guest can.
    let endings: Vec<Ending> = ["component.invalid", "component.function", "component.import", "component.limit"]
        .map(Ending::NotLoaded)
        .into_iter()
        .chain(["trap", "capability", "output", "worker"].map(Ending::Failed))
        .chain(["limit.fuel", "limit.time", "limit.memory", "limit.host-calls", "limit.handles"].map(Ending::Failed))
        .chain([Ending::Completed])
        .collect();
    let mut contained = None;
    for round in 0..25 {
        let mut mutated = whole.clone();
        for _ in 0..=round % 5 {
            let at = usize::try_from(noise.next()).expect("64 bits") % mutated.len();
            match noise.next() % 4 {
                0 => mutated[at] = noise.next() as u8,
                1 => mutated[at] ^= 1 << (noise.next() % 8),
                2 => drop(mutated.remove(at)),
                _ => mutated.insert(at, noise.next() as u8),
            }
        }
        contained = Some(arena.tell("go on").component(&mutated).attack_any(&endings));
    }
    contained.expect("there are rounds")
}

fn case_148_imports_that_are_not_granted(arena: &mut Arena) -> Contained {
    let run = r#"(core module $m (func (export "run"))) (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run")))"#;
    let refused = Ending::NotLoaded("component.import");
    let function = r#"(export "f" (func))"#;
    for name in [
        "wasi:sockets/tcp-create-socket@0.2.6",
        "wasi:sockets/instance-network@0.2.6",
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:http/types@0.2.99",
        "wasi:cli/stdout@0.2.99",
        "wasi:cli/stdout@0.3.0",
        "wasi:cli/stdout",
        "wasi:clocks/monotonic-clocks@0.2.6",
        "wasi:keyvalue/store@0.2.0",
        "claw:host/everything",
    ] {
        arena.component(&text(&format!(r#"(component (import "{name}" (instance {function})) {run})"#)));
        let contained = arena.attack(refused);
        let message = contained.document["error"]["message"].to_string();
        assert!(message.contains(name), "{name} is not in {message}");
    }
    // All that is not granted is listed, not only the first; and folders are not, without a grant.
    let several = ["wasi:filesystem/types@0.2.6", "wasi:filesystem/preopens@0.2.6", "a:b/c"];
    let imports: String = several.iter().map(|name| format!(r#"(import "{name}" (instance {function}))"#)).collect();
    arena.component(&text(&format!("(component {imports} {run})"))).without_grants();
    let contained = arena.attack(refused);
    let message = contained.document["error"]["message"].to_string();
    assert!(several.iter().all(|name| message.contains(name)), "{message}");
    // Linked with nothing behind it, because the policy says so, it finds nothing.
    arena.guest("case_036_output_cut").without_grants();
    arena.instead("[capability.attack]\n", "[capability.attack]\ninert = [\"wasi:filesystem\"]\n");
    let _contained = arena.tell("go on").attack(Ending::Failed("trap"));
    // A name that is linked, and a type that is not its own.
    let other = r#"(import "wasi:random/random@0.2.6" (instance (export "get-random-u64" (func (result string)))))"#;
    arena.component(&text(&format!("(component {other} {run})"))).attack(Ending::Failed("worker"))
}

fn case_149_exports_that_are_no_capability(arena: &mut Arena) -> Contained {
    let function = Ending::NotLoaded("component.function");
    let module = r#"(core module $m (func (export "run") (param i32))) (core instance $i (instantiate $m))"#;
    for exports in [
        "".to_owned(),
        // Only a type; a resource in an argument, and what is asynchronous.
        r#"(type $t u32) (instance $i (export "t" (type $t))) (export "a:b/c" (instance $i))"#.to_owned(),
        format!(
            r#"(import "a:b/c" (instance $r (export "r" (type (sub resource)))))
               (alias export $r "r" (type $r)) {module}
               (func (export "run") (param "it" (own $r)) (canon lift (core func $i "run")))"#
        ),
    ] {
        arena.component(&text(&format!("(component {exports})")));
        let _contained = arena.attack_any(&[function, Ending::NotLoaded("component.import")]);
    }
    let asynchronous = r#"(component
        (type $f (func async))
        (core module $m
            (func (export "run") (result i32) (i32.const 0))
            (func (export "back") (param i32 i32 i32) (result i32) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export "run") (type $f) (canon lift (core func $i "run") async (callback (core func $i "back")))))"#;
    let _contained =
        arena.component(&text(asynchronous)).attack_any(&[function, Ending::NotLoaded("component.invalid")]);
    arena.component(&numbered(1)).instead("grants = [\"in\", \"out\"]", "function = \"walk\"");
    arena.attack(function)
}

/// Where the one compiled component of a home is: what it is, and its native code.
fn entries(arena: &Arena) -> [PathBuf; 2] {
    let cache = fs::read_dir(arena.place.home().join(".cache/claw/components")).expect("there is a cache");
    let mut entries: Vec<PathBuf> = cache.map(|entry| entry.expect("it can be read").path()).collect();
    // Behind its MAC, native code is in ELF.
    entries.sort_by_key(|entry| fs::read(entry).expect("it can be read")[MAC_BYTES..].starts_with(b"\x7fELF"));
    entries.try_into().expect("one was compiled, and no other")
}

/// Bytes of the MAC that a file of the cache begins with.
const MAC_BYTES: usize = 32;

fn case_150_artefacts_that_are_planted(arena: &mut Arena) -> Contained {
    arena.place.own_home();
    let _contained = arena.component(&numbered(1)).attack(Ending::Completed);
    let entries = entries(arena);
    let both = entries.each_ref().map(|entry| fs::read(entry).expect("it can be read"));
    let artefact = both[1][MAC_BYTES..].to_vec();
    assert!(artefact.starts_with(b"\x7fELF"), "it is native code");
    for (entry, good) in entries.iter().zip(&both) {
        let flipped = |at: usize| {
            let mut bad = good.clone();
            bad[at] ^= 1;
            bad
        };
        for bad in [
            flipped(0),
            flipped(MAC_BYTES),
            flipped(good.len() / 2),
            flipped(good.len() - 1),
            good[..good.len() - 1].to_vec(),
            [good.as_slice(), b"\0"].concat(),
            good[MAC_BYTES..].to_vec(),
            Vec::new(),
        ] {
            fs::write(entry, &bad).expect("it can be written");
            let contained = arena.attack(Ending::Completed);
            assert_eq!(contained.document["steps"][0]["output"], 1, "it is compiled again");
            assert_eq!(fs::read(entry).expect("it can be read").len(), good.len(), "and what was planted is gone");
        }
        // One that is gone costs time alone.
        fs::remove_file(entry).expect("it was there");
        let _contained = arena.attack(Ending::Completed);
        assert!(entry.exists(), "it is made again");
    }
    // What was compiled of one component is nothing of another's; nor is what it is its code.
    let _contained = arena.component(&numbered(2)).attack(Ending::Completed);
    let cache = fs::read_dir(entries[0].parent().expect("a folder")).expect("there is a cache");
    let all: Vec<PathBuf> = cache.map(|entry| entry.expect("it can be read").path()).collect();
    assert_eq!(all.len(), 4);
    for (good, place) in both.iter().flat_map(|good| all.iter().map(move |place| (good, place))) {
        fs::write(place, good).expect("it can be written");
        let contained = arena.attack(Ending::Completed);
        assert_eq!(contained.document["steps"][0]["output"], 2);
    }
    // With another key everything is compiled anew, and one that others can read is none.
    let key = arena.place.home().join(".local/state/claw/cache.key");
    fs::write(&key, [7; 32]).expect("it can be written");
    let _contained = arena.attack(Ending::Completed);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("modes can be set");
    let _contained = arena.attack(Ending::NotLoaded("own"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("modes can be set");
    arena.component(&artefact).attack(Ending::NotLoaded("component.invalid"))
}

/// The bytes that were hashed are those that are compiled: nothing else is read, whenever the file changes.
fn case_151_a_file_that_is_swapped(arena: &mut Arena) -> Contained {
    let (good, evil) = (numbered(1), numbered(666));
    let mut contained = None;
    for round in 1..=10 {
        arena.place.own_home();
        let _none_yet = fs::remove_dir_all(arena.place.home());
        let file = arena.place.write("stage/attack.wasm", &good);
        arena.component(&good).instead("path = \"attack.wasm\"", "path = \"stage/attack.wasm\"");
        let mut looks = 0;
        let endings = [Ending::Completed, Ending::NotLoaded("component.digest")];
        let ended = arena.attack_while(&endings, &mut |_, _| {
            looks += 1;
            if looks % round == 0 {
                let next = if looks / round % 2 == 1 { &evil } else { &good };
                let staged = file.with_extension("next");
                fs::write(&staged, next).and_then(|()| fs::rename(&staged, &file)).expect("files can be swapped");
            }
        });
        if ended.document["status"] == "completed" {
            assert_eq!(ended.document["steps"][0]["output"], 1, "what runs is what was pinned");
        }
        contained = Some(ended);
    }
    contained.expect("ten rounds")
}

fn case_152_a_pin_that_does_not_match(arena: &mut Arena) -> Contained {
    let digest = claw_policy::digest(&numbered(1));
    arena.component(&numbered(1));
    let pinned = arena.place.read("policy.toml");
    for (pin, rule) in [
        (claw_policy::digest(&numbered(2)), "component.digest"),
        (digest.replace("sha256:", "sha512:"), "component.digest"),
        (digest[..digest.len() - 1].to_owned(), "component.digest"),
        (digest[..15].to_owned(), "component.digest"),
        (digest.to_uppercase(), "component.digest"),
        (format!("{digest}0"), "component.digest"),
        ("latest".to_owned(), "component.digest"),
        (String::new(), "component.digest"),
    ] {
        arena.policy(&pinned.replace(&digest, &pin));
        let _contained = arena.attack_any(&[Ending::NotLoaded(rule), Ending::NotLoaded("policy.syntax")]);
    }
    arena.policy(&pinned.replace(&format!(", digest = \"{digest}\""), ""));
    arena.attack_any(&[Ending::NotLoaded("component.digest"), Ending::NotLoaded("policy.syntax")])
}

fn case_153_programs_libraries_and_several_functions(arena: &mut Arena) -> Contained {
    // A program is run as often as a plan says, each time from its beginning.
    let step = |id: &str| json!({ "id": id, "capability": "attack" });
    arena.guest("case_036_output_cut").tell("go on").plan(json!([step("a"), step("b"), step("c")]));
    let _contained = arena.attack(Ending::Completed);
    arena.plan(json!([step("a")]));
    // Of several functions, the policy says which one; the others cannot be called.
    let several = text(
        r#"(component
            (core module $m (func (export "a") (result i32) (i32.const 1)) (func (export "b") unreachable))
            (core instance $i (instantiate $m))
            (func (export "a") (result u32) (canon lift (core func $i "a")))
            (func (export "b") (canon lift (core func $i "b"))))"#,
    );
    let _contained = arena.component(&several).attack(Ending::NotLoaded("component.function"));
    let contained =
        arena.instead("[capability.attack]\n", "[capability.attack]\nfunction = \"a\"\n").attack(Ending::Completed);
    assert_eq!(contained.document["steps"][0]["output"], 1);
    // A module with a beginning of its own is no component, and has no say in when it begins.
    let reactor = text(r#"(module (func (export "_initialize") unreachable) (func (export "_start") unreachable))"#);
    arena.component(&reactor).attack(Ending::NotLoaded("component.invalid"))
}
