//! Anthropic's messages.

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::dialect::{Ask, Dialect, add, event, message};
use super::draft::{Draft, Stop};
use super::framing::Framing;
use super::problem::{Fault, said_in};
use crate::planner::Turn;
use crate::planner::key::Key;

/// The version of the interface that is spoken.
const VERSION: &str = "2023-06-01";

/// The most tokens of a reply, which has to be said: what every model since Claude 3.7 can give. A token is a byte at
/// least.
const TOKENS_MAX: usize = 16_384;

/// The tool whose arguments are the reply.
const TOOL: &str = "reply";

/// What stands for an empty turn, which the service does not take.
const NOTHING: &str = "(nothing)";

pub(super) struct Anthropic;

impl Dialect for Anthropic {
    fn path(&self) -> &'static str {
        "v1/messages"
    }

    fn headers(&self, key: Option<&Key>) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION))];
        let key = key.and_then(|key| key.header(""));
        headers.extend(key.map(|value| (HeaderName::from_static("x-api-key"), value)));
        headers
    }

    /// The schema goes with a tool that the model has to call: the service's other way, a format of its output, takes
    /// no lengths, no ranges and few optional members, all of which a plan's schema has.
    fn body(&self, ask: Ask<'_>) -> Value {
        let turns: Vec<Value> = ask.prompt.turns.iter().map(|turn| message(&spoken(turn))).collect();
        let mut body = json!({
            "model": ask.model,
            "system": ask.prompt.system,
            "messages": turns,
            "max_tokens": ask.bytes.clamp(1, TOKENS_MAX),
            "stream": true,
        });
        if let Some(schema) = ask.schema {
            let tool = json!({"name": TOOL, "description": "Takes the whole reply.", "input_schema": schema});
            add(&mut body, "tools", json!([tool]));
            let choice = json!({"type": "tool", "name": TOOL, "disable_parallel_tool_use": true});
            add(&mut body, "tool_choice", choice);
        }
        body
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn read(&self, text: &str, draft: &mut Draft) -> Result<(), Fault> {
        match event(text)? {
            Event::MessageStart { message: Message { usage } } => draft.count(usage.and_then(Usage::prompt), None),
            Event::ContentBlockStart { index, content_block: Said { text, .. } } => {
                draft.say(index, &text.unwrap_or_default())?;
            }
            Event::ContentBlockDelta { index, delta: Said { text, partial_json } } => {
                draft.say(index, &text.unwrap_or_default())?;
                draft.say(index, &partial_json.unwrap_or_default())?;
            }
            Event::MessageDelta { delta, usage } => {
                draft.count(None, usage.and_then(|usage| usage.output_tokens));
                match delta.stop_reason.as_deref() {
                    None => {}
                    Some("max_tokens" | "model_context_window_exceeded") => draft.stop(Stop::Cut),
                    Some("refusal") => draft.stop(Stop::Withheld),
                    Some(_) => draft.stop(Stop::Done),
                }
            }
            Event::MessageStop => draft.end(),
            Event::Error { error } => return Err(Fault::Told(said_in(&json!({"error": error})))),
            Event::Other => {}
        }
        Ok(())
    }
}

fn spoken(turn: &Turn) -> Turn {
    match turn {
        Turn::User(words) if words.trim().is_empty() => Turn::User(NOTHING.to_owned()),
        Turn::Planner(words) if words.trim().is_empty() => Turn::Planner(NOTHING.to_owned()),
        turn => turn.clone(),
    }
}

/// What is there of an event. Kinds that are not known are left away, as the service asks for.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Message,
    },
    ContentBlockStart {
        index: u64,
        content_block: Said,
    },
    ContentBlockDelta {
        index: u64,
        delta: Said,
    },
    MessageDelta {
        delta: Stopped,
        usage: Option<Usage>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Usage>,
}

/// A piece of a block: of prose or of a tool's arguments. What the model thinks to itself is in neither.
#[derive(Deserialize)]
struct Said {
    text: Option<String>,
    partial_json: Option<String>,
}

#[derive(Deserialize)]
struct Stopped {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Usage {
    /// All that was read, from the cache or not.
    fn prompt(self) -> Option<u64> {
        let cached = [self.cache_creation_input_tokens, self.cache_read_input_tokens];
        self.input_tokens.map(|tokens| cached.into_iter().flatten().fold(tokens, u64::saturating_add))
    }
}
