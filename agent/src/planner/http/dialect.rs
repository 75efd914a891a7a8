//! What differs between services: where a request goes, what it says, and how its reply's events are read.

use reqwest::header::{HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::draft::Draft;
use super::framing::Framing;
use super::problem::Fault;
use crate::planner::key::Key;
use crate::planner::{Prompt, Turn};

/// What a request is made of.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) model: &'a str,
    pub(super) prompt: Prompt<'a>,
    /// The schema of the reply, unless the service does not take it.
    pub(super) schema: Option<&'a Value>,
    /// The most bytes of the reply's text.
    pub(super) bytes: usize,
}

/// How a service is spoken to.
pub(super) trait Dialect {
    /// Below the base URL.
    fn path(&self) -> &'static str;

    /// The headers that are its own, and the key's.
    fn headers(&self, key: Option<&Key>) -> Vec<(HeaderName, HeaderValue)>;

    /// The request's body.
    fn body(&self, ask: Ask<'_>) -> Value;

    /// How events stand in a body whose type is not said.
    fn framing(&self) -> Framing;

    /// Takes one event into the draft.
    ///
    /// # Errors
    /// It is malformed, the service tells of an error in it, or the draft is larger than its bound.
    fn read(&self, event: &str, draft: &mut Draft) -> Result<(), Fault>;
}

/// The key in the header that most services look into.
pub(super) fn bearer(key: Option<&Key>) -> Vec<(HeaderName, HeaderValue)> {
    key.and_then(|key| key.header("Bearer ")).map(|value| (reqwest::header::AUTHORIZATION, value)).into_iter().collect()
}

/// The conversation with its rules as the first message.
pub(super) fn messages(prompt: Prompt<'_>) -> Vec<Value> {
    let system = serde_json::json!({"role": "system", "content": prompt.system});
    std::iter::once(system).chain(prompt.turns.iter().map(message)).collect()
}

/// One side's words.
pub(super) fn message(turn: &Turn) -> Value {
    let (role, content) = match turn {
        Turn::User(words) => ("user", words),
        Turn::Planner(words) => ("assistant", words),
    };
    serde_json::json!({"role": role, "content": content})
}

/// Adds a member to a request's body.
pub(super) fn add(body: &mut Value, name: &str, value: Value) {
    if let Some(body) = body.as_object_mut() {
        body.insert(name.to_owned(), value);
    }
}

/// An event that is JSON.
pub(super) fn event<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::Broken(format!("an event of the stream is malformed: {error}")))
}

/// The arguments of a tool's call, as text: some services have them as JSON in a string, and some as JSON.
pub(super) fn arguments(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        value => value.to_string(),
    }
}
