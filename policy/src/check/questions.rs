//! Rule 10: what no rule refuses, and a person has to be asked; and the answers that are there.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Checking, Template, ValidatedStep};
use crate::approval::{Question, subject};
use crate::plan::Reference;

impl Checking<'_> {
    /// Everything that a person has to be asked before the plan may run, and has not answered.
    pub(super) fn questions(&mut self, answer: Option<&Reference>, now: SystemTime) -> Vec<Question> {
        if self.violations.len() > 0 {
            return Vec::new();
        }
        // Nothing is refused, so every step of the plan is among `steps`, in its place.
        let (mut asked, steps) = (std::mem::take(&mut self.asked), &self.validated);
        if asked.is_empty() {
            return Vec::new();
        }
        asked.sort_by(|a, b| (a.step, &a.at).cmp(&(b.step, &b.at)));
        let plan = digest(steps, answer);
        let policy = self.policy.identity();
        let questions = asked.into_iter().filter_map(|asked| {
            let step = steps.get(asked.step)?;
            let arguments: BTreeMap<String, Value> =
                step.arguments.iter().map(|(name, template)| (name.clone(), written(template))).collect();
            Some(Question {
                subject: subject(&policy, &self.session.state(), &plan, &step.id, &json!(arguments)),
                step: step.id.clone(),
                at: asked.at,
                origins: asked.origins,
                labels: asked.labels,
                line: asked.line,
                arguments,
            })
        });
        let answered = |question: &Question| {
            let answers = self.session.approvals.iter();
            answers.filter(|answer| answer.until >= now).any(|answer| answer.subject == question.subject)
        };
        questions.filter(|question| !answered(question)).collect()
    }
}

/// The digest of a plan with everything put in that is known.
fn digest(steps: &[ValidatedStep], answer: Option<&Reference>) -> [u8; 32] {
    let steps = steps.iter().map(|step| {
        let arguments: BTreeMap<&String, Value> =
            step.arguments.iter().map(|(name, template)| (name, written(template))).collect();
        json!([step.id, step.capability, arguments])
    });
    let plan = json!([steps.collect::<Vec<_>>(), answer.map(reference)]);
    Sha256::digest(plan.to_string().as_bytes()).into()
}

/// An argument as a plan would write it.
fn written(template: &Template) -> Value {
    match template {
        Template::Value(value) => value.clone(),
        Template::Array(items) => items.iter().map(written).collect(),
        Template::Object(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), written(field))).collect::<Map<_, _>>())
        }
        Template::Output(output) => reference(output),
    }
}

fn reference(reference: &Reference) -> Value {
    json!({ "$step": reference.step, "at": reference.part })
}
