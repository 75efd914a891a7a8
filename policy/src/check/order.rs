//! `[plan] before`, `after` and `strict`: what earlier steps mean for a step.

use std::collections::BTreeSet;

use super::Checking;
use crate::capability::Capability;
use crate::fault::Violation;
use crate::json::with_key;
use crate::label::{array, listed};
use crate::name::Name;

impl Checking<'_> {
    /// Holds a step against the order that the policy asks for, in the session and this plan.
    pub(super) fn order(&mut self, name: &Name, at: &str) {
        let order = &self.policy.order;
        let place = || with_key(at, "capability");
        for pair in order.before.iter().filter(|pair| pair.second == *name) {
            if !self.earlier.contains(&pair.first) && !self.session.done.contains(&pair.first) {
                let message = format!("`{name}` needs an earlier step of `{}`", pair.first);
                let help = format!("call `{}` first: the policy's `[plan] before` says so", pair.first);
                self.violations.push(Violation::new("order.before", place(), message).help(help).line(pair.line));
            }
        }
        for pair in order.after.iter().filter(|pair| pair.second == *name) {
            if self.earlier.contains(&pair.first) || self.session.calls.contains_key(&pair.first) {
                let message = format!("`{name}` cannot be called once `{}` has been", pair.first);
                let help = "call it first, or in a session of its own: the policy's `[plan] after` says so";
                self.violations.push(Violation::new("order.after", place(), message).help(help).line(pair.line));
            }
        }
    }

    /// `strict`: that a step is reached at all tells that the earlier ones succeeded.
    pub(super) fn strict(&mut self, capability: &Capability, at: &str) {
        if !self.policy.order.strict {
            return;
        }
        let policy = self.policy;
        for (sink, grant) in capability.grants.iter().filter_map(|name| policy.grants.get_key_value(name)) {
            let accepted = grant.accepted();
            let earlier: BTreeSet<&Name> = self.secrets.iter().chain(&self.session.secrecy).collect();
            let refused: Vec<&Name> = earlier.into_iter().filter(|secret| !accepted.contains(*secret)).collect();
            if grant.is_sink() && !refused.is_empty() {
                let message = format!(
                    "earlier steps are secret as {}, and that they succeeded would reach `{sink}`",
                    listed(refused.iter().copied(), "")
                );
                let accepts = array(grant.accepts.iter().chain(refused));
                let help = format!(
                    "call it before them, or write `accepts = {accepts}` in `[grant.{sink}]`; then everything of that secrecy may be sent there, by every plan"
                );
                self.violations.push(
                    Violation::new("strict.accepts", with_key(at, "capability"), message).help(help).line(grant.line),
                );
            }
        }
    }
}
