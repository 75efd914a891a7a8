//! What a policy can be narrowed to: its tasks.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::{Loading, has, positive};
use crate::capability::Input;
use crate::document;
use crate::name::Name;
use crate::schema::Schema;
use crate::task::Task;

impl Loading<'_> {
    pub(super) fn tasks(&mut self, inputs: &BTreeMap<Name, Input>) -> BTreeMap<Name, Task> {
        let tasks = self.document.root.task.iter();
        tasks.map(|(name, task)| (name.get_ref().clone(), self.task(name, task.get_ref(), inputs))).collect()
    }

    fn task(&mut self, name: &Spanned<Name>, written: &document::Task, inputs: &BTreeMap<Name, Input>) -> Task {
        let capabilities = &self.document.root.capability;
        let is_known = |name: &Name| has(capabilities, name);
        let only = written.only.as_ref().map(|only| self.known(only, is_known, "capability"));
        let mut calls = BTreeMap::new();
        for (capability, most) in &written.calls {
            if !is_known(capability.get_ref()) {
                self.error(
                    "policy.name",
                    capability.span(),
                    format!("there is no capability `{}`", capability.get_ref()),
                );
            }
            match positive(*most.get_ref()) {
                Some(most) => {
                    if only.as_ref().is_some_and(|only| !only.contains(capability.get_ref())) {
                        let message =
                            format!("`{}` is not kept by this task, so its `calls` never matter", capability.get_ref());
                        self.error("policy.value", capability.span(), message);
                    }
                    calls.insert(capability.get_ref().clone(), most);
                }
                None => self.error("policy.value", most.span(), "`calls` are counts of 1 or more"),
            }
        }
        let mut input = BTreeMap::new();
        for (name, schema) in &written.input {
            if !inputs.contains_key(name.get_ref()) {
                self.error("policy.name", name.span(), format!("there is no input `{}`", name.get_ref()));
            }
            let schema = Schema::parse(schema.get_ref()).map_err(|why| (schema.span(), why));
            match schema.and_then(|schema| {
                let about_arguments = schema.input.is_some() || schema.from.is_some() || !schema.ask.is_empty();
                if about_arguments {
                    Err((name.span(), "`input`, `from` and `ask` are for arguments".to_owned()))
                } else {
                    Ok(schema)
                }
            }) {
                Ok(schema) => {
                    input.insert(name.get_ref().clone(), schema);
                }
                Err((span, why)) => self.error("policy.schema", span, format!("the input `{}`: {why}", name.get_ref())),
            }
        }
        Task { only: only.map(BTreeSet::from_iter), calls, input, line: self.line(&name.span()) }
    }
}
