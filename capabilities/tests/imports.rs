//! What the built-in components are to the outside: imports, exports, arguments, bytes.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic: that is how it fails"
)]

use claw_capabilities::{BUILTINS, Builtin, builtin};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use wit_component::DecodedWasm;
use wit_parser::{Function, Resolve, UnresolvedPackageGroup, WorldId};

/// What Rust's standard library brings along for a guest that uses files.
const FILES: [&str; 16] = [
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
];

/// What hash maps bring along, in globs.
const SEED: &str = "wasi:random/insecure-seed@0.2.12";

fn decoded(builtin: &Builtin) -> (Resolve, WorldId) {
    match wit_component::decode(builtin.wasm) {
        Ok(DecodedWasm::Component(resolve, world)) => (resolve, world),
        _ => panic!("{} is not a component", builtin.name),
    }
}

#[track_caller]
fn check_imports(name: &str, expected: &[&str]) {
    let (resolve, world) = decoded(builtin(name).unwrap());
    let imports = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key));
    assert_eq!(imports.collect::<BTreeSet<_>>(), expected.iter().map(|name| (*name).to_owned()).collect(), "{name}");
}

#[test]
fn what_needs_nothing_imports_nothing() {
    check_imports("json-query", &[]);
    check_imports("render-text", &[]);
    check_imports("html-to-text", &[]);
}

#[test]
fn what_uses_files_imports_no_network_and_no_clock() {
    let searching = [&FILES[..], &[SEED]].concat();
    check_imports("list-files", &searching);
    check_imports("read-file", &FILES);
    check_imports("search-files", &searching);
    check_imports("write-file", &FILES);
}

/// The functions of a built-in, from its documented WIT.
fn documented(builtin: &Builtin) -> Vec<Function> {
    let mut resolve = Resolve::default();
    let group = UnresolvedPackageGroup::parse("builtin.wit", builtin.wit).unwrap();
    let package = resolve.push_group(group).unwrap();
    let interface = resolve.packages[package].interfaces[builtin.name];
    resolve.interfaces[interface].functions.values().cloned().collect()
}

fn parameters(function: &Function) -> BTreeSet<String> {
    function.params.iter().map(|param| param.name.clone()).collect()
}

#[test]
fn each_exports_its_interface_and_the_errors() {
    for builtin in BUILTINS {
        let (resolve, world) = decoded(builtin);
        let exports = resolve.worlds[world].exports.keys().map(|key| resolve.name_world_key(key));
        let names = ["errors", builtin.name].map(|name| format!("claw:capabilities/{name}@0.1.0"));
        assert_eq!(exports.collect::<BTreeSet<_>>(), BTreeSet::from(names));
    }
}

#[test]
fn the_documented_function_is_the_one_that_is_exported() {
    for builtin in BUILTINS {
        let (resolve, _) = decoded(builtin);
        let exported = resolve.interfaces.iter().find(|(_, it)| it.name.as_deref() == Some(builtin.name)).unwrap().1;
        for documented in documented(builtin) {
            assert!(documented.docs.contents.is_some(), "{} has no documentation", builtin.name);
            assert_eq!(parameters(&exported.functions[&documented.name]), parameters(&documented));
        }
    }
}

#[test]
fn each_policy_lists_every_argument() {
    for builtin in BUILTINS {
        let policy: toml::Table = builtin.policy.parse().unwrap();
        let listed: BTreeSet<_> = policy["argument"].as_table().unwrap().keys().cloned().collect();
        let functions = documented(builtin);
        assert!(functions.iter().all(|function| parameters(function) == listed), "{}", builtin.name);
        // Where there are several, one is meant.
        let meant = policy.get("function").map(|name| name.as_str().unwrap().to_owned());
        assert_eq!(meant.is_some(), functions.len() > 1, "{}", builtin.name);
        assert!(meant.is_none_or(|name| functions.iter().any(|function| function.name == name)), "{}", builtin.name);
    }
}

#[test]
fn no_component_knows_where_it_was_built() {
    let here = env!("CARGO_MANIFEST_DIR").trim_end_matches("/capabilities");
    for builtin in BUILTINS {
        for path in ["/root/", "/home/", "/Users/", ".cargo/", ".rustup/", here, env!("OUT_DIR")] {
            let found = builtin.wasm.windows(path.len()).any(|bytes| bytes == path.as_bytes());
            assert!(!found, "{} has `{path}` in it", builtin.name);
        }
    }
}

#[test]
fn digests_are_of_the_bytes() {
    for builtin in BUILTINS {
        let digest: String = Sha256::digest(builtin.wasm).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(builtin.digest, format!("sha256:{digest}"));
    }
}

#[test]
fn names_are_in_order() {
    assert!(BUILTINS.is_sorted_by_key(|builtin| builtin.name));
    assert!(BUILTINS.iter().all(|known| builtin(known.name).is_some_and(|found| found.digest == known.digest)));
    assert!(builtin("none").is_none());
}
