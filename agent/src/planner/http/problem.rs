//! What can go wrong with a request, and how it is told.

use std::error::Error;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

/// The most characters of what a service says of an error that are shown.
const SAID_CHARS_MAX: usize = 300;

/// What is wrong with a reply.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is larger than its bound.
    TooLarge,
    /// The model, or the service for it, would not answer, in these words.
    Refused(String),
    /// The service tells of an error in the middle of it.
    Told(String),
    /// It cannot be read.
    Broken(String),
}

/// Why a request has no reply.
#[derive(Debug)]
pub(super) enum Problem {
    /// Nobody could be reached, or the connection broke.
    Connection { why: String, again: bool },
    /// The service answered with this status, and said this.
    Status { status: StatusCode, said: String, wait: Option<Duration> },
    /// What it answered is no reply.
    Reply(Fault, usize),
}

impl Problem {
    /// What went wrong below HTTP.
    pub(super) fn of(error: reqwest::Error) -> Self {
        let again = error.is_connect();
        // What is innermost says most; the URL is told apart from it.
        let error = error.without_url();
        let mut cause: &dyn Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let why = if again { cause.to_string() } else { format!("the connection broke: {cause}") };
        Self::Connection { why, again }
    }

    /// The status with which the service refused, if it is that.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether it can go away by itself.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connection { again, .. } => *again,
            Self::Status { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
            Self::Reply(..) => false,
        }
    }

    /// How long the service asks to be left alone.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => *wait,
            _ => None,
        }
    }

    /// It in words. They may still hold what is not to be shown.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Connection { why, .. } => why.clone(),
            Self::Status { status, said, .. } if said.is_empty() => status.to_string(),
            Self::Status { status, said, .. } => format!("{status}: {said}"),
            Self::Reply(Fault::TooLarge, most) => format!("the reply is over {most} bytes"),
            Self::Reply(Fault::Refused(words), _) => format!("the model refused: {words}"),
            Self::Reply(Fault::Told(said), _) => format!("the service broke off: {said}"),
            Self::Reply(Fault::Broken(why), _) => why.clone(),
        }
    }

    /// What to do.
    pub(super) fn help(&self) -> String {
        let help = match self {
            Self::Connection { again: true, .. } => "see whether the service runs, and whether the base URL is its own",
            Self::Status { status, wait, .. } => match status.as_u16() {
                300..=399 => "set the base URL to where the service is: no request is sent on to another place",
                401 | 403 => "look whether the key is the right one, and whether it may use this model",
                404 => "look whether the service has a model of this name, and whether the base URL is its own",
                429 => match wait {
                    Some(wait) => return format!("the service asks to wait {} s: try again then", wait.as_secs()),
                    None => "the service has had enough for now: try again later, or look at your plan's limits",
                },
                500..=599 => "the service has a problem of its own: try again later",
                _ => "see what the service says of the request; a smaller task may help",
            },
            Self::Reply(Fault::Refused(_), _) => "put the task in other words, or choose another model",
            Self::Reply(Fault::TooLarge, _) => "choose another model, or a smaller task",
            Self::Connection { again: false, .. } | Self::Reply(Fault::Told(_) | Fault::Broken(_), _) => {
                "try again, and see whether the base URL is a service of this kind"
            }
        };
        help.to_owned()
    }
}

/// What a service says in the body of an error, in any of the shapes that are in use.
pub(super) fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str::<Value>(&text) {
        Ok(document) => said_in(&document),
        Err(_) => text.trim().to_owned(),
    }
}

/// The same, of what is JSON already.
pub(super) fn said_in(document: &Value) -> String {
    let places = ["/error/message", "/error", "/message", "/detail"];
    let said = places.iter().find_map(|place| document.pointer(place).and_then(Value::as_str));
    said.map_or_else(|| document.to_string(), str::to_owned)
}

/// A text of a service's, not too long to be shown.
pub(super) fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let shown: String = characters.by_ref().take(SAID_CHARS_MAX).collect();
    if characters.next().is_some() { format!("{shown}…") } else { shown }
}
