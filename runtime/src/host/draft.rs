//! The body of a request while a guest writes it: its handle, its stream and its request hold it apart.

use std::sync::{Arc, Mutex, PoisonError};

use super::stop::{Limit, Stop};
use crate::exchange::Request;

/// A body while it is written, and what becomes of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft(Arc<Mutex<Writing>>);

/// What there is of it.
#[derive(Debug, Default)]
pub(super) struct Writing {
    pub(super) bytes: Vec<u8>,
    pub(super) stage: Stage,
    pub(super) has_stream: bool,
    /// The request that waits for it, and the number of the future that waits for the response.
    pub(super) sends: Option<(Request, u32)>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is written.
    #[default]
    Open,
    /// All of it is there.
    Finished,
    /// It was dropped before.
    GivenUp,
}

impl Draft {
    /// Looks at it, or changes it.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Writing) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds bytes, if all of them together are at most `most`.
    pub(super) fn write(&self, bytes: &[u8], most: u64) -> Result<(), Stop> {
        self.with(|writing| {
            if (writing.bytes.len() + bytes.len()) as u64 > most {
                return Err(Stop::Limit(Limit::HttpBytes));
            }
            writing.bytes.extend_from_slice(bytes);
            Ok(())
        })
    }
}
