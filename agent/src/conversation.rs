//! The loop from a task to its answer: ask, take the plan through the door, tell what may be told, ask again.

use std::time::{Duration, Instant};

use claw_audit::{Ended, NoReply, Prompt as Asked, RecordError, Reply as Replied, Said as Noted, Status, Why};
use claw_policy::{Disclosure, Label};
use claw_runtime::{ExecuteError, JournalError, Person, PlanOutcome, Run};
use serde_json::Value;

use crate::ending::{Ending, Planned, status};
use crate::planner::{Bounds, Planner, PlannerError, Progress, Prompt, Reply, Turn};
use crate::prompt::{self, counted, tokens};
use crate::reply::{NoPlan, Said, read};
use crate::{schema, told};

/// How often in a row a reply that is no plan is asked for again.
pub(crate) const AGAIN_MAX: u32 = 2;

/// Something that goes on.
#[derive(Debug)]
pub enum Event<'e> {
    /// A plan is asked for: which one, from 1.
    Round(u64),
    /// What the planner does.
    Planner(Progress<'e>),
    /// What a plan does.
    Plan(claw_runtime::Progress<'e>),
}

/// Whom a session with a planner deals with.
pub struct With<'w> {
    /// Who makes the plans.
    pub planner: &'w mut dyn Planner,
    /// Who is asked about them, where that is needed.
    pub person: &'w mut dyn Person,
    /// Keeps what a planner that remembers is about to be shown. It is not shown what could not be kept.
    pub keep: &'w mut dyn FnMut(&Label) -> Result<(), String>,
    /// Is told what goes on.
    pub watch: &'w mut dyn FnMut(Event<'_>),
}

/// Works on the task of a run's session until there is an answer or a reason to stop. The record says which; it is not sealed.
///
/// # Errors
/// When the record cannot be written: then nothing more is done.
pub fn converse(run: &mut Run, with: With<'_>) -> Result<Ending, ExecuteError> {
    let policy = run.policy();
    let session = run.session();
    let (system, first) = match session {
        Some(session) => (prompt::system(policy, session), prompt::task(session)),
        None => (String::new(), String::new()),
    };
    let conversation = Conversation {
        schema: schema::of_replies(policy),
        began: Instant::now(),
        time: Duration::from_millis(policy.planner.time),
        corrections: policy.planner.corrections,
        turns: Vec::new(),
        is_begun: false,
        system,
        run,
        with,
        plans: Vec::new(),
        tokens: 0,
    };
    conversation.go_on(first)
}

struct Conversation<'c, 'w> {
    run: &'c mut Run,
    with: With<'w>,
    system: String,
    schema: Value,
    turns: Vec<Turn>,
    /// Whether the record has what is the same in each prompt.
    is_begun: bool,
    began: Instant,
    time: Duration,
    corrections: u64,
    tokens: u64,
    plans: Vec<Planned>,
}

/// Why it ends, in a word and in words; and the answer.
struct End(Why, String, Option<Value>);

/// What ends a conversation by itself, and what goes wrong on the way.
enum Stop {
    End(End),
    Broken(ExecuteError),
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::from(ExecuteError::from(error))
    }
}

impl From<ExecuteError> for Stop {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Journal(JournalError::Record(RecordError::Full(most))) => {
                Self::End(End(Why::Log, format!("the record has reached its limit of {most} bytes"), None))
            }
            error => Self::Broken(error),
        }
    }
}

fn end(why: Why, message: impl Into<String>) -> Stop {
    Stop::End(End(why, message.into(), None))
}

impl Conversation<'_, '_> {
    fn go_on(mut self, first: String) -> Result<Ending, ExecuteError> {
        let End(why, message, answer) = match self.rounds(first) {
            Ok(answer) => End(Why::Answered, String::new(), Some(answer)),
            Err(Stop::End(end)) => end,
            Err(Stop::Broken(error)) => return Err(error),
        };
        let stored = answer.as_ref().map(|answer| self.run.store(answer)).transpose()?;
        self.run.note(Noted::Ended(Ended { why, message: message.clone(), answer: stored }))?;
        let ran = self.plans.iter().any(|plan| !plan.outcome.steps.is_empty());
        let status = status(why, ran);
        Ok(Ending { why, message, status, answer, plans: self.plans, tokens: self.tokens })
    }

