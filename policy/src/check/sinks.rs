//! Rule 5: what reaches a place that can be written has secrecy that the place accepts.

use std::collections::{BTreeMap, BTreeSet};

use super::Checking;
use crate::fault::Violation;
use crate::json::with_key;
use crate::label::{Label, array, listed};
use crate::name::Name;
use crate::policy::{Capability, Grant};

impl Checking<'_> {
    /// Holds the labels of a step's arguments, and what its capability reads through its other grants, against each
    /// place that it can write.
    pub(super) fn sinks(
        &mut self,
        name: &Name,
        capability: &Capability,
        arguments: &BTreeMap<String, Label>,
        at: &str,
    ) {
        let policy = self.policy;
        let held = || capability.grants.iter().filter_map(|name| policy.grants.get_key_value(name));
        for (sink, grant) in held().filter(|(_, grant)| grant.writes()) {
            let accepted: BTreeSet<&Name> = grant.accepts.iter().chain(&grant.label.secrecy).collect();
            for (argument, label) in arguments {
                let refused: Vec<&Name> = label.secrecy.iter().filter(|secret| !accepted.contains(secret)).collect();
                if !refused.is_empty() {
                    let what = format!("`{argument}` is secret as {}", listed(refused.iter().copied(), ""));
                    let place = with_key(&with_key(at, "arguments"), argument);
                    self.violations.push(violation(sink, grant, &refused, &what, place));
                }
            }
            for (other, read) in held().filter(|(other, _)| *other != sink) {
                let refused: Vec<&Name> =
                    read.label.secrecy.iter().filter(|secret| !accepted.contains(secret)).collect();
                if !refused.is_empty() {
                    let what = format!(
                        "`{name}` can read `{other}`, which is secret as {}",
                        listed(refused.iter().copied(), "")
                    );
                    self.violations.push(violation(sink, grant, &refused, &what, with_key(at, "capability")));
                }
            }
        }
    }
}

fn violation(sink: &Name, grant: &Grant, refused: &[&Name], what: &str, at: String) -> Violation {
    let accepts = array(grant.accepts.iter().chain(refused.iter().copied()));
    Violation::new("sink.accepts", at, format!("{what}, and it would reach `{sink}`, which does not accept that"))
        .help(format!("`accepts = {accepts}` in `[grant.{sink}]` would allow it, for every plan"))
        .line(grant.line)
}
