//! Rule 10: what no rule refuses, and a person has to be asked; the answers that are there; and what is asked again once values
//! are known.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Asked, Checking, Template, ValidatedStep};
use crate::approval::{Question, subject};
use crate::name::Name;
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
        for asked in asked {
            let Some(step) = steps.get(asked.step) else { continue };
            // One answer is for a step, so its questions share what they show; and no more are listed than a person reads.
            let earlier = questions.iter().rev().take_while(|(index, _)| *index == asked.step);
            if earlier.count() >= PLACES_MAX {
                continue;
            }
            let Asked { step: index, at, origins, line, .. } = asked;
            let earlier = questions.last().filter(|(earlier, _)| *earlier == index).map(|(_, earlier)| earlier);
            let question = match earlier {
                Some(earlier) => Question { at, origins, line, ..earlier.clone() },
                None => {
                    let tagged = json!([tagged(step), asked.labels]);
                    let subject = subject(&policy, &self.session.state(), &plan, &step.id, &tagged);
                    let shown = step.arguments.iter().map(|(name, template)| (name.clone(), self.written(template)));
                    let open = step
                        .arguments
                        .iter()
                        .filter_map(|(name, template)| Some((name.clone(), missing(template, self.session)?.clone())));
                    Question {
                        step: step.id.clone(),
                        capability: step.capability.clone(),
                        at,
                        origins,
                        arguments: Arc::new(shown.collect()),
                        labels: Arc::new(asked.labels),
                        open: Arc::new(open.collect()),
                        line,
                        subject,
                    }
                }
            };
            questions.push((index, question));
        }
        let mut unanswered = Vec::new();
        for (index, question) in questions {
            let mut answers = self.session.approvals.iter().filter(|answer| answer.until >= now);
            if !answers.any(|answer| answer.subject == question.subject) {
                unanswered.push(question);
            } else if let Some(step) = self.validated.get_mut(index).filter(|_| !question.open.is_empty()) {
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

/// A step whose output an argument has in it, and that has not run.
fn missing<'t>(template: &'t Template, session: &Session) -> Option<&'t Name> {
    match template {
        Template::Value(_) | Template::Input(_) => None,
        Template::Array(items) => items.iter().find_map(|item| missing(item, session)),
        Template::Object(fields) => fields.values().find_map(|field| missing(field, session)),
        Template::Output(output) => Some(&output.step).filter(|step| !session.steps.contains_key(*step)),
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
