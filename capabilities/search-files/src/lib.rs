//! The built-in capability `search-files`: the lines that match a regular expression.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:search-files;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/search-files@0.1.0;
            }
        ",
        world: "claw:search-files/guest",
        additional_derives: [PartialEq],
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{SearchFiles, bindings};
    bindings::export!(SearchFiles with_types_in bindings);
}

mod lines;

use bindings::exports::claw::capabilities::search_files::{Error, Guest, Hit};
use claw_guest_folder::{Failure, Folder, RelativePath, error_from_failure};
use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};
use lines::Lines;

/// How many lines one call finds: more are for no one to read.
const MAX_HITS: usize = 1_000;

/// How many lines of context there can be on either side of a hit.
const MAX_CONTEXT: u32 = 10;

/// How much memory a compiled pattern may take, and as much again its cache.
const MAX_PATTERN_BYTES: usize = 8 * 1024 * 1024;

/// How much of a file is held to find the ends of its lines: only what was never meant to be read has longer ones.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// The capability, as the component exports it.
pub struct SearchFiles;

impl Guest for SearchFiles {
    fn search(
        pattern: String,
        path: Option<String>,
        files: Option<String>,
        context: Option<u32>,
    ) -> Result<Vec<Hit>, Error> {
        let folder = Folder::granted();
        Ok(search(&folder, &pattern, path.as_deref(), files.as_deref(), context.unwrap_or_default())?)
    }
}

error_from_failure!(Error);

fn search(
    folder: &Folder,
    pattern: &str,
    path: Option<&str>,
    files: Option<&str>,
    context: u32,
) -> Result<Vec<Hit>, Failure> {
    let matcher = matcher(pattern)?;
    let mut searcher = searcher(context)?;
    let mut hits = Vec::new();
    for file in folder.files(path, files)? {
        let mut lines = Lines::new(MAX_HITS - hits.len());
        searcher.search_path(&matcher, folder.locate(&file), &mut lines).map_err(|error| failure(&error, &file))?;
        if lines.overflowed() {
            return Err(Failure::TooLarge(format!(
                "more than {MAX_HITS} lines match `{pattern}`: narrow it, or give a `path` or `files`"
            )));
        }
        hits.extend(lines.into_hits(file.as_str(), context));
    }
    Ok(hits)
}

fn matcher(pattern: &str) -> Result<RegexMatcher, Failure> {
    let mut builder = RegexMatcherBuilder::new();
    builder.multi_line(true).crlf(true).size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    builder.build(pattern).map_err(|error| {
        let error = error.to_string();
        // The lines before the last draw the pattern again, with an arrow.
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Failure::Invalid(format!("`{pattern}` is not a regular expression that can be searched for: {reason}"))
    })
}

fn searcher(context: u32) -> Result<Searcher, Failure> {
    if context > MAX_CONTEXT {
        return Err(Failure::Invalid(format!(
            "`{context}` lines of context are too many: ask for up to {MAX_CONTEXT}"
        )));
    }
    let context = context as usize;
    let mut builder = SearcherBuilder::new();
    builder.before_context(context).after_context(context).line_number(true);
    builder.line_terminator(LineTerminator::crlf());
    builder.binary_detection(BinaryDetection::quit(0)).heap_limit(Some(MAX_LINE_BYTES));
    Ok(builder.build())
}

