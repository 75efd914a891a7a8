//! What a step asked of the host and what it was answered: every call with authority passes here twice.
//!
//! In a run the answers go on the tape. In a replay they come from it, and what a call would touch is not touched. What a
//! server answered is not on it: the parent keeps that, and gives it again.

use std::borrow::Cow;
use std::sync::Arc;
use std::vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Host;
use super::answer::{Answer, Fails, Gives, json_bytes};
use super::place::{Denied, Place};
use super::stop::Stop;

/// Bytes that a call takes without its paths and what it gave, as JSON.
const CALL_BYTES: usize = 256;

/// One call with authority: on a folder, or on a file's bytes. Clocks, random numbers and what is printed are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Interface and function: `wasi:filesystem/types#[method]descriptor.open-at`.
    pub function: Cow<'static, str>,
    /// The digest of all that it was asked with: paths, flags, numbers, and the bytes to be written.
    pub arguments: String,
    /// What it was about: the path as the guest sees it, from `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The other path: what it is renamed to, the second name of a file, or what a link points to, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The bytes that were read or were to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `ok`, the name of the error that the guest was given, or `stopped`.
    pub outcome: Cow<'static, str>,
}

/// A call with what it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taped {
    /// The call.
    pub call: Call,
    /// What it was answered.
    pub answered: Answered,
}

/// What a call was answered, and what that left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// What the guest was given.
    pub answer: Answer,
    /// The path that was refused, where it was the first of its step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<Denied>,
}

/// A call that was asked and not answered yet.
#[derive(Clone, Debug)]
#[must_use = "what is asked is answered"]
pub(super) struct Asked {
    function: &'static str,
    arguments: Sha256,
    place: Option<Arc<Place>>,
    subject: Option<String>,
    to: Option<String>,
    bytes: Option<u64>,
    /// Whether a path had been refused before.
    denied: bool,
}

impl Asked {
    /// About `place`, which the guest sees as `subject`.
    pub(super) fn about(mut self, place: &Arc<Place>, subject: Option<String>) -> Self {
        self.place = Some(Arc::clone(place));
        self.subject = subject;
        self
    }

    /// About something that is no place in a folder.
    pub(super) fn on(mut self, subject: String) -> Self {
        self.subject = Some(subject);
        self
    }

    /// With a path, or another text.
    pub(super) fn text(mut self, text: &str) -> Self {
        // The length keeps two texts from being two others.
        self.arguments.update((text.len() as u64).to_le_bytes());
        self.arguments.update(text);
        self
    }

    /// With numbers: flags, an offset, a length.
    pub(super) fn numbers<const N: usize>(mut self, numbers: [u64; N]) -> Self {
        numbers.iter().for_each(|number| self.arguments.update(number.to_le_bytes()));
        self
    }

    /// With the bytes that it is to write.
    pub(super) fn sends(mut self, bytes: &[u8]) -> Self {
        self.bytes = Some(bytes.len() as u64);
        self.arguments.update((bytes.len() as u64).to_le_bytes());
        self.arguments.update(bytes);
        self
    }

    /// With the call's other path.
    pub(super) fn to(mut self, to: Option<String>) -> Self {
        self.to = to;
        self
    }

    /// What the call would be on the tape, with the outcome `outcome`.
    fn call(self, outcome: &'static str) -> Call {
        let Self { function, arguments, subject, to, bytes, .. } = self;
        let arguments = claw_policy::digest_text(&arguments.finalize().into());
        Call { function: function.into(), arguments, subject, to, bytes, outcome: outcome.into() }
    }

    /// Whether it asks what `call` asked.
    fn is(&self, call: &Call) -> bool {
        call.function == self.function
            && call.subject == self.subject
            && call.to == self.to
            && call.arguments == claw_policy::digest_text(&self.arguments.clone().finalize().into())
    }
}

