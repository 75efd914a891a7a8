//! Ollama's own chat.
//!
//! It takes the same schema as Ollama's imitation of OpenAI does. But only here can the room for the prompt be said:
//! otherwise it is often 4096 tokens, and what is over, the task among it, is left away in silence.

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::dialect::{Ask, Dialect, add, arguments, bearer, event, messages};
use super::draft::{Draft, Stop};
use super::framing::Framing;
use super::problem::{Fault, said_in};
use crate::planner::key::Key;

/// The bytes of a token of the prompt, at the least that is to be expected: JSON has shorter ones than prose.
const TOKEN_BYTES_MIN: usize = 3;

/// The tokens that are left for the reply.
const REPLY_TOKENS: usize = 4096;

/// The fewest tokens that a model is loaded for.
const ROOM_MIN: usize = 8192;

/// The part of a reply that is prose. The parts after it are calls of tools.
const PROSE: u64 = 0;

pub(super) struct Ollama;

impl Dialect for Ollama {
    fn path(&self) -> &'static str {
        "api/chat"
    }

    fn headers(&self, key: Option<&Key>) -> Vec<(HeaderName, HeaderValue)> {
        bearer(key)
    }

    fn body(&self, ask: Ask<'_>) -> Value {
        let messages = messages(ask.prompt);
        let room = room(messages.iter().map(|message| message.to_string().len()).sum());
        let mut body = json!({
            "model": ask.model,
            "messages": messages,
            "stream": true,
            // What does not fit is to be an error, not to be left away.
            "truncate": false,
            "shift": false,
            "options": {"num_ctx": room},
        });
        if let Some(schema) = ask.schema {
            add(&mut body, "format", schema.clone());
        }
        body
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn read(&self, text: &str, draft: &mut Draft) -> Result<(), Fault> {
        let line: Line = event(text)?;
        if let Some(error) = line.error {
            return Err(Fault::Told(said_in(&json!({"error": error}))));
        }
        if let Some(said) = line.message {
            draft.say(PROSE, &said.content.unwrap_or_default())?;
            for (part, call) in (PROSE + 1..).zip(said.tool_calls.into_iter().flatten()) {
                draft.say(part, &arguments(call.function.arguments))?;
            }
        }
        if line.done {
            draft.count(line.prompt_eval_count, line.eval_count);
            draft.stop(if line.done_reason.as_deref() == Some("length") { Stop::Cut } else { Stop::Done });
            draft.end();
        }
        Ok(())
    }
}

/// The tokens of room for a prompt of so many bytes. They are few different numbers: for each, the model is loaded
/// anew.
fn room(bytes: usize) -> usize {
    bytes
        .div_ceil(TOKEN_BYTES_MIN)
        .saturating_add(REPLY_TOKENS)
        .max(ROOM_MIN)
        .checked_next_power_of_two()
        .unwrap_or(ROOM_MIN)
}

#[derive(Deserialize)]
struct Line {
    message: Option<Said>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    error: Option<Value>,
}

/// What was said. What the model thinks to itself is apart, and no part of the reply.
#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    arguments: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_the_prompt_and_the_reply() {
        for (bytes, tokens) in [(0, 8192), (12_000, 8192), (13_000, 16_384), (80_000, 32_768), (1 << 20, 524_288)] {
            assert_eq!(room(bytes), tokens, "{bytes}");
        }
        assert_eq!(room(usize::MAX), usize::MAX / 2 + 1);
    }
}
