//! A path that passes the rule stays inside its folder, and a pattern matches what a slow reading of it matches.
#![no_main]

use std::path::{Component, Path, PathBuf};

use claw_fuzz::first_line;
use claw_policy::path;
use claw_runtime::fuzzing::{globs, hidden, join};
use libfuzzer_sys::fuzz_target;

// Lines: a folder, a path from it, a pattern.
fuzz_target!(|input: &[u8]| {
    let Some((base, rest)) = first_line(input) else { return };
    let Some((given, pattern)) = first_line(rest) else { return };
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };

    let inside = join("", given);
    assert!(path::check(given).is_err() || inside.is_some(), "what passes the rule stays inside");
    let Some(base) = join("", base) else { return };
    let joined = join(&base, given);
    assert_eq!(joined, slow_join(&base, given));
    if path::check(given).is_ok() {
        let joined = joined.as_ref().expect("what passes the rule stays inside");
        assert!(Path::new(joined).starts_with(&base));
    }

    let (Some(path), Ok(Some(globs))) = (joined, globs(&[pattern.to_owned()])) else { return };
    assert!(path.split('/').all(|name| !matches!(name, "." | "..")) && !path.starts_with('/'));
    assert_eq!(hidden(&path), path.contains("/.") || path.starts_with('.'));
    // The slow reading tries every way.
    let is_short = path.len() <= 64 && pattern.matches('*').count() <= 6;
    if is_plain(pattern) && is_short && path.is_ascii() && !path.is_empty() {
        let names: Vec<&str> = path.split('/').collect();
        let parts: Vec<&str> = pattern.split('/').collect();
        assert_eq!(globs.is_match(&path), matches(&parts, &names), "{pattern:?} and {path:?}");
    }
});

/// The same as `join`, by the standard library.
fn slow_join(base: &str, path: &str) -> Option<String> {
    let mut joined = PathBuf::from(base);
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => joined.push(name),
            Component::CurDir => {}
            Component::ParentDir if joined.pop() => {}
            _ => return None,
        }
    }
    joined.to_str().map(str::to_owned)
}

/// Whether a pattern has nothing but names, `?`, `*`, and `**` for any folders.
fn is_plain(pattern: &str) -> bool {
    let plain = |c: char| c.is_ascii() && !matches!(c, '[' | ']' | '{' | '}' | '\\' | ',');
    pattern.chars().all(plain)
        && pattern.split('/').all(|part| !part.is_empty() && (part == "**" || !part.contains("**")))
}

fn matches(parts: &[&str], names: &[&str]) -> bool {
    match parts.split_first() {
        None => names.is_empty(),
        Some((&"**", [])) => !names.is_empty(),
        Some((&"**", rest)) => (0..=names.len()).any(|skipped| matches(rest, &names[skipped..])),
        Some((part, rest)) => names
            .split_first()
            .is_some_and(|(name, names)| matches_name(part.as_bytes(), name.as_bytes()) && matches(rest, names)),
    }
}

fn matches_name(part: &[u8], name: &[u8]) -> bool {
    match part.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skipped| matches_name(rest, &name[skipped..])),
        Some((byte, rest)) => {
            name.split_first().is_some_and(|(first, name)| (*byte == b'?' || byte == first) && matches_name(rest, name))
        }
    }
}
