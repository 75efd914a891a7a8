//! Rule 5: what reaches a folder that can be written, or a host, has secrecy that is accepted there.

use std::collections::{BTreeMap, BTreeSet};

use super::Checking;
use crate::capability::Capability;
use crate::fault::Violation;
use crate::grant::Grant;
use crate::json::with_key;
use crate::label::{Label, array, listed};
use crate::name::Name;

impl Checking<'_> {
    /// Holds the labels of a step's arguments, and what the planner was shown, against each sink that its capability has.
    ///
    /// What the capability reads through its other grants is the same in every plan: a policy that lets it through is no policy
    /// that loads.
    pub(super) fn sinks(&mut self, capability: &Capability, arguments: &BTreeMap<String, Label>, at: &str) {
        let policy = self.policy;
        for (sink, grant) in capability.grants.iter().filter_map(|name| policy.grants.get_key_value(name)) {
            if !grant.is_sink() {
                continue;
            }
            let accepted = grant.accepted();
            for (argument, label) in arguments {
                let refused = outside(&label.secrecy, &accepted);
                if !refused.is_empty() {
                    let what = format!("`{argument}` is secret as {}", listed(refused.iter().copied(), ""));
                    let place = with_key(&with_key(at, "arguments"), argument);
                    self.violations.push(violation(sink, grant, &refused, &what, place));
                }
            }
            let refused = outside(&self.session.context.secrecy, &accepted);
            if !refused.is_empty() {
                let what = format!("the planner was shown what is secret as {}", listed(refused.iter().copied(), ""));
                self.violations.push(violation(sink, grant, &refused, &what, with_key(at, "capability")));
            }
        }
    }
}

fn outside<'l>(secrecy: &'l BTreeSet<Name>, accepted: &BTreeSet<Name>) -> Vec<&'l Name> {
    secrecy.iter().filter(|secret| !accepted.contains(*secret)).collect()
}

fn violation(sink: &Name, grant: &Grant, refused: &[&Name], what: &str, at: String) -> Violation {
    let accepts = array(grant.accepts.iter().chain(refused.iter().copied()));
    let secrets = listed(refused.iter().copied(), "");
    Violation::new("sink.accepts", at, format!("{what}, and it would reach `{sink}`, which does not accept that"))
        .help(format!(
            "`accepts = {accepts}` in `[grant.{sink}]` would allow it; then everything that is secret as {secrets} may be sent there, \
             by every plan, and what is read back from there is secret as that too"
        ))
        .line(grant.line)
}
