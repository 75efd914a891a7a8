//! What parent and worker say to each other.

use std::fmt;

use claw_policy::Limits;
use claw_policy::catalogue::Component;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wall::Wall;
use crate::ask::{Ask, Told};
use crate::engine::Allocation;
use crate::host::{Report, Stop, Taped};

/// From the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Reads and compiles the component that comes along.
    Compile { digest: String },
    /// Takes the folders that come along as descriptors. Said once, before anything is loaded.
    Open { allocation: Allocation },
    /// Takes the compiled component that comes along.
    Load { digest: String },
    /// Makes a capability ready to be called.
    Prepare(Preparation),
    /// Gives up all that calling what is ready does not need. Nothing can be loaded after it, and nothing called before.
    Enclose,
    /// Calls a capability.
    Call(Call),
    /// Tells what came of what the call that goes on asked for; its bytes come along.
    Tells(Told),
}

/// What stays the same between the calls of a capability.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Preparation {
    pub(crate) capability: String,
    pub(crate) component: String,
    pub(crate) interface: Option<String>,
    pub(crate) function: String,
    pub(crate) folders: Vec<FolderUse>,
    /// Whether it may make TCP connections at all; to where is the parent's to say.
    pub(crate) connects: bool,
    pub(crate) limits: Limits,
}

/// A folder as one capability sees it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FolderUse {
    /// Which of the descriptors that came first. None in a replay, where none come.
    pub(crate) descriptor: Option<usize>,
    pub(crate) guest_path: String,
    pub(crate) write: bool,
    pub(crate) dotfiles: bool,
    pub(crate) files: Option<Vec<String>>,
}

/// One call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) capability: String,
    pub(crate) arguments: Vec<Value>,
    pub(crate) written_left: u64,
    pub(crate) files_left: u64,
    /// The base of the guest's wall clock: unix time in milliseconds.
    pub(crate) clock_ms: u64,
    pub(crate) seed: [u8; 32],
    /// In a replay: what its calls to the host were answered.
    pub(crate) tape: Option<Vec<Taped>>,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// What the component is; its artefact comes along.
    Compiled(Box<Component>),
    /// It is ready.
    Ready,
    /// What of the wall stands now.
    Enclosed(Wall),
    /// It cannot be: in words.
    Refused(String),
    /// The call goes on, and its guest asks for something outside, whose bytes come along.
    Asks(Ask),
    /// The call has ended; its output comes along.
    Ended(Box<Ended<Form>>),
}

/// How an output comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// A text, as it is.
    Text,
    /// Another value, as JSON.
    Json,
}

impl Form {
    /// The form of an output, and its bytes.
    pub(super) fn write(output: Value) -> serde_json::Result<(Self, Vec<u8>)> {
        match output {
            Value::String(text) => Ok((Self::Text, text.into_bytes())),
            other => Ok((Self::Json, serde_json::to_vec(&other)?)),
        }
    }

    /// The output that came along; nothing, where it is not of this form.
    pub(super) fn read(self, bytes: Vec<u8>) -> Option<Value> {
        match self {
            Self::Text => String::from_utf8(bytes).map(Value::String).ok(),
            Self::Json => serde_json::from_slice(&bytes).ok(),
        }
    }
}

/// How a call ended, in the worker's word.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended<O> {
    pub(crate) result: Result<O, CallFailure>,
    pub(crate) fuel: u64,
    pub(crate) report: Report,
}

/// Why a call gave no output.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum CallFailure {
    /// The function returned an error: its JSON.
    Returned(Value),
    /// The host stopped it, or it trapped.
    Stopped(Stop),
    /// Its output has no JSON, or its arguments have no value.
    Value(String),
    /// Its output is over the limit.
    TooLong { most: u64 },
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned(Value::String(text)) => f.write_str(text),
            Self::Returned(Value::Null) => f.write_str("the capability failed, and did not say why"),
            Self::Returned(Value::Object(object)) if object.contains_key("tag") => {
                let part = |key: &str| object.get(key).and_then(Value::as_str);
                match (part("tag"), object.get("value")) {
                    (Some(tag), Some(Value::String(text))) => write!(f, "{tag}: {text}"),
                    (Some(tag), None) => f.write_str(tag),
                    (_, _) => write!(f, "{}", Value::Object(object.clone())),
                }
            }
            Self::Returned(value) => write!(f, "{value}"),
            Self::Stopped(stop) => write!(f, "{stop}"),
            Self::Value(text) => f.write_str(text),
            Self::TooLong { most } => write!(f, "the output is over {most} bytes of JSON"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_output_comes_along_as_what_it_is() {
        for output in [json!("a \"text\"\n"), json!(""), json!(null), json!({ "a": [1, 1.5, "b"] })] {
            let (form, bytes) = Form::write(output.clone()).unwrap();
            assert_eq!(form.read(bytes), Some(output));
        }
        assert_eq!(Form::Text.read(vec![0xff]), None);
        for bytes in ["", "{", "1 2", "\"a"] {
            assert_eq!(Form::Json.read(bytes.into()), None, "{bytes}");
        }
    }
}
