//! Compiles a filter, with jq's library but for what would look out of the data.

use crate::bindings::exports::claw::capabilities::json_query::Error;
use crate::quote;
use jaq_core::compile::Undefined;
use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Filter};
use jaq_json::Val;

/// What asks the clock, the time zone, the environment or the log, or would end the program, and what is made of it.
const LEFT_OUT: [&str; 10] = [
    "debug",
    "debug_empty",
    "env",
    "halt",
    "halt_error",
    "localtime",
    "now",
    "stderr",
    "stderr_empty",
    "strflocaltime",
];

/// The filter whose text is `code`.
pub(crate) fn compile(code: &str) -> Result<Filter<JustLut<Val>>, Error> {
    let invalid = |reason: String| {
        Error::Invalid(format!("`{}` is not a jq filter that runs here: {reason}; correct the filter", quote(code)))
    };
    // A later definition of the same name counts.
    let own = load::parse(include_str!("library.jq"), |parser| parser.defs()).unwrap_or_default();
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let loader = Loader::new(defs.filter(|def| !LEFT_OUT.contains(&def.name)));
    let modules = loader.load(&arena, File { code, path: () }).map_err(|errors| invalid(not_loaded(&errors)))?;
    load::import(&modules, |_| Err(String::new())).map_err(|errors| invalid(not_loaded(&errors)))?;
    let compiler = Compiler::default().with_funs(funs.filter(|(name, ..)| !LEFT_OUT.contains(name)));
    compiler.compile(modules).map_err(|errors| {
        let first = errors.iter().flat_map(|(_, errors)| errors).next();
        invalid(first.map_or_else(String::new, |(name, kind)| undefined(name, kind)))
    })
}

fn not_loaded(errors: &load::Errors<&str, ()>) -> String {
    let expected = |what: &str, at: &str| match at {
        "" => format!("expected {what} at the end"),
        at => format!("expected {what} at `{}`", quote(at)),
    };
    match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(errors)) => errors.first().map(|(what, at)| expected(what.as_str(), at)),
        Some(load::Error::Parse(errors)) => errors.first().map(|(what, at)| expected(what.as_str(), at)),
        Some(load::Error::Io(_)) => Some("no module can be imported".to_owned()),
        None => None,
    }
    .unwrap_or_default()
}

fn undefined(name: &str, kind: &Undefined) -> String {
    let what = format!("there is no {} `{}`", kind.as_str(), quote(name));
    match kind {
        Undefined::Filter(1) => format!("{what} with 1 argument"),
        Undefined::Filter(arguments @ 2..) => format!("{what} with {arguments} arguments"),
        _ => what,
    }
}
