//! The text of a policy has one meaning or none: with its keys in another order it allows the same.
#![no_main]

use claw_fuzz::{EXAMPLES, Example};
use claw_policy::{Document, LoadError, Policy, run_tests};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return refused(text, &[error]),
    };
    let knows = |example: &&Example| {
        document.files().iter().all(|file| {
            let component = example.catalogue.components.get(&file.path);
            component.is_some_and(|component| file.digest.as_ref().is_none_or(|digest| component.digest == *digest))
        })
    };
    let example = EXAMPLES.iter().rev().find(knows).unwrap_or(&EXAMPLES[0]);
    let policy = match Policy::load(&document, &example.catalogue) {
        Ok(policy) => policy,
        Err(errors) => return refused(text, &errors),
    };
    let written = toml::from_str::<toml::Table>(text).expect("it is TOML").to_string();
    let again = Policy::parse(&written, &example.catalogue).expect("what is written anew loads");
    assert_eq!((policy.diff(&again), again.diff(&policy)), (Vec::new(), Vec::new()), "{written}");
    run_tests(&policy.into(), &document, &example.catalogue);
});

fn refused(text: &str, errors: &[LoadError]) {
    assert!(!errors.is_empty());
    for error in errors {
        assert!(text.get(error.span.clone()).is_some(), "{error:?}");
        assert!(!error.message.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{error:?}");
    }
}
