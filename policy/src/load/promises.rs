//! What a policy promises of itself: proofs, flows that no plan could make right, and the plans of its tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::Spanned;

use super::{Loading, has};
use crate::document;
use crate::label::{BUILT_IN_ORIGINS, listed};
use crate::name::Name;
use crate::never::{Never, NeverTarget};
use crate::policy::{Policy, Test};

/// The most bytes of text that a load error shows of a plan.
const PLAN_SHOWN_MAX: usize = 4_000;

impl Loading<'_> {
    /// What is to be proved, with the place of each.
    pub(super) fn nevers(&mut self) -> Vec<Never> {
        let written = &self.document.root.prove.never;
        written.iter().filter_map(|never| self.never(never)).collect()
    }

    fn never(&mut self, written: &Spanned<String>) -> Option<Never> {
        let root = &self.document.root;
        let help = "write \"LABEL -> GRANT\", \"LABEL -> planner\" or \"LABEL -> capability.argument\"";
        let Some((label, target)) = written.get_ref().split_once(" -> ") else {
            self.error_with_help("policy.prove", written.span(), "this is no proof that can be read", help);
            return None;
        };
        let name = |text: &str| Name::new(text.trim()).ok();
        let argument =
            target.split_once('.').map(|(capability, argument)| (name(capability), argument.trim().to_owned()));
        let found = match (name(label), argument, name(target)) {
            (Some(label), Some((Some(capability), argument)), _) => {
                (label, Some(NeverTarget::Argument(capability, argument)))
            }
            (Some(label), None, Some(target)) if target.as_str() == "planner" => (label, Some(NeverTarget::Planner)),
            (Some(label), None, Some(target)) => (label, Some(NeverTarget::Grant(target))),
            (Some(label), _, _) => (label, None),
            (None, _, _) => {
                self.error_with_help("policy.prove", written.span(), "this is no proof that can be read", help);
                return None;
            }
        };
        let (label, Some(target)) = found else {
            self.error_with_help("policy.prove", written.span(), "this is no proof that can be read", help);
            return None;
        };
        let is_grant = has(&root.grant, &label);
        let (is_known, kind) = match &target {
            NeverTarget::Argument(..) => (
                is_grant
                    || BUILT_IN_ORIGINS.contains(&label.as_str())
                    || root.labels.origin.iter().any(|known| *known.get_ref() == label),
                "an origin",
            ),
            _ => {
                (is_grant || root.labels.secrecy.iter().any(|known| *known.get_ref() == label), "a category of secrets")
            }
        };
        if !is_known {
            self.error("policy.prove", written.span(), format!("`{label}` is not {kind} of this policy"));
        }
        let missing = match &target {
            NeverTarget::Grant(grant) if !has(&root.grant, grant) => Some(format!("there is no grant `{grant}`")),
            NeverTarget::Argument(capability, _) if !has(&root.capability, capability) => {
                Some(format!("there is no capability `{capability}`"))
            }
            _ => None,
        };
        if let Some(missing) = missing {
            self.error_with_help("policy.prove", written.span(), missing, help);
            return None;
        }
        is_known.then_some(Never { label, target, line: self.line(&written.span()) })
    }

    /// Decides what is to be proved, on the policy as it has become.
    pub(super) fn prove(&mut self, policy: &Arc<Policy>) {
        for (never, written) in policy.proved.iter().zip(&self.document.root.prove.never) {
            if let NeverTarget::Argument(capability, argument) = &never.target
                && policy.capabilities.get(capability).is_none_or(|found| !found.arguments.contains_key(argument))
            {
                let argument = super::printed(argument);
                self.error("policy.prove", written.span(), format!("`{capability}` has no argument `{argument}`"));
                continue;
            }
            if let Some(way) = policy.way(never) {
                let told = policy.told(&way, &never.label).join("\n  ");
                let plan = policy.plan_of(&way).filter(|plan| plan.len() <= PLAN_SHOWN_MAX);
                let plan = plan.map_or_else(String::new, |plan| format!("\na plan that does: {plan}"));
                let help = "take one of these steps out, or the line that says it never happens";
                self.error_with_help(
                    "policy.never",
                    written.span(),
                    format!("`{never}` does not hold:\n  {told}{plan}"),
                    help,
                );
            }
        }
    }

    /// A capability that by itself carries what it reads to where that is not accepted: no plan could call it.
    pub(super) fn leaks(&mut self, policy: &Policy) {
        for (name, capability) in &policy.capabilities {
            let held = || capability.grants.iter().filter_map(|grant| policy.grants.get_key_value(grant));
            for (sink, granted) in held().filter(|(_, grant)| grant.is_sink()) {
                let accepted = granted.accepted();
                for (other, _) in held().filter(|(other, _)| *other != sink) {
                    let read = policy.flows.reads.get(other).map(|label| &label.secrecy);
                    let refused: BTreeSet<&Name> =
                        read.into_iter().flatten().filter(|s| !accepted.contains(*s)).collect();
                    if !refused.is_empty() {
                        let secrets = listed(refused, "");
                        let message = format!(
                            "`{name}` can read `{other}`, which is secret as {secrets}, and send it to `{sink}`, which does not accept that"
                        );
                        let help = "accept it there, or make two capabilities of it, each with one of the grants";
                        let span = self
                            .document
                            .root
                            .capability
                            .keys()
                            .find(|key| key.get_ref() == name)
                            .map_or(0..0, Spanned::span);
                        self.error_with_help("policy.flow", span, message, help);
                    }
                }
            }
        }
    }

    pub(super) fn tests(&mut self) -> Vec<Test> {
        let document = self.document;
        let tests = document.root.test.iter().map(|test| {
            let written: &document::Test = test.get_ref();
            if let Some(task) = written.task.as_ref().filter(|task| !has(&document.root.task, task.get_ref())) {
                self.error("policy.name", task.span(), format!("there is no task `{}`", task.get_ref()));
            }
            Test {
                plan: written.plan.get_ref().clone(),
                verdict: written.verdict,
                rule: written.rule.clone(),
                task: written.task.as_ref().map(|task| task.get_ref().clone()),
                input: written.input.clone(),
                line: self.line(&test.span()),
            }
        });
        tests.collect()
    }
}

/// Each way for untrusted text into an argument that says where something goes.
pub(super) fn warnings(policy: &Policy) -> Vec<(usize, String)> {
    let mut warnings = Vec::new();
    for (name, capability) in &policy.capabilities {
        if !capability.has_effects(&policy.grants) {
            continue;
        }
        for (argument, declared) in &capability.arguments {
            let chooses = declared.schema.is_path || matches!(argument.as_str(), "url" | "method" | "host");
            let flow = policy.flows.capabilities.get(name).and_then(|flow| flow.arguments.get(argument));
            let origins = flow.into_iter().flat_map(|traced| &traced.label.origin);
            let untrusted: Vec<&Name> = origins.filter(|origin| !BUILT_IN_ORIGINS.contains(&origin.as_str())).collect();
            if chooses && !untrusted.is_empty() {
                let who = listed(untrusted, "");
                warnings.push((
                    declared.line,
                    format!("`{name}.{argument}` says where something goes, and {who} can choose it"),
                ));
            }
        }
    }
    warnings
}
