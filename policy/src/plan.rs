//! A plan as a planner wrote it: read strictly, in form, and nothing decided yet.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::fault::{Refusal, Violation, Violations};
use crate::json::{self, Bounds, FaultKind, with_index, with_key};
use crate::limits::Limits;
use crate::name::Name;
use crate::printable::printable;

/// A plan that has the form of one. Whether it is allowed is for [`Policy::check`](crate::Policy::check) to say.
#[derive(Debug)]
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) answer: Option<Reference>,
}

/// A call of a capability.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: Name,
    pub(crate) capability: Name,
    pub(crate) arguments: BTreeMap<String, Expression>,
}

/// What an argument is made of. References may stand anywhere in it.
#[derive(Debug)]
pub(crate) enum Expression {
    /// `null`, a boolean, a number or a string.
    Literal(Value),
    Array(Vec<Expression>),
    Object(BTreeMap<String, Expression>),
    Step(Reference),
    Input(Name),
}

/// `{"$step": id, "at": pointer}`: an earlier step's output, or a part of it.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) step: Name,
    /// A JSON pointer, empty for the whole output.
    pub(crate) part: String,
}

impl Expression {
    /// Adds the steps whose outputs it has in it.
    pub(crate) fn refers_to(&self, steps: &mut BTreeSet<Name>) {
        match self {
            Self::Literal(_) | Self::Input(_) => {}
            Self::Array(items) => items.iter().for_each(|item| item.refers_to(steps)),
            Self::Object(fields) => fields.values().for_each(|field| field.refers_to(steps)),
            Self::Step(reference) => {
                steps.insert(reference.step.clone());
            }
        }
    }
}

impl Plan {
    /// Reads a plan's text.
    ///
    /// # Errors
    /// What is wrong with its form: all of it, where the text is JSON at all.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        let bounds = Bounds { bytes: limits.plan_bytes, depth: limits.plan_depth };
        let value = json::read(text, bounds).map_err(|faults| {
            let violations = faults.into_iter().map(|fault| {
                let (rule, help) = match fault.kind {
                    FaultKind::Syntax => {
                        ("plan.syntax", "a plan is one JSON object: { \"claw\": 1, \"steps\": [ … ] }".to_owned())
                    }
                    FaultKind::Size => ("limit.plan-bytes", limit_help("plan-bytes")),
                    FaultKind::Depth => ("limit.plan-depth", limit_help("plan-depth")),
                    FaultKind::DuplicateKey => {
                        ("plan.duplicate-key", "keep one of them: readers disagree on which one counts".to_owned())
                    }
                    FaultKind::Key => ("plan.key", "no key of a plan is that long".to_owned()),
                    FaultKind::Number => ("plan.number", "a plan has one meaning, so its numbers are exact".to_owned()),
                };
                Violation::new(rule, fault.at, fault.message).help(help)
            });
            violations.collect::<Vec<_>>()
        });
        let mut reading = Reading { violations: Violations::default(), limits };
        let plan = match value {
            Ok(value) => reading.plan(value),
            Err(violations) => {
                reading.violations.extend(violations);
                None
            }
        };
        Refusal::of(reading.violations, Vec::new())?;
        plan.ok_or_else(|| Violation::new("plan.syntax", "", "the text is no plan").into())
    }
}

fn limit_help(limit: &str) -> String {
    format!("the policy's `[limits] {limit}` bounds it")
}

struct Reading<'l> {
    violations: Violations,
    limits: &'l Limits,
}

