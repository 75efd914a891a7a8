//! Entry points for `fuzz/`: what it needs of the inside, in a build that fuzzes and in no other.

use serde_json::{Map, Value, json};

use crate::capability::Capability;
use crate::plan::{Expression, Plan, Reference};
use crate::policy::Policy;
use crate::sample::sample;
use crate::schema::Schema;
use crate::session::Session;
use crate::types::Type;

/// The JSON of a plan, as a planner would write it.
pub fn written(plan: &Plan) -> Value {
    let steps = plan.steps.iter().map(|step| {
        let arguments = step.arguments.iter().map(|(name, expression)| (name.clone(), expressed(expression)));
        json!({
            "id": step.id.as_str(),
            "capability": step.capability.as_str(),
            "arguments": arguments.collect::<Map<_, _>>(),
        })
    });
    let mut written = Map::from_iter([("claw".to_owned(), 1.into()), ("steps".to_owned(), steps.collect())]);
    written.extend(plan.answer.as_ref().map(|answer| ("answer".to_owned(), referred(answer))));
    Value::Object(written)
}

fn expressed(expression: &Expression) -> Value {
    match expression {
        Expression::Literal(value) => value.clone(),
        Expression::Array(items) => items.iter().map(expressed).collect(),
        Expression::Object(fields) => fields.iter().map(|(key, field)| (key.clone(), expressed(field))).collect(),
        Expression::Step(reference) => referred(reference),
        Expression::Input(name) => json!({ "$input": name.as_str() }),
    }
}

fn referred(reference: &Reference) -> Value {
    if reference.part.is_empty() {
        json!({ "$step": reference.step.as_str() })
    } else {
        json!({ "$step": reference.step.as_str(), "at": reference.part })
    }
}

/// A session whose inputs are bound to what their schemas allow.
pub fn session(policy: &Policy) -> Session {
    Session::supposing(policy)
}

/// Something that a call of `capability` could put out; text with `json` in it where it puts out JSON.
pub fn output(capability: &Capability, json: &str) -> Value {
    match &capability.output {
        _ if capability.output_is_json => Value::from(json),
        Some(Type::String) => Value::from(json),
        Some(ty) => sample(ty, &Schema::default()).unwrap_or_default(),
        None => Value::Null,
    }
}