fn failure(error: &std::io::Error, file: &RelativePath) -> Failure {
    match error.kind() {
        // The searcher's own, where its buffer is full.
        std::io::ErrorKind::Other => Failure::TooLarge(format!(
            "`{}` has a line of more than {MAX_LINE_BYTES} bytes: leave it out with `path` or `files`",
            file.as_str()
        )),
        _ => Failure::of(error, file.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::{TempDir, tempdir};

    fn file(content: impl AsRef<[u8]>) -> TempDir {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join("file"), content).unwrap();
        dir
    }

    fn search_all(dir: &TempDir, pattern: &str, context: u32) -> Result<Vec<Hit>, Failure> {
        search(&Folder::for_tests(dir.path(), &[]).unwrap(), pattern, None, None, context)
    }

    /// The numbers and texts of the lines of `content` that match.
    fn check(content: impl AsRef<[u8]>, pattern: &str, expected: &[(u32, &str)]) {
        let hits = search_all(&file(content), pattern, 0).unwrap();
        let hits: Vec<_> = hits.iter().map(|hit| (hit.line, hit.text.as_str())).collect();
        assert_eq!(hits, expected, "{pattern}");
    }

    #[test]
    fn lines_are_matched_one_by_one() {
        check("one\ntwo\none two", "one", &[(1, "one"), (3, "one two")]);
        check("one\ntwo\none two", "^two$", &[(2, "two")]);
        check("one\r\ntwo\r\n", "e$|^t", &[(1, "one"), (2, "two")]);
        check("one\ntwo\n", r"one\s+two", &[]);
        check("Ä\n", "(?i)ä", &[(1, "Ä")]);
        check("", "a*", &[]);
    }

    #[test]
    fn binary_files_are_skipped_whole() {
        check("text\n\0text\n", "text", &[]);
    }

    #[test]
    fn text_that_is_not_utf8_is_still_found() {
        check(b"a\xff\n", "a", &[(1, "a\u{fffd}")]);
        check(b"\xff\xfea\0b\0\n\0", "ab", &[(1, "ab")]);
    }

    #[test]
    fn long_lines_are_cut() {
        check("ä".repeat(251), "ä", &[(1, &format!("{}…", "ä".repeat(250)))]);
        check("ä".repeat(250), "ä", &[(1, &"ä".repeat(250))]);
        let hits = search_all(&file("a".repeat(2 * MAX_LINE_BYTES)), "b", 0);
        assert!(matches!(hits, Err(Failure::TooLarge(_))), "{hits:?}");
    }

    #[test]
    fn context_is_what_the_file_has() {
        let hits = search_all(&file("a\nhit 1\nb\nhit 2\nc\nd\n"), "hit", 2).unwrap();
        let context: Vec<_> = hits.iter().map(|hit| (hit.before.join(","), hit.after.join(","))).collect();
        assert_eq!(context, [("a".into(), "b,hit 2".into()), ("hit 1,b".into(), "c,d".into())]);
        assert!(matches!(search_all(&file(""), "hit", MAX_CONTEXT + 1), Err(Failure::Invalid(_))));
    }

    #[test]
    fn files_are_searched_in_order_where_asked() {
        let dir = tempdir().unwrap();
        fs::create_dir(dir.path().join("b")).unwrap();
        for path in ["c.md", "a.txt", "b/d.md"] {
            fs::write(dir.path().join(path), "text").unwrap();
        }
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        let paths = |path, files| -> Vec<_> {
            let hits = search(&folder, "text", path, files, 0).unwrap();
            hits.into_iter().map(|hit| hit.path).collect()
        };
        assert_eq!(paths(None, None), ["a.txt", "b/d.md", "c.md"]);
        assert_eq!(paths(Some("b"), None), ["b/d.md"]);
        assert_eq!(paths(Some("c.md"), None), ["c.md"]);
        assert_eq!(paths(None, Some("**/*.md")), ["b/d.md", "c.md"]);
    }

    #[test]
    fn hits_are_bounded() {
        assert_eq!(search_all(&file("a\n".repeat(MAX_HITS)), "a", 1).unwrap().len(), MAX_HITS);
        let hits = search_all(&file("a\n".repeat(MAX_HITS + 1)), "a", 1);
        assert!(matches!(hits, Err(Failure::TooLarge(_))), "{hits:?}");
    }

    #[test]
    fn a_broken_pattern_says_why() {
        let refused = |pattern: &str| search_all(&file(""), pattern, 0).unwrap_err();
        let text = "`(a` is not a regular expression that can be searched for: unclosed group";
        assert_eq!(refused("(a"), Failure::Invalid(text.into()));
        for pattern in [r"a\nb", r"(a)\1", "(?=a)", r"(\w{1000}){1000}", "[[:a:]"] {
            assert!(matches!(refused(pattern), Failure::Invalid(_)), "{pattern}");
        }
    }
}
