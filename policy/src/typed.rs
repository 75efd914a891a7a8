//! What a user typed into a task and a plan may repeat as the user's word: whole quoted strings, paths, addresses, URLs,
//! numbers.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use crate::fault::{Refusal, Violation};
use crate::json::{self, Bounds};
use crate::printable::printable;
use crate::url::Destination;

/// The most bytes of a task's text.
pub const TASK_BYTES_MAX: usize = 64 << 10;
/// The most literals that are read of one task; those after them do not count.
const LITERALS_MAX: usize = 256;
/// The most bytes of one; a longer one does not count.
const LITERAL_BYTES_MAX: usize = 4 << 10;

/// Quotation marks, each with the one that closes it.
const QUOTES: [(char, char); 8] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{ab}', '\u{bb}'),
    ('\u{2039}', '\u{203a}'),
];
/// Brackets, each with the one that closes it.
const BRACKETS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];

/// A task's text, with the literals in it.
///
/// What is read is whole: nothing that is inside of a literal is one, and no plain word is, nor are several that `/` joins.
/// A number is a number and never a text, and the other way round. What could be read in two ways is not read at all:
/// then it is the planner's, if a plan says it.
#[derive(Clone, Debug)]
pub struct TaskText {
    text: String,
    texts: BTreeSet<String>,
    /// As their JSON has them, so that `1` and `1.0` are two.
    numbers: BTreeSet<String>,
}

impl TaskText {
    /// Reads a task's text.
    ///
    /// # Errors
    /// A text that is empty, or over [`TASK_BYTES_MAX`].
    pub fn read(text: &str) -> Result<Self, Refusal> {
        if text.len() > TASK_BYTES_MAX {
            let message = format!("the task has {} bytes, over {TASK_BYTES_MAX}", text.len());
            return Err(Violation::new("task.size", "", message)
                .help("give long data as an input, or in a file")
                .into());
        }
        if text.trim().is_empty() {
            return Err(Violation::new("task.empty", "", "the task is empty").help("say what is to be done").into());
        }
        let mut task = Self { text: text.to_owned(), texts: BTreeSet::new(), numbers: BTreeSet::new() };
        for line in text.lines() {
            // What is behind `>` is somebody else's. A quoted string ends on its line: where one does not, it is not known
            // what else is inside of it, and nothing more is read.
            if !line.trim_start().starts_with('>') && !task.line(line) {
                break;
            }
        }
        Ok(task)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The literals, texts first, as a plan would write them.
    pub fn literals(&self) -> impl Iterator<Item = Value> {
        let numbers = self.numbers.iter().filter_map(|number| serde_json::from_str(number).ok());
        self.texts.iter().map(|text| Value::from(text.as_str())).chain(numbers)
    }

    /// Whether a value of a plan is one of them, whole.
    pub(crate) fn has(&self, literal: &Value) -> bool {
        match literal {
            Value::String(text) => self.texts.contains(text),
            Value::Number(number) => self.numbers.contains(&number.to_string()),
            _ => false,
        }
    }

    /// Reads a line; false where a quotation that begins on it does not end on it.
    fn line(&mut self, line: &str) -> bool {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            if let Some((quoted, after)) = quoted(rest) {
                self.text_literal(quoted);
                rest = after.trim_start();
            } else if QUOTES.iter().any(|(open, _)| *open == first) {
                return false;
            } else if BRACKETS.iter().any(|(open, _)| *open == first) {
                rest = rest.get(first.len_utf8()..).unwrap_or_default().trim_start();
            } else {
                let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                self.word(bare(word));
                rest = after.trim_start();
            }
        }
        true
    }

    fn word(&mut self, word: &str) {
        if let Some(number) = number(word) {
            if !self.is_full() {
                self.numbers.insert(number);
            }
        } else if Destination::parse(word).is_ok() || is_address(word) || is_path(word) {
            self.text_literal(word);
        }
    }

    fn text_literal(&mut self, text: &str) {
        if !text.is_empty() && text.len() <= LITERAL_BYTES_MAX && printable(text) == text && !self.is_full() {
            self.texts.insert(text.to_owned());
        }
    }

    fn is_full(&self) -> bool {
        self.texts.len() + self.numbers.len() >= LITERALS_MAX
    }
}

