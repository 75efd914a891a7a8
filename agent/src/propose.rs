//! One plan for a task, asked for and not run: nothing has an effect, so nothing is on record.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use claw_policy::{Policy, Session};

use crate::conversation::{AGAIN_MAX, Event};
use crate::planner::{Bounds, Planner, PlannerError, Prompt, Turn};
use crate::reply::{NoPlan, Said, read};
use crate::{prompt, schema, told};

/// What a planner proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// A plan's text. The door has not seen it.
    Plan(String),
    /// An answer in the planner's own words.
    Answer(String),
}

/// Asks a planner for its first plan. It is shown the task and what the policy has, and nothing else.
///
/// # Errors
/// What went wrong and what to do; none where the user interrupted.
pub fn propose(
    policy: &Policy,
    session: &Session,
    planner: &mut dyn Planner,
    interrupt: &OwnedFd,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Proposal, Option<(String, String)>> {
    let (system, first, schema) = (prompt::system(policy, session), prompt::task(session), schema::of_replies(policy));
    let (began, time) = (Instant::now(), Duration::from_millis(policy.planner.time));
    let bytes = usize::try_from(policy.limits.plan_bytes).unwrap_or(usize::MAX);
    let (mut asked, mut last) = (first.clone(), NoPlan::Empty);
    for _ in 0..=AGAIN_MAX {
        let turns = [Turn::User(asked)];
        let prompt = Prompt { system: &system, turns: &turns, schema: &schema };
        let time = time.saturating_sub(began.elapsed());
        let bounds = Bounds { time, bytes, interrupt: Some(interrupt.as_fd()) };
        let reply = planner.ask(prompt, bounds, &mut |progress| watch(Event::Planner(progress)));
        last = match reply {
            Ok(reply) => match read(&reply.text, reply.cut, &policy.limits) {
                Ok(Said::Plan { .. }) => return Ok(Proposal::Plan(reply.text)),
                Ok(Said::Answer(answer)) => return Ok(Proposal::Answer(answer)),
                Err(why) => why,
            },
            Err(PlannerError::TooLarge(_)) => NoPlan::TooLong,
            Err(PlannerError::Interrupted) => return Err(None),
            Err(error) => {
                let help = if let PlannerError::Failed { help, .. } = &error { help.clone() } else { String::new() };
                return Err(Some((error.to_string(), help)));
            }
        };
        asked = told::again(&first, last);
    }
    Err(Some((format!("what the planner says is no plan: {last}"), "try another model".to_owned())))
}
