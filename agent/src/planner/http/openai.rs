//! Chat completions, as OpenAI, llama.cpp, vLLM, LM Studio and OpenRouter have them.

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::dialect::{Ask, Dialect, add, arguments, bearer, event, messages};
use super::draft::{Draft, Stop};
use super::framing::Framing;
use super::problem::{Fault, said_in};
use crate::planner::key::Key;

/// The part of a reply that is prose. The parts after it are calls of tools.
const PROSE: u64 = 0;

/// The event after the last.
const LAST: &str = "[DONE]";

pub(super) struct OpenAi;

impl Dialect for OpenAi {
    fn path(&self) -> &'static str {
        "chat/completions"
    }

    fn headers(&self, key: Option<&Key>) -> Vec<(HeaderName, HeaderValue)> {
        bearer(key)
    }

    /// A strict schema may have no members that can be left out, and a plan's has: so it is not `strict`. Servers that
    /// make a grammar of it hold the model to it all the same.
    fn body(&self, ask: Ask<'_>) -> Value {
        let mut body = json!({
            "model": ask.model,
            "messages": messages(ask.prompt),
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if let Some(schema) = ask.schema {
            let schema = json!({"name": "reply", "strict": false, "schema": schema});
            add(&mut body, "response_format", json!({"type": "json_schema", "json_schema": schema}));
        }
        body
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn read(&self, text: &str, draft: &mut Draft) -> Result<(), Fault> {
        if text.trim() == LAST {
            draft.end();
            return Ok(());
        }
        let chunk: Chunk = event(text)?;
        if let Some(error) = chunk.error {
            return Err(Fault::Told(said_in(&json!({"error": error}))));
        }
        if let Some(usage) = chunk.usage {
            draft.count(usage.prompt_tokens, usage.completion_tokens);
        }
        // Only one choice is asked for; if there are others, the first is it.
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index.unwrap_or(0) == 0) {
            if let Some(said) = choice.delta.or(choice.message) {
                said.take_into(draft)?;
            }
            match choice.finish_reason.as_deref() {
                None => {}
                Some("length") => draft.stop(Stop::Cut),
                Some("content_filter") => draft.stop(Stop::Withheld),
                Some(_) => draft.stop(Stop::Done),
            }
        }
        Ok(())
    }
}

/// An event; or the whole answer of a server that does not stream.
#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u64>,
    delta: Option<Said>,
    message: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    index: Option<u64>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Said {
    fn take_into(self, draft: &mut Draft) -> Result<(), Fault> {
        if let Some(words) = self.refusal {
            draft.refuse(&words);
        }
        if let Some(words) = self.content {
            draft.say(PROSE, &words)?;
        }
        // No tool is offered. A server can still take a plan for the call of one: its arguments are the reply then.
        for (position, call) in (0..).zip(self.tool_calls.into_iter().flatten()) {
            let part = call.index.unwrap_or(position).saturating_add(PROSE + 1);
            if let Some(words) = call.function.and_then(|function| function.arguments) {
                draft.say(part, &arguments(words))?;
            }
        }
        Ok(())
    }
}
