//! A reply in the making: what its events said so far, never larger than its bound.

use super::problem::Fault;
use crate::planner::{Reply, Tokens};

/// The most bytes of a refusal's words that are kept.
const REFUSAL_BYTES_MAX: usize = 4 << 10;

/// What a service said so far.
#[derive(Debug)]
pub(super) struct Draft {
    text: String,
    most: usize,
    /// The part of the reply that the last words are of.
    part: u64,
    refusal: Option<String>,
    stop: Option<Stop>,
    is_over: bool,
    tokens: Tokens,
}

/// How a service says that its model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// At the end of what it had to say.
    Done,
    /// Before its end: there was no more room.
    Cut,
    /// The service let it say no more.
    Withheld,
}

impl Draft {
    /// An empty one, of at most `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        let (text, tokens) = (String::new(), Tokens::default());
        Self { text, most, part: 0, refusal: None, stop: None, is_over: false, tokens }
    }

    /// Adds words. Each part of a reply, such as prose and a tool's arguments, begins on a line of its own: nothing
    /// that was said is left away, so that a reply in two parts cannot pass for one that says less.
    pub(super) fn say(&mut self, part: u64, words: &str) -> Result<(), Fault> {
        if words.is_empty() {
            return Ok(());
        }
        let begins = part != self.part && !self.text.is_empty();
        if self.text.len().saturating_add(words.len()).saturating_add(usize::from(begins)) > self.most {
            return Err(Fault::TooLarge);
        }
        if begins {
            self.text.push('\n');
        }
        self.part = part;
        self.text.push_str(words);
        Ok(())
    }

    /// Adds words of a refusal.
    pub(super) fn refuse(&mut self, words: &str) {
        let refusal = self.refusal.get_or_insert_default();
        if refusal.len().saturating_add(words.len()) <= REFUSAL_BYTES_MAX {
            refusal.push_str(words);
        }
    }

    /// The model stopped. What follows may still count tokens.
    pub(super) fn stop(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// Takes what the service counted, as far as it did.
    pub(super) fn count(&mut self, prompt: Option<u64>, reply: Option<u64>) {
        self.tokens.prompt = prompt.or(self.tokens.prompt);
        self.tokens.reply = reply.or(self.tokens.reply);
    }

    /// Whether nothing follows.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The bytes that are there.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The reply, if it is one.
    pub(super) fn finish(self) -> Result<Reply, Fault> {
        if let Some(words) = self.refusal.filter(|words| !words.is_empty()) {
            return Err(Fault::Refused(words));
        }
        match self.stop {
            Some(Stop::Withheld) => Err(Fault::Refused("its filter stopped the reply".to_owned())),
            None if !self.is_over => Err(Fault::Broken("the stream ended before the reply did".to_owned())),
            stop => Ok(Reply { text: self.text, cut: stop == Some(Stop::Cut), tokens: self.tokens }),
        }
    }
}
