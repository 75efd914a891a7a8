//! Text of strangers made safe to print: control and bidirectional characters escaped.

/// Escapes every character that could move the cursor, hide text or turn its direction.
///
/// Text comes from plans, components and models, so it could otherwise make a terminal lie (CVE-2021-42574,
/// CVE-2025-58160). Line breaks and tabs are escaped too: what is printed stays on its line.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if hostile(c) { Shown::Escaped(c.escape_default()) } else { Shown::Plain(Some(c)) })
        .collect()
}

/// Like [`printable`], for text of several lines: line feeds and tabs stay.
pub fn printable_lines(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if hostile(c) && c != '\n' && c != '\t' {
                Shown::Escaped(c.escape_default())
            } else {
                Shown::Plain(Some(c))
            }
        })
        .collect()
}

/// Like [`printable`], for the text of a JSON document: what is escaped stays JSON (RFC 8259, section 7).
pub fn printable_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hostile(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

enum Shown {
    Plain(Option<char>),
    Escaped(std::char::EscapeDefault),
}

impl Iterator for Shown {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::Plain(c) => c.take(),
            Self::Escaped(escape) => escape.next(),
        }
    }
}

fn hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_make_a_terminal_lie_is_escaped() {
        for (text, shown) in [
            ("plain, ünïcödé 日本", "plain, ünïcödé 日本"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(printable_lines("a\n\tb\u{7}"), "a\n\tb\\u{7}");
    }
}
