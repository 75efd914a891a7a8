//! The built-in capability `render-text`: a template, filled in with data.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:render-text;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/render-text@0.1.0;
            }
        ",
        world: "claw:render-text/guest",
        additional_derives: [PartialEq],
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{RenderText, bindings};
    bindings::export!(RenderText with_types_in bindings);
}

use bindings::exports::claw::capabilities::render_text::{Error, Guest};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use std::io::{self, Write};

/// How long the text can be, in bytes: a loop in a loop is soon longer.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// The capability, as the component exports it.
pub struct RenderText;

impl Guest for RenderText {
    fn render(template: String, data: String) -> Result<String, Error> {
        render(&template, &data)
    }
}

fn render(template: &str, data: &str) -> Result<String, Error> {
    let data: Value = serde_json::from_str(data)
        .map_err(|error| Error::Invalid(format!("`data` is not JSON: {error}; give a JSON object")))?;
    if data.kind() != ValueKind::Map {
        return Err(Error::Invalid(format!("`data` is a {}: give a JSON object, whose keys are names", data.kind())));
    }
    let mut text = Bounded(Vec::new());
    fill(template, data, &mut text).map_err(|error| failure(template, &error))?;
    String::from_utf8(text.0).map_err(|error| Error::Io(error.to_string()))
}

/// Templates see their data and nothing else, and take nothing for granted.
fn fill(template: &str, data: Value, text: &mut Bounded) -> Result<(), minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_debug(true); // so that errors know their place
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    environment.template_from_str(template)?.render_captured_to(data, text)?;
    Ok(())
}

fn failure(template: &str, error: &minijinja::Error) -> Error {
    if error.kind() == ErrorKind::WriteFailure {
        return Error::TooLarge(format!("the text has more than {MAX_OUTPUT_BYTES} bytes: give less data"));
    }
    let place = error.range().and_then(|range| template.get(range)).unwrap_or_default();
    let reason = error.detail().map_or_else(|| format!("{} at `{place}`", error.kind()), str::to_owned);
    let line = error.line().unwrap_or_default();
    Error::Invalid(format!("line {line} of `template`: {reason}; correct the template or the data"))
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, data: &str, expected: &str) {
        assert_eq!(render(template, data).as_deref(), Ok(expected), "{template}");
    }

    #[test]
    fn data_fills_the_template() {
        check("{{ a }} {{ b.c[0] }}\n", r#"{"a": "<&>", "b": {"c": [1.5]}}"#, "<&> 1.5\n");
        check("{% for x in xs %}{{ loop.index }}:{{ x }} {% endfor %}", r#"{"xs": ["a", 2]}"#, "1:a 2:2 ");
        check("{% for k, v in m|items %}{{ k }}={{ v }},{% endfor %}", r#"{"m": {"b": 1, "a": 2}}"#, "a=2,b=1,");
        check("{% if n > 1 %}many{% else %}one{% endif %}", r#"{"n": 2}"#, "many");
        check(r#"{{ xs | map("upper") | join(", ") }}"#, r#"{"xs": ["a", "b"]}"#, "A, B");
        check("{{ m | tojson }}", r#"{"m": {"a": [null, "é"]}}"#, r#"{"a": [null, "é"]}"#);
        check(
            "{{ 9007199254740993 }} {{ n }}",
            r#"{"n": 18446744073709551615}"#,
            "9007199254740993 18446744073709551615",
        );
    }

    #[test]
    fn whitespace_stays() {
        check("a\n\n", "{}", "a\n\n");
        check("{% set x = 1 %}\n{{ x }}\n", "{}", "\n1\n");
        check("{%- if true %} a {% endif -%} \n", "{}", " a ");
    }

    #[test]
    fn nothing_is_taken_for_granted() {
        for (template, reason) in [
            ("a\n{{ b }}", "2: `b` is undefined"),
            ("{{ a.b }}", "1: `a.b` is undefined"),
            ("{% for x in b %}{% endfor %}", "1: `b` is undefined"),
            ("{% if b %}{% endif %}", "1: `b` is undefined"),
            ("{{ a", "1: unexpected end of input, expected end of variable block"),
            ("{{ a | nofilter }}", "1: filter nofilter is unknown"),
            ("{% include 'a' %}", "1: unknown statement include"),
            ("{% import 'a' as b %}", "1: unknown statement import"),
            ("{% extends 'a' %}", "1: unknown statement extends"),
            ("{{ now() }}", "1: now is unknown"),
            ("{{ a + 1 }}", "1: tried to use + operator on unsupported types map and number"),
        ] {
            let (line, reason) = reason.split_once(": ").unwrap();
            let text = format!("line {line} of `template`: {reason}; correct the template or the data");
            assert_eq!(render(template, r#"{"a": {}}"#), Err(Error::Invalid(text)));
        }
        check("{% if b is defined %}{{ b }}{% endif %}{{ b | default('c') }}", "{}", "c");
    }

    #[test]
    fn data_is_an_object() {
        for data in ["", "[]", "null", "{a: 1}", "{} {}"] {
            assert!(matches!(render("", data), Err(Error::Invalid(_))), "{data}");
        }
    }

    #[test]
    fn the_text_is_bounded() {
        let template = "{% for i in range(100000) %}{{ a }}{% endfor %}";
        let data = |length| format!(r#"{{"a": "{}"}}"#, "a".repeat(length));
        assert_eq!(render(template, &data(100)).unwrap().len(), 10_000_000);
        assert!(matches!(render(template, &data(200)), Err(Error::TooLarge(_))));
    }
}
