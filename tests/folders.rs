//! The folder table of ARCHITECTURE.md, held against what each crate really depends on.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package, PackageId};

use crate::program::repository;

/// What a crate must never use, directly or through others. Of `claw-audit` that holds for its tests too: they write records, verify
/// them and decide on them again, in a program without an engine.
const NEVER: &[(&str, &[&str])] = &[
    (
        "claw-policy",
        &["tokio", "wasmtime", "rustix", "cap-std", "reqwest", "hyper", "clap", "claw-audit", "claw-runtime"],
    ),
    ("claw-audit", &["tokio", "wasmtime", "reqwest", "hyper", "clap", "claw-runtime"]),
    ("claw-runtime", &["clap", "axum", "reqwest", "claw"]),
    ("claw-agent", &["clap", "axum", "claw"]),
    ("claw-capabilities", &["wasmtime", "claw-policy", "claw-audit", "claw-runtime", "claw", "tokio", "clap"]),
];

#[test]
fn no_crate_uses_what_its_folder_must_not() {
    let metadata = MetadataCommand::new()
        .manifest_path(repository().join("Cargo.toml"))
        .other_options(["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .expect("cargo metadata works");
    let resolve = metadata.resolve.as_ref().expect("dependencies are resolved");
    let normal: BTreeMap<&PackageId, Vec<&PackageId>> = resolve
        .nodes
        .iter()
        .map(|node| {
            let deps =
                node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            (&node.id, deps.map(|dep| &dep.pkg).collect())
        })
        .collect();
    let named: BTreeMap<&PackageId, &Package> =
        metadata.packages.iter().map(|package| (&package.id, package)).collect();
    for (name, never) in NEVER {
        let root = metadata.packages.iter().find(|package| package.name.as_str() == *name).expect("the crate is there");
        let (mut seen, mut next) = (BTreeSet::new(), vec![&root.id]);
        if *name == "claw-audit" {
            let nodes = resolve.nodes.iter().filter(|node| node.id == root.id);
            next.extend(nodes.flat_map(|node| &node.deps).map(|dep| &dep.pkg));
        }
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                next.extend(normal.get(id).into_iter().flatten());
            }
        }
        let used: BTreeSet<&str> = seen.iter().map(|id| named[*id].name.as_str()).filter(|used| used != name).collect();
        let forbidden: Vec<_> = never.iter().filter(|never| used.contains(**never)).collect();
        assert!(forbidden.is_empty(), "{name} uses {forbidden:?}");
    }
    // The command line reaches wasmtime through the runtime alone.
    let cli = metadata.packages.iter().find(|package| package.name.as_str() == "claw").expect("the program is there");
    assert!(!cli.dependencies.iter().any(|dep| dep.name == "wasmtime" && dep.kind == DependencyKind::Normal));
}

#[test]
fn the_one_unsafe_line_is_where_it_is_said_to_be() {
    let mut found = Vec::new();
    visit(&repository(), &mut |path, text| {
        if !path.starts_with("tests/")
            && text.lines().any(|line| line.trim_start().starts_with("unsafe ") || line.contains("unsafe {"))
        {
            found.push(path.to_owned());
        }
    });
    assert_eq!(found, ["runtime/src/artefact.rs"]);
}

#[test]
fn the_connector_alone_opens_connections() {
    const OPENS: [&str; 6] = ["tokio::net", "TcpStream", "UdpSocket", "ToSocketAddrs", "hyper::", "rustls::"];
    let mut found = BTreeSet::new();
    for folder in ["policy", "audit", "runtime", "cli"] {
        visit(&repository().join(folder).join("src"), &mut |path, text| {
            if OPENS.iter().any(|opens| text.contains(opens)) {
                found.insert(path.rsplit_once('/').map_or(path, |(folder, _)| folder).to_owned());
            }
        });
    }
    let tests = "runtime/src/connector/tests";
    assert_eq!(found.into_iter().filter(|folder| folder != tests).collect::<Vec<_>>(), ["runtime/src/connector"]);
}

#[test]
fn each_file_opens_with_a_sentence_on_its_job() {
    visit(&repository(), &mut |path, text| {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") || path.contains("/forge/"), "{path} opens with {first:?}");
    });
}

fn visit(folder: &std::path::Path, see: &mut dyn FnMut(&str, &str)) {
    for entry in std::fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.') {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let shown =
                path.strip_prefix(repository()).expect("it is in the repository").to_string_lossy().into_owned();
            see(&shown, &std::fs::read_to_string(&path).expect("it can be read"));
        }
    }
}

/// The groups of rules that refuse plans.
const GROUPS: [&str; 16] = [
    "plan",
    "argument",
    "reference",
    "sink",
    "strict",
    "order",
    "budget",
    "input",
    "session",
    "limit",
    "endorse",
    "capability",
    "path",
    "approval",
    "planner",
    "task",
];

#[test]
fn each_rule_is_in_the_docs_by_name() {
    let docs = std::fs::read_to_string(repository().join("POLICY.md")).expect("there are docs");
    let mut rules = BTreeSet::new();
    for folder in ["policy/src", "runtime/src", "cli/src"] {
        visit(&repository().join(folder), &mut |_, text| {
            // A rule is a string of its own: `group.name`.
            for literal in text.split('"') {
                let is_rule = literal.split_once('.').is_some_and(|(group, name)| {
                    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                    GROUPS.contains(&group) && !name.is_empty() && is_name(name)
                });
                if is_rule {
                    rules.insert(literal.to_owned());
                }
            }
        });
    }
    assert!(rules.len() > 50, "{rules:?}");
    let missing: Vec<&String> = rules.iter().filter(|rule| !docs.contains(&format!("`{rule}`"))).collect();
    assert!(missing.is_empty(), "POLICY.md does not name {missing:?}");
}
