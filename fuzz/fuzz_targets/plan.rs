//! The text of a plan has one meaning or none: written anew it is the same plan, and a refusal can be shown.
#![no_main]

use claw_policy::json::{Bounds, read};
use claw_policy::{Limits, Plan, fuzzing};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let limits = Limits::default();
    let json = read(text, Bounds { bytes: limits.plan_bytes, depth: limits.plan_depth });
    if let Ok(value) = &json {
        assert_eq!(*value, serde_json::from_slice::<Value>(text).expect("it is JSON"), "readers agree");
    }
    match Plan::parse(text, &limits) {
        Ok(plan) => {
            assert!(json.is_ok());
            let written = fuzzing::written(&plan).to_string();
            let again = Plan::parse(written.as_bytes(), &limits).expect("what we write can be read");
            assert_eq!(format!("{again:?}"), format!("{plan:?}"));
        }
        Err(refusal) => {
            assert!(!refusal.violations().is_empty());
            for violation in refusal.violations() {
                assert!(violation.at.is_empty() || violation.at.starts_with('/'));
                assert!(!violation.message.contains(char::is_control), "{:?}", violation.message);
            }
        }
    }
});
