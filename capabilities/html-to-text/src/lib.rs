//! The built-in capability `html-to-text`: what a page says, as plain text.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:html-to-text;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/html-to-text@0.1.0;
            }
        ",
        world: "claw:html-to-text/guest",
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{HtmlToText, bindings};
    bindings::export!(HtmlToText with_types_in bindings);
}

use bindings::exports::claw::capabilities::html_to_text::{Error, Guest};

/// The most bytes of a page: a few copies of it fit the memory that a step has by default.
const HTML_BYTES_MAX: usize = 4 << 20;
/// How long lines are, in characters, where nothing is said, and what can be asked for.
const WIDTH: u16 = 100;
const WIDTHS: std::ops::RangeInclusive<u16> = 20..=1_000;

/// The capability, as the component exports it.
pub struct HtmlToText;

impl Guest for HtmlToText {
    fn convert(html: String, width: Option<u16>) -> Result<String, Error> {
        let width = width.unwrap_or(WIDTH);
        if !WIDTHS.contains(&width) {
            return Err(Error::Invalid(format!("`{width}` is no width: give 20 to 1,000 characters")));
        }
        if html.len() > HTML_BYTES_MAX {
            return Err(Error::TooLarge(format!(
                "the page has more than {HTML_BYTES_MAX} bytes: convert a part of it"
            )));
        }
        html2text::from_read(html.as_bytes(), width.into())
            .map_err(|error| Error::Invalid(format!("the page cannot be laid out: {error}; ask for a larger `width`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        HtmlToText::convert(html.to_owned(), None).unwrap()
    }

    #[test]
    fn a_page_becomes_what_it_says() {
        let page = "<html><head><title>t</title><style>p { color: red }</style></head><body><h1>One</h1>\
                    <p>Two <b>three</b> <a href=\"https://a.example/\">four</a></p><ul><li>five</li></ul>\
                    <script>alert(6)</script></body></html>";
        let said = text(page);
        for part in ["# One", "four", "https://a.example/", "* five"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("alert") && !said.contains("color"), "{said}");
    }

    #[test]
    fn what_is_no_page_comes_out_as_text() {
        assert_eq!(text("just words").trim(), "just words");
        assert_eq!(text("").trim(), "");
        assert!(text("<p>a &lt; b &amp; c").contains("a < b & c"));
    }

    #[test]
    fn width_and_size_are_bounded() {
        for width in [0, 19, 1_001] {
            assert!(matches!(HtmlToText::convert(String::new(), Some(width)), Err(Error::Invalid(_))), "{width}");
        }
        let lines = HtmlToText::convert("word ".repeat(100), Some(20)).unwrap();
        assert!(lines.lines().all(|line| line.chars().count() <= 20), "{lines}");
        assert!(matches!(HtmlToText::convert(" ".repeat(HTML_BYTES_MAX + 1), None), Err(Error::TooLarge(_))));
    }
}
