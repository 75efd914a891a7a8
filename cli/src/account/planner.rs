//! What a record tells of the planner of its run: what it was asked and told, what it said, and how that ended.

use claw_audit::{Ended, Event, Prompt, Reply, Stored, Told, Why};
use serde::Serialize;
use serde_json::Value;

/// The planner of a session that had a task.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PlannerUsed {
    pub(crate) name: String,
    /// How often it was asked.
    pub(crate) prompts: usize,
    /// Tokens, as far as they were counted.
    pub(crate) prompt_tokens: u64,
    pub(crate) reply_tokens: u64,
    /// What it got to know, in order.
    pub(crate) told: Vec<ToldOf>,
    /// What was said, in order.
    pub(crate) said: Vec<Saying>,
    /// Why the session ended; `null` where it was cut off before.
    pub(crate) ended: Option<Why>,
    pub(crate) message: String,
    /// The answer: with `--values` alone.
    pub(crate) answer: Option<Value>,
}

/// How much it was told of a step.
#[derive(Debug, Serialize)]
pub(crate) struct ToldOf {
    pub(crate) step: String,
    pub(crate) told: Told,
}

/// One side's words; its `text` with `--values` alone, but for why there is no reply.
#[derive(Debug, Serialize)]
pub(crate) struct Saying {
    /// `claw` or `planner`; `none` where there was no reply.
    pub(crate) by: &'static str,
    pub(crate) cut: bool,
    pub(crate) text: Option<String>,
}

impl PlannerUsed {
    /// Takes an event that is about the planner; false where it is not.
    pub(crate) fn take(
        used: &mut Option<Self>,
        event: &Event,
        wanted: &dyn Fn(&Stored) -> Result<Option<Value>, String>,
    ) -> Result<bool, String> {
        let text = |stored: &Stored| {
            Ok::<_, String>(
                wanted(stored)?.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            )
        };
        let saying = match event {
            Event::Prompt(Prompt { planner, text: asked, .. }) => {
                let used = used.get_or_insert_default();
                (used.name, used.prompts) = (planner.clone(), used.prompts + 1);
                Saying { by: "claw", cut: false, text: text(asked)? }
            }
            Event::Reply(Reply { text: said, cut, prompt_tokens, reply_tokens, .. }) => {
                let used = used.get_or_insert_default();
                used.prompt_tokens = used.prompt_tokens.saturating_add(prompt_tokens.unwrap_or_default());
                used.reply_tokens = used.reply_tokens.saturating_add(reply_tokens.unwrap_or_default());
                Saying { by: "planner", cut: *cut, text: text(said)? }
            }
            Event::NoReply(none) => {
                Saying { by: "none", cut: false, text: Some(format!("{}: {}", none.kind, none.message)) }
            }
            Event::Disclosed(disclosed) => {
                let told = ToldOf { step: disclosed.step.clone(), told: disclosed.told };
                used.get_or_insert_default().told.push(told);
                return Ok(true);
            }
            Event::Ended(Ended { why, message, answer }) => {
                let answer = answer.as_ref().map(wanted).transpose()?.flatten();
                let used = used.get_or_insert_default();
                (used.ended, used.message, used.answer) = (Some(*why), message.clone(), answer);
                return Ok(true);
            }
            _ => return Ok(false),
        };
        used.get_or_insert_default().said.push(saying);
        Ok(true)
    }
}
