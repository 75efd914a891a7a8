//! Rule 10: what no rule refuses, and a person has to be asked; the answers that are there; and what is asked again once values
//! are known.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Asked, Checking, Template, ValidatedStep};
use crate::approval::{Question, subject};
use crate::plan::Reference;
use crate::session::Session;

impl Checking<'_> {
    /// Everything that a person has to be asked before the plan may run, and has not answered.
    ///
    /// What they did answer, and that has outputs of this plan in it, stays with its step: it is asked again when it starts.
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
        let mut questions: Vec<(usize, Question)> = Vec::new();
        for mut asked in asked {
            let Some(step) = steps.get(asked.step) else { continue };
            // One answer is for a step, so its questions share what they show; and no more are listed than a person reads.
            let earlier = questions.iter().rev().take_while(|(index, _)| *index == asked.step);
            if earlier.count() >= PLACES_MAX {
                continue;
            }
            let (subject, arguments, labels) = match questions.last().filter(|(index, _)| *index == asked.step) {
                Some((_, earlier)) => (earlier.subject, Arc::clone(&earlier.arguments), Arc::clone(&earlier.labels)),
                None => {
                    let tagged = json!([tagged(step), asked.labels]);
                    let subject = subject(&policy, &self.session.state(), &plan, &step.id, &tagged);
                    let shown = step.arguments.iter().map(|(name, template)| (name.clone(), self.written(template)));
                    (subject, Arc::new(shown.collect()), Arc::new(std::mem::take(&mut asked.labels)))
                }
            };
            let (capability, step) = (step.capability.clone(), step.id.clone());
            let Asked { step: index, at, origins, line, .. } = asked;
            questions.push((index, Question { step, capability, at, origins, arguments, labels, line, subject }));
        }
        let mut unanswered = Vec::new();
        for (index, question) in questions {
            let mut answers = self.session.approvals.iter().filter(|answer| answer.until >= now);
            if !answers.any(|answer| answer.subject == question.subject) {
                unanswered.push(question);
            } else if let Some(step) = self.validated.get_mut(index)
                && step.arguments.iter().any(|(_, template)| is_open(template, self.session))
            {
                step.asks.push(question);
            }
        }
        unanswered
    }

    /// An argument with all that is known: what steps of earlier plans gave too. What is not is as a plan would write it.
    fn written(&self, template: &Template) -> Value {
        match template {
            Template::Value(value) | Template::Input(value) => value.clone(),
            Template::Array(items) => items.iter().map(|item| self.written(item)).collect(),
            Template::Object(fields) => {
                let fields = fields.iter().map(|(name, field)| (name.clone(), self.written(field)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Template::Output(output) => {
                let given = self.session.steps.get(&output.step).and_then(|past| past.value.as_ref());
                given.and_then(|value| value.pointer(&output.part)).cloned().unwrap_or_else(|| reference(output))
            }
        }
    }
}

/// Whether an argument has an output in it that is not there yet.
fn is_open(template: &Template, session: &Session) -> bool {
    match template {
        Template::Value(_) | Template::Input(_) => false,
        Template::Array(items) => items.iter().any(|item| is_open(item, session)),
        Template::Object(fields) => fields.values().any(|field| is_open(field, session)),
        Template::Output(output) => !session.steps.contains_key(&output.step),
    }
}

/// The most places of one step that are asked about one by one.
const PLACES_MAX: usize = 20;

/// The digest of a plan with everything put in that is known.
fn digest(steps: &[ValidatedStep], answer: Option<&Reference>) -> [u8; 32] {
    let steps = steps.iter().map(|step| json!([step.id, step.capability, tagged(step)]));
    let plan = json!([steps.collect::<Vec<_>>(), answer.map(reference)]);
    Sha256::digest(plan.to_string().as_bytes()).into()
}

/// The arguments of a step, so that no value reads as a reference: an input may hold what looks like one.
fn tagged(step: &ValidatedStep) -> Vec<Value> {
    fn one(template: &Template) -> Value {
        match template {
            Template::Value(value) | Template::Input(value) => json!(["value", value]),
            Template::Array(items) => json!(["array", items.iter().map(one).collect::<Vec<_>>()]),
            Template::Object(fields) => {
                json!(["object", fields.iter().map(|(name, field)| json!([name, one(field)])).collect::<Vec<_>>()])
            }
            Template::Output(output) => json!(["output", reference(output)]),
        }
    }
    step.arguments.iter().map(|(name, template)| json!([name, one(template)])).collect()
}

fn reference(reference: &Reference) -> Value {
    json!({ "$step": reference.step, "at": reference.part })
}
