//! `claw run TASK`: a model plans, and what passes runs, until there is an answer or a reason to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use claw_agent::{Ending, Planned, With, converse};
use claw_audit::Why;
use claw_policy::printable::printable;
use claw_policy::{Session, TaskText};
use claw_runtime::Spare;
use serde_json::{Value, json};

use crate::ambient::{self, Home};
use crate::arguments::RunArguments;
use crate::command::run::{shown, step_json, tell_steps};
use crate::config::Config;
use crate::error::{DONE, Error, FAILED, INTERRUPTED, OURS, REFUSED};
use crate::load::{Loaded, Purpose};
use crate::memory::Memory;
use crate::progress::Live;
use crate::{approve, model, opening, prepared, report};

pub(crate) fn run(arguments: &RunArguments, json: bool) -> Result<ExitCode, Error> {
    let spare = Spare::start(&ambient::program()?).ok();
    let mut planner = model::planner(&arguments.model, Config::read(&Home::find()?)?)?;
    let mut loaded = Loaded::policy(&arguments.session.policy, &arguments.session.narrowing(), Purpose::Run)?;
    let session = with_task(loaded.session(&arguments.session)?, &arguments.words)?;
    let policy = Arc::clone(&loaded.policy);
    let mut memory = planner.remembers().then(|| Memory::open(&loaded.home.state, &policy.name)).transpose()?;
    let session = match &memory {
        None => session,
        Some(memory) => memory.opens(&policy, session)?,
    };
    let mut person = approve::person(&policy, &arguments.approve_from)?;
    let (mut run, id) = opening::open(&mut loaded, session, spare)?;
    let live = Live::new();
    let ending = converse(
        &mut run,
        With {
            planner: &mut *planner,
            person: &mut live.aside(&mut *person),
            keep: &mut |context| match &mut memory {
                Some(memory) => memory.keep(context).map_err(|error| error.to_string()),
                None => Ok(()),
            },
            watch: &mut |event| live.follow(&event),
        },
    );
    live.end();
    let ending = ending?;
    // Nothing is said to be done before it is on record.
    let folder = run.seal(ending.status)?;
    if json {
        report::print_json(&document(&id, &loaded, &ending, &folder))?;
    }
    tell(&loaded, &ending);
    tell!("record: {}", printable(&folder.to_string_lossy()));
    if let (Some(answer), false) = (&ending.answer, json) {
        report::print_text(&shown(answer))?;
    }
    Ok(ExitCode::from(match ending.why {
        Why::Answered => DONE,
        Why::NoPlan | Why::Refused | Why::Halted => REFUSED,
        Why::Rounds | Why::Tokens | Why::Time | Why::Log | Why::Silent => FAILED,
        Why::Planner => OURS,
        Why::Interrupted => INTERRUPTED,
    }))
}

/// The session of a task in the words of the command line.
pub(crate) fn with_task(session: Session, words: &[String]) -> Result<Session, Error> {
    let task = TaskText::read(&words.join(" ")).map_err(|refusal| {
        let why = refusal.violations().first();
        let (rule, message) = why.map_or(("task.empty", String::new()), |why| (why.rule, why.message.clone()));
        Error::input(rule, message).help(why.and_then(|why| why.help.clone()).unwrap_or_default())
    })?;
    Ok(session.with_task(task))
}

/// As for a plan, with `why` it ended, `message`, how many `plans` went through the door, and `tokens`.
fn document(id: &str, loaded: &Loaded, ending: &Ending, folder: &Path) -> Value {
    let steps = ending.plans.iter().flat_map(|plan| &plan.outcome.steps).map(step_json);
    json!({
        "run": id,
        "status": report::status(ending.status, ending.questions()),
        "why": ending.why,
        "message": ending.message,
        "answer": ending.answer,
        "plans": ending.plans.len(),
        "tokens": ending.tokens,
        "steps": steps.collect::<Vec<_>>(),
        "violations": report::violations_json(loaded, ending.violations()),
        "approvals": prepared::questions(ending.questions()),
        "record": folder,
    })
}

/// What happened, for people, on standard error.
fn tell(loaded: &Loaded, ending: &Ending) {
    for (number, Planned { outcome, .. }) in ending.plans.iter().enumerate() {
        let count = outcome.steps.len();
        let came = match outcome.violations.first().filter(|_| count == 0) {
            Some(violation) => format!("refused ({})", violation.rule),
            None => format!("{count} step{}", if count == 1 { "" } else { "s" }),
        };
        tell!("plan {}: {came}", number + 1);
        tell_steps(outcome);
    }
    report::violations(loaded, Path::new("the planner's plan"), ending.violations());
    report::questions(loaded, ending.questions());
    let message = if ending.message.is_empty() { String::new() } else { format!(": {}", printable(&ending.message)) };
    tell!("{}{message}", ending.why.as_str());
}