impl Reading<'_> {
    fn refuse(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    fn plan(&mut self, value: Value) -> Option<Plan> {
        let mut object = self.object(value, "", "a plan is an object: { \"claw\": 1, \"steps\": [ … ] }")?;
        match object.remove("claw") {
            Some(Value::Number(version)) if version.as_i64() == Some(1) => {}
            _ => self.refuse(
                Violation::new("plan.version", "/claw", "this claw reads plans of version 1")
                    .help("write `\"claw\": 1`"),
            ),
        }
        let answer = object.remove("answer").and_then(|answer| match self.expression(answer, "/answer") {
            Some(Expression::Step(reference)) => Some(reference),
            Some(_) => {
                let help = "write { \"$step\": \"…\" }, or leave it out: then the last step's output is shown";
                self.refuse(Violation::new("plan.shape", "/answer", "an answer is a step's output").help(help));
                None
            }
            None => None,
        });
        let steps = match object.remove("steps") {
            Some(Value::Array(steps)) => steps,
            other => {
                let found = if other.is_none() { "missing" } else { "no array" };
                self.refuse(
                    Violation::new("plan.shape", "/steps", format!("`steps` is {found}"))
                        .help("a plan has a list of steps"),
                );
                Vec::new()
            }
        };
        self.no_other_keys(&object, "", "claw, steps and answer");
        if steps.len() as u64 > self.limits.plan_steps {
            let message = format!("{} steps are over the {} of one plan", steps.len(), self.limits.plan_steps);
            self.refuse(Violation::new("limit.plan-steps", "/steps", message).help(limit_help("plan-steps")));
            return None;
        }
        let steps: Vec<Step> = steps
            .into_iter()
            .enumerate()
            .filter_map(|(index, step)| self.step(step, &with_index("/steps", index)))
            .collect();
        let mut ids = BTreeSet::new();
        for (index, step) in steps.iter().enumerate() {
            if !ids.insert(&step.id) {
                let message = format!("the id `{}` is an earlier step's", step.id);
                self.violations.push(
                    Violation::new("plan.duplicate-id", with_key(&with_index("/steps", index), "id"), message)
                        .step(&step.id)
                        .help("give each step an id of its own"),
                );
            }
        }
        Some(Plan { steps, answer })
    }

    fn step(&mut self, value: Value, at: &str) -> Option<Step> {
        let shape = "a step is an object: { \"id\": …, \"capability\": …, \"arguments\": { … } }";
        let mut object = self.object(value, at, shape)?;
        let id = self.name(object.remove("id"), at, "id");
        let capability = self.name(object.remove("capability"), at, "capability");
        let place = with_key(at, "arguments");
        let arguments = match object.remove("arguments") {
            None => Map::new(),
            Some(arguments) => {
                self.object(arguments, &place, "`arguments` is an object, a key for each parameter").unwrap_or_default()
            }
        };
        self.no_other_keys(&object, at, "id, capability and arguments");
        let arguments = self.expressions(arguments, &place);
        Some(Step { id: id?, capability: capability?, arguments })
    }

    fn name(&mut self, value: Option<Value>, at: &str, key: &str) -> Option<Name> {
        let place = with_key(at, key);
        match value {
            Some(Value::String(text)) => match Name::new(&text) {
                Ok(name) => Some(name),
                Err(error) => {
                    self.refuse(
                        Violation::new("plan.name", place, error.to_string())
                            .help("names that only look alike are never the same"),
                    );
                    None
                }
            },
            other => {
                let found = if other.is_none() { "missing" } else { "no string" };
                self.refuse(
                    Violation::new("plan.shape", place, format!("`{key}` is {found}"))
                        .help("each step has an id and a capability"),
                );
                None
            }
        }
    }

    fn expression(&mut self, value: Value, at: &str) -> Option<Expression> {
        match value {
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                Some(Expression::Array(
                    items.filter_map(|(index, item)| self.expression(item, &with_index(at, index))).collect(),
                ))
            }
            Value::Object(object) if object.contains_key("$step") || object.contains_key("$input") => {
                self.reference(&object, at)
            }
            Value::Object(object) => Some(Expression::Object(self.expressions(object, at))),
            literal => Some(Expression::Literal(literal)),
        }
    }

    fn expressions(&mut self, object: Map<String, Value>, at: &str) -> BTreeMap<String, Expression> {
        let mut out = BTreeMap::new();
        for (key, value) in object {
            let place = with_key(at, &key);
            if key.starts_with('$') {
                let message = format!("there is no reference `{}`", printable(&key));
                self.refuse(Violation::new("plan.reference", place, message).help(REFERENCES));
            } else if let Some(expression) = self.expression(value, &place) {
                out.insert(key, expression);
            }
        }
        out
    }

    fn reference(&mut self, object: &Map<String, Value>, at: &str) -> Option<Expression> {
        let name = |key: &str| object.get(key).and_then(Value::as_str).and_then(|text| Name::new(text).ok());
        let expression = match (name("$step"), name("$input"), object.get("at"), object.len()) {
            (Some(step), None, None, 1) => Some(Expression::Step(Reference { step, part: String::new() })),
            (Some(step), None, Some(Value::String(part)), 2) if is_pointer(part) => {
                Some(Expression::Step(Reference { step, part: part.clone() }))
            }
            (None, Some(input), None, 1) => Some(Expression::Input(input)),
            _ => None,
        };
        if expression.is_none() {
            self.refuse(Violation::new("plan.reference", at, "this is no reference that can be read").help(REFERENCES));
        }
        expression
    }

    fn object(&mut self, value: Value, at: &str, shape: &str) -> Option<Map<String, Value>> {
        if let Value::Object(object) = value {
            return Some(object);
        }
        self.refuse(Violation::new("plan.shape", at, format!("this is {}", crate::types::kind(&value))).help(shape));
        None
    }

    fn no_other_keys(&mut self, object: &Map<String, Value>, at: &str, known: &str) {
        for key in object.keys() {
            let message = format!("there is no key `{}` here", printable(key));
            self.refuse(
                Violation::new("plan.unknown-key", with_key(at, key), message).help(format!("the keys are {known}")),
            );
        }
    }
}

const REFERENCES: &str = "references are { \"$step\": \"id\" }, { \"$step\": \"id\", \"at\": \"/json/pointer\" } and { \"$input\": \"name\" }, \
                          without other keys; no other key starts with `$`";

/// Whether `text` is a JSON pointer (RFC 6901).
fn is_pointer(text: &str) -> bool {
    let mut rest = text.split('~');
    (text.is_empty() || text.starts_with('/')) && rest.next().is_some() && rest.all(|part| part.starts_with(['0', '1']))
}