/// The calls of one step, in their order.
#[derive(Debug)]
pub(super) struct Tape {
    calls: Vec<Taped>,
    /// Bytes of them, and how many there may be.
    bytes: usize,
    most: usize,
    left_out: u64,
    /// In a replay: what is still to be asked for.
    played: Option<vec::IntoIter<Taped>>,
}

impl Tape {
    /// An empty tape that keeps up to `most` bytes of calls and answers; with `played`, one that answers from that.
    pub(super) fn new(most: u64, played: Option<Vec<Taped>>) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self { calls: Vec::new(), bytes: 0, most, left_out: 0, played: played.map(Vec::into_iter) }
    }

    /// Whether it answers: then there is no folder, and nothing else may.
    pub(super) fn plays(&self) -> bool {
        self.played.is_some()
    }

    fn keep(&mut self, taped: Taped) {
        let Call { subject, to, .. } = &taped.call;
        let paths = [subject, to].map(|path| path.as_deref().map_or(0, json_bytes));
        let size = paths.iter().sum::<usize>() + taped.answered.answer.bytes() + CALL_BYTES;
        // Once one is left out, all are: what is kept is the beginning, without a gap.
        if self.left_out > 0 || self.bytes + size > self.most {
            self.left_out += 1;
            return;
        }
        self.bytes += size;
        self.calls.push(taped);
    }

    /// The calls that were kept, and the number of those that were not.
    pub(super) fn into_calls(self) -> (Vec<Taped>, u64) {
        (self.calls, self.left_out)
    }
}

/// Answers a call: from the tape in a replay; otherwise by making it, which `live` does, and putting it on the tape.
macro_rules! answered {
    ($host:expr, $asked:ident, $live:expr) => {
        match $host.recall(&$asked) {
            Some(again) => again,
            None => {
                let result = $live;
                $host.keep($asked, result)
            }
        }
    };
}
pub(super) use answered;

impl Host {
    /// Before a call is made.
    pub(super) fn ask(&self, function: &'static str) -> Asked {
        let denied = self.denied.is_some();
        Asked { function, arguments: Sha256::new(), place: None, subject: None, to: None, bytes: None, denied }
    }

    /// What a call was answered when it was recorded. Nothing where this is no replay, and it has to be made.
    pub(super) fn recall<T: Gives, E: Fails>(&mut self, asked: &Asked) -> Option<Result<T, E>> {
        let played = self.tape.played.as_mut()?.next();
        let Some(taped) = played.filter(|taped| asked.is(&taped.call)) else {
            // Nothing is left to be played: what it asks for after this is no answer to anything.
            self.tape.played = Some(Vec::new().into_iter());
            let answered = Answered { answer: Answer::Stopped(Stop::Differs), denied: None };
            self.tape.keep(Taped { call: asked.clone().call("differs"), answered });
            return Some(Err(E::stopped(Stop::Differs)));
        };
        let Answered { answer, denied } = taped.answered.clone();
        self.tape.keep(taped);
        if self.denied.is_none() {
            self.denied = denied;
        }
        Some(match E::again(answer) {
            Ok(error) => Err(error),
            // What is no answer to this call was not recorded as one.
            Err(answer) => T::again(answer, asked.place.as_ref(), self).ok_or_else(|| E::stopped(Stop::Differs)),
        })
    }

    /// Puts a call and its answer on the tape.
    pub(super) fn keep<T: Gives, E: Fails>(&mut self, mut asked: Asked, result: Result<T, E>) -> Result<T, E> {
        let (answer, outcome, result) = match result {
            Ok(given) => {
                asked.bytes = given.bytes().or(asked.bytes);
                (given.keep(self), "ok", Ok(given))
            }
            Err(error) => {
                let (answer, outcome, error) = error.keep(self);
                (answer, outcome, Err(error))
            }
        };
        let denied = self.denied.clone().filter(|_| !asked.denied);
        self.tape.keep(Taped { call: asked.call(outcome), answered: Answered { answer, denied } });
        result
    }
}