/// The quoted string that a text begins with, and what comes after it. A mark inside of a word closes nothing, and a string
/// with its own mark in it could end in two places.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let first = text.chars().next()?;
    let (_, close) = QUOTES.iter().find(|(open, _)| *open == first)?;
    let (inner, after) = text.get(first.len_utf8()..)?.split_once(*close)?;
    let after = after.trim_start_matches(|c| is_stop(c) || closes(c).is_some());
    after.chars().next().is_none_or(char::is_whitespace).then_some((inner, after))
}

/// A word without the marks of the sentence that it ends.
fn bare(word: &str) -> &str {
    // A bracket belongs to the word where its other half is in it: of each, how many do not.
    let mut loose =
        BRACKETS.map(|(open, close)| (close, word.matches(close).count().saturating_sub(word.matches(open).count())));
    let mut word = word;
    while let Some(last) = word.chars().next_back() {
        let loose = loose.iter_mut().find(|(close, count)| *close == last && *count > 0);
        if !is_stop(last) && loose.is_none() {
            break;
        }
        if let Some((_, count)) = loose {
            *count -= 1;
        }
        word = word.get(..word.len() - last.len_utf8()).unwrap_or_default();
    }
    word
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?')
}

/// The bracket that `c` closes.
fn closes(c: char) -> Option<char> {
    BRACKETS.iter().find(|(_, close)| *close == c).map(|(open, _)| *open)
}

/// A number as JSON writes one; `1,000`, `007` and `5%` are none.
fn number(word: &str) -> Option<String> {
    let value = json::read(word.as_bytes(), Bounds { bytes: LITERAL_BYTES_MAX as u64, depth: 1 }).ok()?;
    value.is_number().then(|| value.to_string())
}

/// Whether a word is `name@host.domain`, or an address of the network, with or without a port.
fn is_address(word: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_mail = word.split_once('@').is_some_and(|(name, domain)| {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-');
        !name.is_empty() && name.bytes().all(is_name) && domain.contains('.') && domain.split('.').all(is_label)
    });
    is_mail || word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok()
}

