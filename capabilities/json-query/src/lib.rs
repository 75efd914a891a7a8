//! The built-in capability `json-query`: what a jq filter gives for some JSON.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:json-query;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/json-query@0.1.0;
            }
        ",
        world: "claw:json-query/guest",
        additional_derives: [PartialEq],
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{JsonQuery, bindings};
    bindings::export!(JsonQuery with_types_in bindings);
}

mod filter;
mod json;

use bindings::exports::claw::capabilities::json_query::{Error, Guest};
use jaq_core::{Ctx, Vars, data::JustLut};
use jaq_json::Val;

/// How long the answer can be, in bytes: a filter may well give outputs for ever.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// How much of a filter or a value an error repeats, in bytes.
const MAX_QUOTE_BYTES: usize = 200;

/// The capability, as the component exports it.
pub struct JsonQuery;

impl Guest for JsonQuery {
    fn query(filter: String, data: String) -> Result<String, Error> {
        query(&filter, &data)
    }
}

fn query(filter: &str, data: &str) -> Result<String, Error> {
    let data = json::parse(data)?;
    let compiled = filter::compile(filter)?;
    let context = Ctx::<JustLut<Val>>::new(&compiled.lut, Vars::new([]));
    let mut text = String::from("[");
    for output in compiled.id.run((context, data)) {
        let output = output.map_err(|exception| failed(filter, exception))?;
        if text.len() > 1 {
            text.push(',');
        }
        json::write(&output, &mut text)?;
        if text.len() > MAX_OUTPUT_BYTES {
            return Err(Error::TooLarge(format!(
                "`{}` gives more than {MAX_OUTPUT_BYTES} bytes: pick less, for example with `limit(100; …)`",
                quote(filter)
            )));
        }
    }
    text.push(']');
    Ok(text)
}

fn failed(filter: &str, exception: jaq_core::Exn<'_, Val>) -> Error {
    let reason = exception.get_err().map_or_else(|_| "it breaks off".to_owned(), |error| error.to_string());
    Error::Invalid(format!("`{}` fails on this data: {}; correct the filter", quote(filter), quote(&reason)))
}

/// As much of `text` as an error can repeat.
fn quote(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_QUOTE_BYTES);
    let (start, rest) = text.split_at(end);
    format!("{start}{}", if rest.is_empty() { "" } else { "…" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &str, data: &str, expected: &str) {
        assert_eq!(query(filter, data).as_deref(), Ok(expected), "{filter}");
    }

    fn check_refused(filter: &str, data: &str, expected: &str) {
        assert_eq!(query(filter, data), Err(Error::Invalid(expected.into())), "{filter}");
    }

    #[test]
    fn every_output_is_an_element() {
        check(".", r#" {"a": [1, null, "ä\u0000"]} "#, r#"[{"a":[1,null,"ä\u0000"]}]"#);
        check(".[] | select(. > 1)", "[1,2,3]", "[2,3]");
        check("empty", "null", "[]");
    }

    #[test]
    fn the_standard_library_is_there() {
        check("map({id, n: (.tags | length)})", r#"[{"id":1,"tags":["a"]}]"#, r#"[[{"id":1,"n":1}]]"#);
        check(r#"[.[] | test("^a+$")], (.[0] | gsub("a"; "b"))"#, r#"["aa","b"]"#, r#"[[true,false],"bb"]"#);
        check("group_by(.k) | map(map(.v) | add)", r#"[{"k":"b","v":1},{"k":"a","v":2},{"k":"b","v":3}]"#, "[[2,4]]");
        check(r#"@csv, @base64, (.[0] | todate | ., fromdate)"#, "[0]", r#"["0","WzBd","1970-01-01T00:00:00Z",0]"#);
        check(
            r#"to_entries, keys, (. as {$a} | $a), (try error("x") catch .)"#,
            r#"{"a":1}"#,
            r#"[[{"key":"a","value":1}],["a"],1,"x"]"#,
        );
        check("limit(2; repeat(1)), ([range(5)] | .[2:4])", "null", "[1,1,[2,3]]");
    }

    #[test]
    fn so_is_what_jaq_lacks() {
        check(
            "@csv, @tsv",
            r#"["a\"b,c", 1.5, true, null, "\t\\"]"#,
            r#"["\"a\"\"b,c\",1.5,true,,\"\t\\\"","a\"b,c\t1.5\ttrue\t\t\\t\\\\"]"#,
        );
        assert!(query("@csv", "[[]]").is_err());
        check("with_entries(.value += 1), from_entries?", r#"{"a":1}"#, r#"[{"a":2}]"#);
        check("from_entries", r#"[{"name":"a","value":false},{"k":1,"v":2}]"#, r#"[{"a":false,"1":2}]"#);
        check("map(IN(1, 2)), IN(.[]; 3), INDEX(.)", "[1,3]", r#"[[true,false],true,{"1":1,"3":3}]"#);
        check("isvalid(error), leaf_paths, (.[0] | toarray, ascii)", "[65]", r#"[false,[0],[65],"A"]"#);
        check(r#"trimstr("a")"#, r#""aba""#, r#"["b"]"#);
    }

    #[test]
    fn nothing_outside_the_data_can_be_asked() {
        for filter in ["now", "env", "localtime", "halt", "debug", "stderr", "input", "inputs", "halt_error"] {
            check_refused(
                filter,
                "null",
                &format!(
                    "`{filter}` is not a jq filter that runs here: there is no filter `{filter}`; correct the filter"
                ),
            );
        }
        for filter in ["$ENV", "$__prog_args", r#"include "a"; ."#, r#"import "a" as $a; $a"#] {
            assert!(matches!(query(filter, "null"), Err(Error::Invalid(_))), "{filter}");
        }
    }

    #[test]
    fn a_broken_filter_says_why() {
        let refused = |filter: &str, reason: &str| {
            let text = format!("`{filter}` is not a jq filter that runs here: {reason}; correct the filter");
            check_refused(filter, "null", &text);
        };
        refused("(1", "expected closing parenthesis at the end");
        refused("if 0", "expected then at the end");
        refused("1 1", "expected nothing at `1`");
        refused("map(1; 2)", "there is no filter `map` with 2 arguments");
        refused("$x", "there is no variable `$x`");
    }

    #[test]
    fn a_filter_that_fails_says_why() {
        check_refused(".a", "[1]", r#"`.a` fails on this data: cannot index [1] with "a"; correct the filter"#);
        let long = query(".a", &format!("[\"{}\"]", "ä".repeat(1000)));
        assert!(matches!(long, Err(Error::Invalid(text)) if text.len() < 300 && text.contains('…')));
    }

    #[test]
    fn outputs_are_bounded() {
        assert!(matches!(query("(\"text\" * 100000) as $text | repeat($text)", "null"), Err(Error::TooLarge(_))));
    }
}
