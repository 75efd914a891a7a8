//! What is refused, in words: a plan's violations, and a policy that does not load.

use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::approval::Question;
use crate::json::{with_index, with_key};
use crate::name::Name;
use crate::printable::printable_lines;

/// One reason why a plan, or a step that starts, is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule's name, such as `argument.from`.
    pub rule: &'static str,
    /// The step that it is about.
    pub step: Option<String>,
    /// JSON pointer into the plan.
    pub at: String,
    /// What is refused.
    pub message: String,
    /// What to do, or the line of a policy that would allow it.
    pub help: Option<String>,
    /// The line of the policy that decides, from 1.
    pub line: Option<usize>,
    /// Whether it was decided by a value that a planner is not shown, so that it may not be told of it either.
    #[serde(skip)]
    pub unseen: bool,
}

impl Violation {
    pub(crate) fn new(rule: &'static str, at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule, step: None, at: at.into(), message: message.into(), help: None, line: None, unseen: false }
    }

    /// A violation that only the running step shows.
    pub fn at_step(rule: &'static str, step: &Name, index: usize, message: impl Into<String>) -> Self {
        Self::new(rule, with_index("/steps", index), message).step(step)
    }

    /// A session that takes no more plans.
    pub fn of_session(message: impl Into<String>) -> Self {
        Self::new("session.over", "", message)
    }

    /// Points at the argument that is `subject`: the same URL, or one without its query; or a path that is it, or is below
    /// it, as a guest sees it that has its folder at `/` or `/<grant>`.
    #[must_use]
    pub fn at_subject(mut self, given: &Map<String, Value>, subject: &str) -> Self {
        let is_it = |value: &str| {
            let ends_with =
                subject.strip_suffix(value).is_some_and(|before| before.is_empty() || before.ends_with('/'));
            let below = value.strip_prefix(subject.trim_start_matches('/')).is_some_and(|below| below.starts_with('/'));
            let with_a_query = subject.strip_prefix(value).is_some_and(|query| query.starts_with('?'));
            ends_with || below || with_a_query
        };
        if let Some((name, _)) = given.iter().find(|(_, given)| given.as_str().is_some_and(is_it)) {
            self.at = with_key(&with_key(&self.at, "arguments"), name);
        }
        self
    }

    pub(crate) fn step(mut self, step: &Name) -> Self {
        self.step = Some(step.to_string());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the line of the policy that decides.
    #[must_use]
    pub fn line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

/// The most violations that are listed. Each costs more than the text that it is about, so a plan could ask for much.
const VIOLATIONS_MAX: usize = 100;

/// The violations of a plan while they are found.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    found: Vec<Violation>,
    /// How many there are besides.
    more: usize,
    /// Whether one of those was decided by something that the planner may not see.
    more_unseen: bool,
}

impl Violations {
    pub(crate) fn push(&mut self, violation: Violation) {
        if self.found.len() < VIOLATIONS_MAX {
            return self.found.push(violation);
        }
        self.more += 1;
        self.more_unseen |= violation.unseen;
    }

    pub(crate) fn extend(&mut self, violations: impl IntoIterator<Item = Violation>) {
        violations.into_iter().for_each(|violation| self.push(violation));
    }

    /// How many there are by now.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether some are not listed.
    pub(crate) fn is_cut(&self) -> bool {
        self.more > 0
    }

    /// Those that are listed.
    pub(crate) fn into_found(self) -> Vec<Violation> {
        self.found
    }

    /// Those that were found after the first `before`.
    pub(crate) fn since(&mut self, before: usize) -> impl Iterator<Item = &mut Violation> {
        self.found.iter_mut().skip(before)
    }
}

/// A plan that may not run: every violation; or, where there is none, what a person has to be asked. Nothing of it has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// INVARIANT: one of the two is not empty.
    violations: Vec<Violation>,
    questions: Vec<Question>,
}

impl Refusal {
    /// A refusal, where there is anything to refuse.
    pub(crate) fn of(violations: Violations, questions: Vec<Question>) -> Result<(), Self> {
        let Violations { mut found, more, more_unseen } = violations;
        if found.is_empty() && questions.is_empty() {
            return Ok(());
        }
        if more > 0 {
            let message = format!("{more} more violations are not listed");
            let more = Violation::new("plan.more", "", message).help("mend these first");
            found.push(Violation { unseen: more_unseen, ..more });
        }
        Err(Self { violations: found, questions })
    }

    /// What a person has to be asked. Where there is anything, no rule refuses the plan.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Every violation, in the order of the plan.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self { violations: vec![violation], questions: Vec::new() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violations = self.violations.iter().map(|v| format!("{} ({} at {})", v.message, v.rule, v.at));
        let questions = self.questions.iter().map(|q| format!("a person has to be asked about {}", q.at));
        f.write_str(&violations.chain(questions).collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for Refusal {}

/// A policy that does not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// The rule's name, such as `policy.syntax`.
    pub rule: &'static str,
    /// The bytes of the policy's text that it is about.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl LoadError {
    /// An error about `span` of the policy's text. What it repeats of that text, a pattern say, is made printable.
    pub fn new(rule: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { rule, span, message: printable_lines(&message.into()), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(printable_lines(&help.into()));
        self
    }
}

/// The line of a text, from 1, that the byte `offset` is on.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_counts_among_what_is_not_seen() {
        for unseen in [false, true] {
            let mut violations = Violations::default();
            violations.extend((0..VIOLATIONS_MAX).map(|_| Violation::of_session("a")));
            violations.push(Violation { unseen, ..Violation::of_session("b") });
            violations.push(Violation::of_session("c"));
            let refusal = Refusal::of(violations, Vec::new()).unwrap_err();
            let more = refusal.violations().last().unwrap();
            assert_eq!((more.rule, more.unseen), ("plan.more", unseen));
        }
    }
}
