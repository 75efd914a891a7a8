//! Makes, lists and removes files by names that systems, terminals and logs stumble over.

use claw_hostile_guests::granted;
use std::fs;

fn main() {
    for name in [
        "new\nline",
        "tab\tand\rreturn",
        "\u{1b}[2Jescape",
        "\u{202e}txt.exe",
        "e\u{301}",
        "\u{e9}",
        "\u{200b}",
        "\u{fffd}",
        "-rf",
        "*",
        "$(id)",
        "`id`",
        ";",
        "\"'",
        "a b",
        "\u{1f600}",
        "con",
        "a:b",
        "\\",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
    ] {
        let path = format!("/out/{name}");
        fs::write(&path, name).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(fs::read_to_string(&path).expect("exactly that name"), name);
    }
    let listed: Vec<_> =
        fs::read_dir("/out").expect("it can be listed").flatten().map(|entry| entry.file_name()).collect();
    assert!(listed.iter().any(|name| name == "e\u{301}") && listed.iter().any(|name| name == "\u{e9}"), "{listed:?}");
    let dir = granted("/out");
    for name in ["nul\0l".to_owned(), "\0".to_owned(), "n".repeat(256), "n/".repeat(3_000), "./".repeat(60_000)] {
        assert!(dir.create_directory_at(&name).is_err(), "{} bytes", name.len());
        assert!(dir.stat_at(wasip2::filesystem::types::PathFlags::empty(), &name).is_err(), "{} bytes", name.len());
    }
    fs::write(format!("/out/{}", "n".repeat(255)), "x").expect("as long as a name may be");
}
