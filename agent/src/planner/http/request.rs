//! Sending a request until there is an answer to read, or none will come.

use std::time::Duration;

use claw_policy::printable::printable;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Response, redirect};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::dialect::Dialect;
use super::problem::{self, Fault, Problem};
use super::retry::{self, Patience};
use super::tls::Trust;
use crate::planner::key::Key;
use crate::planner::{PlannerError, Progress};

/// The most bytes of an error's body that are read.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// Where requests go, and with what.
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) key: Option<Key>,
    pub(super) trust: Trust,
    pub(super) patience: Patience,
}

impl Endpoint {
    /// Sends `body` until the service answers that it is well, at most for `time`.
    pub(super) async fn post(
        &self,
        dialect: &dyn Dialect,
        body: &Value,
        time: Duration,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Response, Problem> {
        let client = self.client()?;
        let body = body.to_string();
        let begun = Instant::now();
        let mut waits = self.patience.waits();
        loop {
            watch(Progress::Waiting);
            let request = client.post(self.url.clone()).headers(self.headers(dialect)).body(body.clone());
            let problem = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => refused(response).await,
                Err(error) => Problem::of(error),
            };
            let wait = match waits.next() {
                Some(wait) if problem.is_passing() => wait.max(problem.wait().unwrap_or_default()),
                _ => return Err(problem),
            };
            // Nothing could come of it in time.
            if begun.elapsed().saturating_add(wait) >= time {
                return Err(problem);
            }
            watch(Progress::Retrying(wait, &self.shown(&problem.why())));
            tokio::time::sleep(wait).await;
        }
    }

    /// What sends one request: over no proxy, on to no other place, and nothing is kept for the next.
    fn client(&self) -> Result<Client, Problem> {
        let tls = self.trust.config().map_err(|why| Problem::Connection { why, again: false })?;
        Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("claw/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Problem::of)
    }

    fn headers(&self, dialect: &dyn Dialect) -> HeaderMap {
        let mut headers: HeaderMap = dialect.headers(self.key.as_ref()).into_iter().collect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/x-ndjson, application/json"));
        headers
    }

    /// A text in which strangers had a part, as it can be shown: without the key, printable and short.
    fn shown(&self, text: &str) -> String {
        let hidden = self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.hide(text));
        printable(&problem::shortened(&hidden))
    }

    /// A problem as the user hears of it.
    pub(super) fn tell(&self, problem: Problem) -> PlannerError {
        match problem {
            Problem::Reply(Fault::TooLarge, most) => PlannerError::TooLarge(most),
            problem => PlannerError::Failed {
                what: format!("POST {}", self.url),
                why: self.shown(&problem.why()),
                help: problem.help(),
            },
        }
    }
}

/// What an answer that is none says of why.
async fn refused(mut response: Response) -> Problem {
    let status = response.status();
    let wait = retry::asked_wait(response.headers());
    if status.is_redirection() {
        let to = response.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        return Problem::Status { status, said: to.map_or_else(String::new, |to| format!("to {to}")), wait };
    }
    let mut body = Vec::new();
    // A body that breaks off, or goes on for ever, still says something.
    while let Ok(Some(chunk)) = response.chunk().await {
        let left = ERROR_BYTES_MAX.saturating_sub(body.len());
        body.extend(chunk.iter().take(left));
        if chunk.len() >= left {
            break;
        }
    }
    Problem::Status { status, said: problem::said(&body), wait }
}