    fn rounds(&mut self, first: String) -> Result<Value, Stop> {
        let rounds = self.run.policy().planner.rounds;
        let mut next = first;
        for round in 1..=rounds {
            (self.with.watch)(Event::Round(round));
            next = match self.round(next, rounds - round)? {
                Ok(answer) => return Ok(answer),
                Err(next) => next,
            };
        }
        Err(end(Why::Rounds, format!("there is no answer after {rounds} plans, as many as the policy allows")))
    }

    /// One plan, mended where that is allowed: the answer, or what is said next.
    fn round(&mut self, mut next: String, rounds_left: u64) -> Result<Result<Value, String>, Stop> {
        loop {
            let (text, said) = self.ask(&next)?;
            let is_last = match said {
                Said::Answer(answer) => return Ok(Ok(Value::from(answer))),
                Said::Plan { is_last } => is_last,
            };
            let watch = &mut *self.with.watch;
            let outcome =
                self.run.submit(text.as_bytes(), self.with.person, &mut |progress| watch(Event::Plan(progress)))?;
            self.turns.extend([Turn::User(std::mem::take(&mut next)), Turn::Planner(text.clone())]);
            let status = outcome.status;
            self.plans.push(Planned { text, outcome });
            let Some(Planned { outcome, .. }) = self.plans.last() else { continue };
            match status {
                Status::Refused => {
                    next = mend(outcome, &mut self.corrections)?;
                }
                Status::Halted => return Err(end(Why::Halted, "a rule stopped the plan while it ran")),
                Status::Interrupted => return Err(end(Why::Interrupted, "its user stopped it")),
                Status::Completed | Status::Failed => {
                    // One that names what is not there, as JSON may turn out to have no such part, is not the last.
                    if let Some(answer) = outcome.answer.as_ref().filter(|_| is_last) {
                        return Ok(Ok(answer.clone()));
                    }
                    // The last plan is told to nobody: there is no other.
                    let told = if rounds_left == 0 { Vec::new() } else { self.tell()? };
                    return Ok(Err(told::outcome(&told, rounds_left)));
                }
            }
        }
    }

    /// What the planner may know of its last plan; what it gets to know joins its context.
    fn tell(&mut self) -> Result<Vec<told::Step>, Stop> {
        let Some(Planned { outcome, .. }) = self.plans.last() else { return Ok(Vec::new()) };
        let mut steps = Vec::new();
        for step in &outcome.steps {
            let Some(disclosure) = self.run.disclose(&step.id)? else { continue };
            let failure = step.result.as_ref().err().map(|reason| reason.message.clone());
            if failure.is_some() && matches!(disclosure, Disclosure::Silent(_)) {
                let message = format!("the step `{}` failed, and the planner may not know whether it did", step.id);
                return Err(end(Why::Silent, message));
            }
            steps.push(told::Step { id: step.id.clone(), disclosure, failure });
        }
        Ok(steps)
    }

    /// Asks for a reply until one can be read.
    fn ask(&mut self, next: &str) -> Result<(String, Said), Stop> {
        let mut asked = next.to_owned();
        let mut tries = 0;
        loop {
            let found = match self.reply(&asked)? {
                Ok(Reply { text, cut, .. }) => {
                    let said = read(&text, cut, &self.run.policy().limits);
                    said.map(|said| (text, said))
                }
                Err(none) => Err(none),
            };
            let why = match found {
                Ok(found) => return Ok(found),
                Err(why) => why,
            };
            tries += 1;
            if tries > AGAIN_MAX {
                return Err(end(Why::NoPlan, format!("what the planner says is no plan: {why}")));
            }
            // What it said is not repeated to it: it may be anything, of any length.
            asked = told::again(next, why);
        }
    }

