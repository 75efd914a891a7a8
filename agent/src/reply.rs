//! What a planner's reply is: a plan for the door, or an answer; anything else is asked for again.

use claw_policy::Limits;
use claw_policy::json::{self, Bounds, FaultKind};
use serde_json::{Map, Value, json};

/// A reply that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A plan, as far as a reader can tell; the door reads it again, and decides.
    Plan {
        /// Whether it names its answer: then it is the last.
        is_last: bool,
    },
    /// An answer in the planner's own words.
    Answer(String),
}

/// Why a reply is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlan {
    /// It stopped before its end.
    #[error("it was cut off before its end")]
    Cut,
    /// It is longer than a reply may be.
    #[error("it is too long")]
    TooLong,
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It begins with a fence.
    #[error("it is in a code fence")]
    Fenced,
    /// It begins with words, or is some other JSON.
    #[error("it is no JSON object")]
    Prose,
    /// It has more behind the object.
    #[error("there is more than one JSON object")]
    Several,
    /// It begins like an object, and is none.
    #[error("its JSON is broken")]
    Broken,
}

/// Reads a reply. Nothing is looked for in it, and nothing mended: what is in a fence or among words may be an example.
///
/// What two readers would read in two ways (a key twice, numbers that change) is left to the door, which refuses it.
///
/// # Errors
/// A text that is no plan and no answer.
pub(crate) fn read(text: &str, is_cut: bool, limits: &Limits) -> Result<Said, NoPlan> {
    if is_cut {
        return Err(NoPlan::Cut);
    }
    let text = text.trim_ascii();
    match text.chars().next() {
        None => return Err(NoPlan::Empty),
        Some('{') => {}
        Some('`') => return Err(NoPlan::Fenced),
        Some(_) => return Err(NoPlan::Prose),
    }
    let bounds = Bounds { bytes: limits.plan_bytes, depth: limits.plan_depth };
    match json::read(text.as_bytes(), bounds) {
        Ok(Value::Object(mut object)) => Ok(match object.remove("answer") {
            Some(Value::String(answer)) if has_no_steps(&object) => Said::Answer(answer),
            answer => Said::Plan { is_last: answer.is_some() },
        }),
        Ok(_) => Err(NoPlan::Prose),
        Err(faults) if faults.iter().any(|fault| fault.kind == FaultKind::Syntax) => Err(broken(text)),
        Err(_) => Ok(Said::Plan { is_last: false }),
    }
}

/// Whether there is nothing beside an answer; a plan's frame without steps is nothing.
fn has_no_steps(rest: &Map<String, Value>) -> bool {
    rest.is_empty() || (rest.len() == 2 && rest.get("claw") == Some(&json!(1)) && rest.get("steps") == Some(&json!([])))
}

/// Why a text that begins like an object is none.
fn broken(text: &str) -> NoPlan {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    if matches!(values.next(), Some(Ok(_))) { NoPlan::Several } else { NoPlan::Broken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_a_plan_or_an_answer_or_is_asked_for_again() {
        let plan = Ok(Said::Plan { is_last: false });
        let last = Ok(Said::Plan { is_last: true });
        for (text, expect) in [
            ("{\"claw\":1,\"steps\":[]}", plan.clone()),
            ("\n {\"claw\":1,\"steps\":[]}\t\n", plan.clone()),
            ("{\"claw\":1,\"steps\":[],\"answer\":{\"$step\":\"a\"}}", last.clone()),
            ("{\"answer\":\"seven\"}", Ok(Said::Answer("seven".to_owned()))),
            ("{\"claw\":1,\"steps\":[],\"answer\":\"seven\"}", Ok(Said::Answer("seven".to_owned()))),
            ("{\"claw\":1,\"steps\":[{}],\"answer\":\"seven\"}", last.clone()),
            ("{\"claw\":2,\"steps\":[],\"answer\":\"seven\"}", last.clone()),
            // The door says what is wrong with these.
            ("{}", plan.clone()),
            ("{\"answer\":7}", last.clone()),
            ("{\"answer\":\"seven\",\"claw\":1}", last),
            ("{\"answer\":\"a\",\"answer\":\"b\"}", plan.clone()),
            ("{\"claw\":1,\"steps\":[],\"\\u0073teps\":[]}", plan.clone()),
            ("{\"claw\":1e999}", plan),
            ("", Err(NoPlan::Empty)),
            (" \n", Err(NoPlan::Empty)),
            ("Sure! {\"claw\":1,\"steps\":[]}", Err(NoPlan::Prose)),
            ("[{\"claw\":1}]", Err(NoPlan::Prose)),
            ("\"{}\"", Err(NoPlan::Prose)),
            ("\u{feff}{\"answer\":\"a\"}", Err(NoPlan::Prose)),
            ("```json\n{\"answer\":\"a\"}\n```", Err(NoPlan::Fenced)),
            ("{\"answer\":\"a\"}{\"answer\":\"b\"}", Err(NoPlan::Several)),
            ("{\"answer\":\"a\"}\nThat is all.", Err(NoPlan::Several)),
            ("{\"answer\":\"a\"", Err(NoPlan::Broken)),
            ("{'answer':'a'}", Err(NoPlan::Broken)),
            ("{\"answer\":\"a\",}", Err(NoPlan::Broken)),
        ] {
            assert_eq!(read(text, false, &Limits::default()), expect, "{text}");
        }
        assert_eq!(read("{\"answer\":\"a\"}", true, &Limits::default()), Err(NoPlan::Cut));
    }
}
