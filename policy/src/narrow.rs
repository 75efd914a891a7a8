//! Narrowing: a part of a policy for one run. It can only take away.

use crate::fault::{Refusal, Violation};
use crate::label::listed;
use crate::policy::Policy;
use crate::task::Narrowing;

impl Policy {
    /// Keeps the part of the policy that is asked for.
    ///
    /// What flows where stays as the whole policy has it: an earlier run may have used the rest of it.
    ///
    /// # Errors
    /// A task or a capability that the policy does not have.
    pub fn narrow(mut self, narrowing: &Narrowing) -> Result<Self, Refusal> {
        let Narrowing { task, only } = narrowing;
        let unknown = |rule, message: String, known: String| {
            Err(Violation::new(rule, "", message).help(format!("there are {known}")).into())
        };
        if let Some(name) = task {
            let Some((_, task)) = self.tasks.remove_entry(name.as_str()) else {
                let message = format!("the policy has no task `{}`", crate::printable::printable(name));
                return unknown("task.unknown", message, listed(self.tasks.keys(), "none"));
            };
            if let Some(kept) = &task.only {
                self.capabilities.retain(|name, _| kept.contains(name));
            }
            for (name, most) in &task.calls {
                if let Some(capability) = self.capabilities.get_mut(name) {
                    capability.calls = Some(capability.calls.map_or(*most, |calls| calls.min(*most)));
                }
            }
            for (name, schema) in task.input {
                if let Some(input) = self.inputs.get_mut(&name) {
                    input.narrowed.push(schema);
                }
            }
        }
        if !only.is_empty() {
            if let Some(name) = only.iter().find(|name| !self.capabilities.contains_key(name.as_str())) {
                let message = format!("there is no capability `{}` to keep", crate::printable::printable(name));
                return unknown("capability.unknown", message, listed(self.capabilities.keys(), "none"));
            }
            self.capabilities.retain(|name, _| only.iter().any(|kept| kept == name.as_str()));
        }
        self.planner.shows.retain(|name| self.capabilities.contains_key(name));
        self.narrowing = narrowing.clone();
        Ok(self)
    }

    /// What a session and an approval are bound to: the policy, and what it is narrowed to.
    pub(crate) fn identity(&self) -> String {
        // A session of one part is no session of another.
        match serde_json::to_string(&self.narrowing) {
            Ok(narrowing) if !self.narrowing.is_none() => format!("{} {narrowing}", self.digest),
            _ => self.digest.clone(),
        }
    }
}
