//! What a worker asks of its parent while a guest's call goes on, and what it is told: all that a guest has of a network.

use serde::{Deserialize, Serialize};

use crate::connection::{Fault, Given, Operation};
use crate::exchange::{Refused, Request, Response};

/// Something that the parent is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Send a request.
    Http(Request),
    /// In a replay: give what the next request was answered.
    Recorded,
    /// Do something with a TCP connection.
    Tcp(Operation),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Of a request.
    Http(Result<Response, Refused>),
    /// Of an operation.
    Tcp(Result<Given, Fault>),
}

impl Ask {
    /// The bytes that go beside the message.
    pub(crate) fn beside(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Http(request) => Some(&mut request.body),
            Self::Tcp(Operation::Send(_, bytes)) => Some(bytes),
            Self::Tcp(_) | Self::Recorded => None,
        }
    }

    /// What is told where there is no network.
    pub(crate) fn denied(&self) -> Told {
        match self {
            Self::Http(_) | Self::Recorded => Told::Http(Err(Refused::Denied)),
            Self::Tcp(_) => Told::Tcp(Err(Fault::Denied)),
        }
    }
}

impl Told {
    /// The bytes that go beside the message.
    pub(crate) fn beside(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Http(Ok(response)) => Some(&mut response.body),
            Self::Tcp(Ok(Given::Bytes(bytes))) => Some(bytes),
            Self::Http(Err(_)) | Self::Tcp(_) => None,
        }
    }
}
