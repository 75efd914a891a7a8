//! `claw plan TASK`: the plan that a model makes of a task and its verdict, and no effect.

use std::path::Path;
use std::process::ExitCode;

use claw_agent::{Proposal, propose};
use serde_json::json;

use crate::ambient::{self, Home};
use crate::arguments::TaskArguments;
use crate::command::check::verdict;
use crate::command::run_task::with_task;
use crate::config::Config;
use crate::error::{DONE, Error, INTERRUPTED};
use crate::load::{Loaded, Purpose};
use crate::memory::Memory;
use crate::progress::Live;
use crate::{model, report};

pub(crate) fn plan(arguments: &TaskArguments, json: bool) -> Result<ExitCode, Error> {
    let mut planner = model::planner(&arguments.model, Config::read(&Home::find()?)?)?;
    let loaded = Loaded::policy(&arguments.session.policy, &arguments.session.narrowing(), Purpose::Decide)?;
    let session = with_task(loaded.session(&arguments.session)?, &arguments.words)?;
    let memory = planner.remembers().then(|| Memory::open(&loaded.home.state, &loaded.policy.name)).transpose()?;
    let session = match &memory {
        None => session,
        Some(memory) => memory.opens(&loaded.policy, session)?,
    };
    let (live, interrupt) = (Live::new(), ambient::interrupt()?);
    let proposed = propose(&loaded.policy, &session, &mut *planner, &interrupt, &mut |event| live.follow(&event));
    live.end();
    match proposed {
        Ok(Proposal::Plan(text)) => {
            if !json {
                report::print_text(&text)?;
            }
            let from = Path::new("the planner's plan");
            verdict(&loaded, &session, text.as_bytes(), from, json!({ "plan": text }), json)
        }
        Ok(Proposal::Answer(answer)) => {
            if json {
                report::print_json(&json!({ "answer": answer }))?;
            } else {
                report::print_text(&answer)?;
            }
            Ok(ExitCode::from(DONE))
        }
        Err(None) => Ok(ExitCode::from(INTERRUPTED)),
        Err(Some((message, help))) => Err(Error::own(message, help)),
    }
}
