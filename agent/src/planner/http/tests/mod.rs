//! Planners behind services, against stand-ins on loopback.

mod bounds;
mod replies;
mod requests;
mod retries;
mod secrets;
mod stand_in;

use std::time::Duration;

use serde_json::{Value, json};

use self::stand_in::StandIn;
use super::{Address, HttpPlanner, Patience, Trust};
use crate::planner::{Bounds, Choice, Key, Planner, PlannerError, Progress, Prompt, Reply, Turn};

const KEY: &str = "sk-very-secret-0123456789";

/// What the tests give a reply: long enough for a busy machine.
const BOUNDS: Bounds<'static> = Bounds { time: Duration::from_secs(20), bytes: 100_000, interrupt: None };

/// The planner `choice`, of a service that is at `stand_in`, with a key and little patience.
fn planner(choice: &str, stand_in: &StandIn) -> HttpPlanner {
    let base = if choice.starts_with("openai:") { "/v1" } else { "" };
    let url = format!("http://{}{base}", stand_in.address).parse().unwrap();
    let Ok(Choice::Model(service, model)) = choice.parse() else { panic!("{choice}") };
    let address = Address::of(service, Some(url), true).unwrap();
    let key = Some(Key::new(KEY).unwrap());
    let mut planner = HttpPlanner::new(choice.to_owned(), service, model, address, key, Trust::nobody());
    planner.endpoint.patience = Patience { times: 2, first: Duration::from_millis(5) };
    planner
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"plan": {"type": "string", "maxLength": 9}}})
}

/// Asks within `bounds`, and hears what is going on.
fn ask_within(planner: &mut HttpPlanner, bounds: Bounds<'_>) -> (Result<Reply, PlannerError>, Vec<String>) {
    let turns = [
        Turn::User("Sort the mail.".to_owned()),
        Turn::Planner("{}".to_owned()),
        Turn::User("That is no plan.".to_owned()),
    ];
    let schema = schema();
    let mut heard = Vec::new();
    let mut watch = |progress: Progress<'_>| {
        heard.push(match progress {
            Progress::Waiting => "waiting".to_owned(),
            Progress::Replying(bytes) => format!("{bytes} bytes"),
            Progress::Retrying(_, why) => format!("again: {why}"),
        });
    };
    let prompt = Prompt { system: "You make plans.", turns: &turns, schema: &schema };
    let reply = planner.ask(prompt, bounds, &mut watch);
    (reply, heard)
}

fn ask(planner: &mut HttpPlanner) -> Result<Reply, PlannerError> {
    ask_within(planner, BOUNDS).0
}

/// An error as a user reads it.
fn told(reply: Result<Reply, PlannerError>) -> String {
    match reply.unwrap_err() {
        PlannerError::Failed { what, why, help } => {
            let what = what.split("127.0.0.1").next().unwrap().to_owned();
            format!("{what}: {why}\n{help}")
        }
        error => error.to_string(),
    }
}
