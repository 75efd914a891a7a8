//! A model behind a service: one request for each reply, streamed, and tried again when the service is busy.

mod address;
mod anthropic;
mod dialect;
mod draft;
mod framing;
mod ollama;
mod openai;
mod problem;
mod request;
mod retry;
mod stream;
mod tls;

#[cfg(test)]
mod tests;

pub use address::AddressError;

pub(super) use address::Address;
pub(super) use tls::Trust;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use self::anthropic::Anthropic;
use self::dialect::{Ask, Dialect};
use self::ollama::Ollama;
use self::openai::OpenAi;
use self::problem::Problem;
use self::request::Endpoint;
use self::retry::Patience;
use super::choice::{ModelName, Service};
use super::key::Key;
use super::{Bounds, Planner, PlannerError, Progress, Prompt, Reply, wait};

/// A model of a service.
pub(super) struct HttpPlanner {
    name: String,
    model: ModelName,
    dialect: Box<dyn Dialect>,
    endpoint: Endpoint,
    /// Whether the service is still thought to take a schema.
    takes_schema: bool,
}

impl HttpPlanner {
    /// The model `model` of the service at `address`.
    pub(super) fn new(
        name: String,
        service: Service,
        model: ModelName,
        address: Address,
        key: Option<Key>,
        trust: Trust,
    ) -> Self {
        let dialect: Box<dyn Dialect> = match service {
            Service::OpenAi => Box::new(OpenAi),
            Service::Anthropic => Box::new(Anthropic),
            Service::Ollama => Box::new(Ollama),
        };
        let endpoint = Endpoint { url: address.endpoint(dialect.path()), key, trust, patience: Patience::default() };
        Self { name, model, dialect, endpoint, takes_schema: true }
    }

    /// Asks with the schema and, only when the service says that the request is a bad one, once more without it.
    async fn converse(
        &mut self,
        prompt: Prompt<'_>,
        bounds: Bounds<'_>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, PlannerError> {
        let begun = Instant::now();
        if self.takes_schema {
            match self.exchange(prompt, Some(prompt.schema), bounds, watch).await {
                Err(problem) if problem.status() == Some(StatusCode::BAD_REQUEST) => {}
                ended => return ended.map_err(|problem| self.endpoint.tell(problem)),
            }
        }
        let bounds = Bounds { time: bounds.time.saturating_sub(begun.elapsed()), ..bounds };
        let reply = self.exchange(prompt, None, bounds, watch).await.map_err(|problem| self.endpoint.tell(problem))?;
        // It was the schema, then.
        self.takes_schema = false;
        Ok(reply)
    }

    async fn exchange(
        &self,
        prompt: Prompt<'_>,
        schema: Option<&Value>,
        bounds: Bounds<'_>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, Problem> {
        let dialect = self.dialect.as_ref();
        let ask = Ask { model: self.model.as_str(), prompt, schema, bytes: bounds.bytes };
        let response = self.endpoint.post(dialect, &dialect.body(ask), bounds.time, watch).await?;
        stream::read(response, dialect, bounds.bytes, watch).await
    }
}

impl Planner for HttpPlanner {
    fn name(&self) -> &str {
        &self.name
    }

    /// A service is asked anew each time: all that it is to know is in the prompt.
    fn remembers(&self) -> bool {
        false
    }

    fn ask(
        &mut self,
        prompt: Prompt<'_>,
        bounds: Bounds<'_>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, PlannerError> {
        wait::within(bounds, self.converse(prompt, bounds, watch))
    }
}
