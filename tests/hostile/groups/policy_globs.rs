//! Group K, globs: held against a second matcher, slow and simple.

use std::fs;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_191_globs_match_parts_and_not_more
}

/// What a policy can say in `files`, one grant each.
const GLOBS: &[&str] = &[
    "",
    "*",
    "**",
    "*.md",
    "**/*.md",
    "src/**",
    "src/*",
    "src/**/x.rs",
    "file",
    "a.md",
    "?.md",
    "[ab].md",
    "[!a].md",
    "[a-b].md",
    "{a,b}.md",
    "{src,da}/*",
    "*/a.md",
    "x/*/a.md",
    "x/**/a.md",
    "**/y/*",
    "a*",
    "*d",
    "*.*",
    "A.md",
    "src/",
    "/a.md",
    "./a.md",
    "src/../a.md",
    "src//a.md",
    "\\*",
    "a\\*",
    "\\[a]",
    "[[]a]",
    "*.{md,rs}",
    "é.md",
    "* *",
    "-*",
    "*/*",
    "*/*/*",
    "??",
    "??.md",
    "[é].md",
    "?",
    ".*",
    "*.md*",
    "a?md",
    "src/{a,b}.md",
    "*a*",
    "[.]md",
    "a.*",
    "**/a*",
];
/// The names that are tried, in each of the folders.
const NAMES: &[&str] = &[
    "a.md", "b.md", "c.md", "A.md", "a.MD", ".md", "aXmd", "a.mdx", "x.rs", "file", "[a]", "{a,b}.md", "a*", "*",
    "é.md", " a.md", "-", "--a", "ab", "d", "a", "a.md.rs", "?",
];
const FOLDERS: &[&str] = &["", "src/", "srcs/", "x/y/", "da/", "Src/", "x/"];

fn case_191_globs_match_parts_and_not_more(arena: &mut Arena) -> Contained {
    let (mut grants, mut held, mut names, mut allowed) = (String::new(), String::new(), String::new(), 0);
    for (index, glob) in GLOBS.iter().enumerate() {
        let out = format!("out/g{index}");
        grants.push_str(&format!(
            "[grant.g{index}]\ndir = \"{out}\"\naccess = \"write\"\nfiles = ['{glob}']\n\
             dotfiles = true\nsecrecy = []\naccepts = [\"in\", \"out\"]\n"
        ));
        held.push_str(&format!(", \"g{index}\""));
        for folder in FOLDERS {
            fs::create_dir_all(arena.place.path(&format!("{out}/{folder}"))).expect("folders can be made");
            for name in NAMES {
                let path = format!("{folder}{name}");
                let expected = matches(glob, &path);
                allowed += usize::from(expected);
                names.push_str(&format!("{}/g{index}/{path}\n", if expected { '+' } else { '-' }));
            }
        }
    }
    assert!((400..4_000).contains(&allowed), "{allowed}: some match, and most do not");
    arena.place.write("in/names", names);
    arena.guest("case_191_writes_each_name").instead("\"in\", \"out\"", &format!("\"in\"{held}"));
    arena.and(&format!("{grants}[limits]\nfiles = 100_000"));
    let contained = arena.attack(Ending::Completed);
    let written: usize = GLOBS.iter().enumerate().map(|(index, _)| files(arena, &format!("out/g{index}"))).sum();
    assert_eq!(written, allowed, "what was not allowed is not there either");
    // No glob at all allows nothing, and one that is none does not load.
    arena.place.write("in/names", "-/out/a.md\n-/out/*\n");
    arena.guest("case_191_writes_each_name").instead("accepts = [\"in\"]", "accepts = [\"in\"]\nfiles = []");
    let _contained = arena.attack(Ending::Completed);
    // Any one of several will do.
    fs::create_dir(arena.place.path("out/c")).expect("folders can be made");
    arena.place.write("in/names", "+/out/b.md\n+/out/cx.md\n-/out/c/.md\n-/out/c.md\n-/out/{a,b}.md\n");
    arena.guest("case_191_writes_each_name");
    arena.instead("accepts = [\"in\"]", "accepts = [\"in\"]\nfiles = [\"{a,b}.md\", \"c?.md\"]");
    let _contained = arena.attack(Ending::Completed);
    for glob in ["[", "[a", "{a", "{a,{b}", "[z-a]", "a\\"] {
        arena.guest("case_191_writes_each_name");
        arena.instead("accepts = [\"in\"]", &format!("accepts = [\"in\"]\nfiles = ['{glob}']"));
        let _contained = arena.attack(Ending::NotLoaded("policy.value"));
    }
    contained
}

fn files(arena: &Arena, folder: &str) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(arena.place.path(folder)).expect("it is there") {
        let entry = entry.expect("it can be read");
        let name = entry.file_name().into_string().expect("UTF-8");
        count += if entry.path().is_dir() { files(arena, &format!("{folder}/{name}")) } else { 1 };
    }
    count
}

/// Whether a glob matches all of a path, by trying everything.
fn matches(glob: &str, path: &str) -> bool {
    alternatives(glob).iter().any(|glob| {
        // A name is bytes: `?` is one of them, and not a letter.
        parts(glob.as_bytes(), path.as_bytes(), true)
    })
}

/// The globs that one with braces stands for.
fn alternatives(glob: &str) -> Vec<String> {
    let Some((before, rest)) = glob.split_once('{') else { return vec![glob.to_owned()] };
    let (inside, after) = rest.split_once('}').expect("a brace that closes");
    inside.split(',').flat_map(|one| alternatives(&format!("{before}{one}{after}"))).collect()
}

/// The same from here on; `start` is where a name starts in the glob.
fn parts(glob: &[u8], path: &[u8], start: bool) -> bool {
    match glob {
        [] => path.is_empty(),
        [b'*', b'*'] if start => true,
        // Any number of folders, or none.
        [b'*', b'*', b'/', rest @ ..] if start => {
            let folders = path.iter().enumerate().filter(|(_, c)| **c == b'/').map(|(index, _)| index + 1);
            std::iter::once(0).chain(folders).any(|from| parts(rest, &path[from..], true))
        }
        [b'*', rest @ ..] => {
            let name = path.iter().position(|c| *c == b'/').unwrap_or(path.len());
            (0..=name).any(|taken| parts(rest, &path[taken..], false))
        }
        [b'?', rest @ ..] => matches!(path, [c, after @ ..] if *c != b'/' && parts(rest, after, false)),
        [b'\\', one, rest @ ..] => matches!(path, [c, after @ ..] if c == one && parts(rest, after, false)),
        [b'[', class @ ..] => {
            let (not, class) = if class[0] == b'!' { (true, &class[1..]) } else { (false, class) };
            // A bracket that comes first is one of the characters.
            let end = 1 + class[1..].iter().position(|c| *c == b']').expect("a bracket that closes");
            let one_of = |c: u8| match &class[..end] {
                [from, b'-', to] => (*from..=*to).contains(&c),
                these => these.contains(&c),
            };
            matches!(path, [c, after @ ..] if *c != b'/' && one_of(*c) != not && parts(&class[end + 1..], after, false))
        }
        [one, rest @ ..] => matches!(path, [c, after @ ..] if c == one && parts(rest, after, *one == b'/')),
    }
}