    /// Asks once. What it is asked is on record before it is asked.
    fn reply(&mut self, asked: &str) -> Result<Result<Reply, NoPlan>, Stop> {
        let limits = &self.run.policy().planner;
        let said: u64 = self.turns.iter().map(|(Turn::User(text) | Turn::Planner(text))| tokens(text)).sum();
        let prompt_tokens = tokens(&self.system) + said + tokens(asked);
        if self.tokens.saturating_add(prompt_tokens) > limits.tokens {
            let most = counted(limits.tokens);
            return Err(end(Why::Tokens, format!("the next prompt would go beyond the {most} that the policy allows")));
        }
        let most = usize::try_from(self.run.policy().limits.plan_bytes).unwrap_or(usize::MAX);
        let left = self.left()?;
        if self.with.planner.remembers()
            && let Some(session) = self.run.session()
        {
            (self.with.keep)(session.context()).map_err(|why| {
                end(Why::Planner, format!("what the planner is shown cannot be kept, so it is not shown: {why}"))
            })?;
        }
        self.note_prompt(asked)?;
        self.turns.push(Turn::User(asked.to_owned()));
        let prompt = Prompt { system: &self.system, turns: &self.turns, schema: &self.schema };
        let bounds = Bounds { time: left, bytes: most, interrupt: self.run.interrupt() };
        let watch = &mut *self.with.watch;
        let reply = self.with.planner.ask(prompt, bounds, &mut |progress| watch(Event::Planner(progress)));
        self.turns.pop();
        let counted = reply.as_ref().ok().map(|reply| reply.tokens).unwrap_or_default();
        let length = reply.as_ref().map_or(0, |reply| tokens(&reply.text));
        // A service that counts next to nothing does not lift the bound.
        let prompt = counted.prompt.unwrap_or(prompt_tokens).max(prompt_tokens / 4);
        let spent = prompt.saturating_add(counted.reply.unwrap_or(length).max(length / 4));
        self.tokens = self.tokens.saturating_add(spent);
        self.note_reply(reply)
    }

    /// The time that is left.
    fn left(&self) -> Result<Duration, Stop> {
        let left = self.time.saturating_sub(self.began.elapsed());
        if left.is_zero() { Err(self.out_of_time()) } else { Ok(left) }
    }

    fn out_of_time(&self) -> Stop {
        end(Why::Time, format!("there is no answer after {:?}, as long as the policy allows", self.time))
    }

    fn note_prompt(&mut self, asked: &str) -> Result<(), Stop> {
        let is_new = !std::mem::replace(&mut self.is_begun, true);
        let system = if is_new { Some(self.run.store(&Value::from(self.system.as_str()))?) } else { None };
        let schema = if is_new { Some(self.run.store(&self.schema)?) } else { None };
        let (planner, time) = (self.with.planner.name().to_owned(), self.run.now_ms());
        let text = self.run.store(&Value::from(asked))?;
        Ok(self.run.note(Noted::Prompt(Asked { planner, time, system, schema, text }))?)
    }

    fn note_reply(&mut self, reply: Result<Reply, PlannerError>) -> Result<Result<Reply, NoPlan>, Stop> {
        let time = self.run.now_ms();
        let error = match reply {
            Ok(reply) => {
                let Reply { text, cut, tokens } = &reply;
                let text = self.run.store(&Value::from(text.as_str()))?;
                let (prompt_tokens, reply_tokens) = (tokens.prompt, tokens.reply);
                self.run.note(Noted::Reply(Replied { time, text, cut: *cut, prompt_tokens, reply_tokens }))?;
                return Ok(Ok(reply));
            }
            Err(error) => error,
        };
        let kind = match &error {
            PlannerError::Failed { .. } => "failed",
            PlannerError::TooLarge(_) => "too-large",
            PlannerError::TimedOut(_) => "timed-out",
            PlannerError::Interrupted => "interrupted",
        };
        let message = error.to_string();
        self.run.note(Noted::NoReply(NoReply { time, kind: kind.to_owned(), message: message.clone() }))?;
        match error {
            PlannerError::TooLarge(_) => Ok(Err(NoPlan::TooLong)),
            PlannerError::TimedOut(_) if self.left().is_err() => Err(self.out_of_time()),
            PlannerError::TimedOut(_) => Err(end(Why::Planner, message)),
            PlannerError::Interrupted => Err(end(Why::Interrupted, "its user stopped it")),
            PlannerError::Failed { help, .. } => Err(end(Why::Planner, format!("{message}: {help}"))),
        }
    }
}

/// What a planner is told of a plan that was refused, where it may mend it.
fn mend(outcome: &PlanOutcome, corrections: &mut u64) -> Result<String, Stop> {
    if !outcome.questions.is_empty() {
        return Err(end(Why::Refused, "a person has to be asked, and nobody said yes"));
    }
    // What was decided by a value that it may not see would tell of that value.
    let tells = outcome.violations.iter().any(|violation| violation.unseen);
    match corrections.checked_sub(1) {
        Some(left) if !tells => {
            *corrections = left;
            Ok(told::refused(&outcome.violations, left))
        }
        _ => Err(end(Why::Refused, "the plan was refused, and nothing of it has run")),
    }
}