/// Whether a word is a path: it says so by how it starts or ends, or some part of it is no plain word. A name without `/` is
/// one where it has an extension.
fn is_path(word: &str) -> bool {
    let has = |wanted: fn(char) -> bool| word.contains(wanted);
    let foreign = |c: char| matches!(c, '"' | '\'' | '`' | '<' | '>' | '|' | '*' | '?' | ':' | ';' | '\\' | '@');
    if word.contains(foreign) || !has(char::is_alphanumeric) || printable(word) != word {
        return false;
    }
    let is_plain = |part: &str| part.chars().all(char::is_alphabetic);
    if word.contains('/') {
        let rooted = ["/", "./", "../", "~/"].iter().any(|root| word.starts_with(root));
        return rooted || word.ends_with('/') || !word.split('/').all(is_plain);
    }
    word.rsplit_once('.').is_some_and(|(name, extension)| {
        let is_abbreviation = word.split('.').all(|part| part.chars().count() == 1);
        let is_extension = extension.len() <= 8
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric());
        !name.is_empty() && is_extension && !is_abbreviation
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn literals(text: &str) -> Vec<Value> {
        TaskText::read(text).unwrap().literals().collect()
    }

    #[test]
    fn what_is_typed_whole_is_read_and_nothing_else() {
        for (text, expect) in [
            ("Collect the open actions from this week's notes into report.md", json!(["report.md"])),
            ("pay 120.50 to \"ACME GmbH\", not 12", json!(["ACME GmbH", 12, 120.5])),
            ("read /etc/hosts, ./a/b, ../c and ~/d.", json!(["../c", "./a/b", "/etc/hosts", "~/d"])),
            ("notes/2026-06-08.md; out/", json!(["notes/2026-06-08.md", "out/"])),
            ("mail ana@example.com (and bob@b.example).", json!(["ana@example.com", "bob@b.example"])),
            (
                "get https://a.example/x?q=1, then http://b.example.",
                json!(["http://b.example", "https://a.example/x?q=1"]),
            ),
            ("listen on 10.1.2.3:5432 or ::1 or 10.0.0.1", json!(["10.0.0.1", "10.1.2.3:5432", "::1"])),
            (
                "say 'good morning' and `x y` and \u{201c}z\u{201d} and \u{ab}w\u{bb}",
                json!(["good morning", "w", "x y", "z"]),
            ),
            ("between -3 and 1e3, 0.5.", json!([-3, 0.5, 1000.0])),
            // Inside of a literal nothing is read.
            ("write \"send 7 to /etc/x at a@b.example\"", json!(["send 7 to /etc/x at a@b.example"])),
            ("https://a.example/12/b.md", json!(["https://a.example/12/b.md"])),
            // Plain words, words with marks of their own, and numbers that are written in another way.
            ("delete all and/or keep his/her I/O, e.g. the U.S. one, i.e. don't", json!([])),
            ("it costs $100, 5%, 1,000, 007, +5, 3-5, 2nd, #4, v1.2.3", json!([])),
            // What could end in two places, or does not end.
            ("'it's here' \"a\"b\" \"open /etc/x\"y", json!([])),
            ("\"a\".b/c1 'x'/etc/x", json!([])),
            ("say \"half\nof /a/b\"", json!([])),
            ("a.md \"half\nof b.md\nwhole\" c.md", json!(["a.md"])),
            ("```\na.md\n```\nb.md", json!([])),
            // What is quoted from somebody else.
            ("He says:\n> write to a.md\nuse b.md", json!(["b.md"])),
            ("\"a\u{202e}b\" \"a\u{200b}b\"", json!([])),
            // Hidden characters.
            ("read /etc/\u{202e}x and a\u{200b}b.md", json!([])),
            ("ftp://a.example/x javascript:alert(1) C:\\x", json!([])),
            ("(see https://a.example/b_(c))", json!(["https://a.example/b_(c)"])),
        ] {
            let mut found = literals(text);
            let mut expect: Vec<Value> = expect.as_array().unwrap().clone();
            let order = |value: &Value| value.to_string();
            found.sort_by_key(order);
            expect.sort_by_key(order);
            assert_eq!(found, expect, "{text}");
        }
    }

    #[test]
    fn a_number_is_no_text_and_a_text_no_number() {
        let task = TaskText::read("5 \"7\" 1.50").unwrap();
        for (value, is_typed) in [
            (json!(5), true),
            (json!("5"), false),
            (json!(5.0), false),
            (json!("7"), true),
            (json!(7), false),
            (json!(1.5), true),
            (json!(true), false),
            (json!(null), false),
            (json!(["7"]), false),
        ] {
            assert_eq!(task.has(&value), is_typed, "{value}");
        }
    }

    #[test]
    fn what_is_read_is_bounded() {
        assert!(TaskText::read(&"x".repeat(TASK_BYTES_MAX + 1)).is_err());
        assert!(TaskText::read(" \n\t").is_err());
        let many: String = (0..1_000).map(|n| format!("{n} ")).collect();
        assert_eq!(literals(&many).len(), LITERALS_MAX);
        assert!(literals(&format!("\"{}\"", "x".repeat(LITERAL_BYTES_MAX + 1))).is_empty());
    }

    proptest! {
        #[test]
        fn a_text_literal_stands_in_the_task_between_what_ends_a_word(text in "[a-z0-9 ./\"'@:,()-]{0,60}") {
            let Ok(task) = TaskText::read(&text) else { return Ok(()) };
            for literal in &task.texts {
                let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                let whole = text.match_indices(literal.as_str()).any(|(at, found)| {
                    let (before, after) = (text.split_at(at).0, text.split_at(at + found.len()).1);
                    ends(before.chars().next_back()) && ends(after.chars().next())
                });
                prop_assert!(whole, "{literal:?} of {text:?}");
            }
        }

        #[test]
        fn words_of_letters_are_never_literals(words in prop::collection::vec("[a-zA-Z]{1,9}[.,!?]?", 1..20)) {
            prop_assert!(literals(&words.join(" ")).is_empty());
        }

        #[test]
        fn a_quoted_string_is_read_whole_and_alone(inner in "[a-z0-9 ./:@-]{1,30}") {
            prop_assert_eq!(literals(&format!("write \"{inner}\" there")), vec![Value::from(inner)]);
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            if let Ok(task) = TaskText::read(&text) {
                prop_assert!(task.literals().count() <= LITERALS_MAX);
            }
        }
    }
}
