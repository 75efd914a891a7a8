//! How long each part of a request may take, whatever the guest asks for.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Failure, Phase};

/// What a request may take at most.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The time for all of it, from the lookup to the body's last byte: what is left of the step's.
    pub time: Duration,
    /// What the guest asks for connecting: each of lookup, TCP and TLS. It can only shorten.
    pub connect: Option<Duration>,
    /// What it asks for until the response's head is there. It can only shorten.
    pub first_byte: Option<Duration>,
    /// What it asks for between two parts of the body. It can only shorten.
    pub between_bytes: Option<Duration>,
    /// The most bytes of the request's body.
    pub request_bytes: usize,
    /// The most bytes of the response's body, as it comes: nothing is decompressed.
    pub response_bytes: usize,
}

/// The point in time at which something ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(time).unwrap_or(now))
    }

    /// The same, or sooner: `time` from now, where it is given.
    pub(super) fn within(self, time: impl Into<Option<Duration>>) -> Self {
        // A time beyond what can be counted is no sooner than any.
        let sooner = time.into().and_then(|time| Instant::now().checked_add(time));
        Self(sooner.map_or(self.0, |sooner| sooner.min(self.0)))
    }

    /// A part of what is left, for one of several.
    pub(super) fn share(self, of: usize) -> Self {
        let left = self.0.saturating_duration_since(Instant::now());
        self.within(left.checked_div(u32::try_from(of).unwrap_or(u32::MAX)))
    }

    /// What a future gives, if it gives it in time. It is dropped then.
    pub(super) async fn keep<T>(self, phase: Phase, future: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::time::timeout_at(self.0, future).await.map_err(|_| Failure::Late(phase))
    }
}
