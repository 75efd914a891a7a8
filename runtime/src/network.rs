//! The requests of a step's guest: sent by the connector, and each noted for the record as the parent saw it.

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use claw_audit::Exchange;
use claw_policy::{Limits, Name};
use tokio::runtime::{self, Runtime};

use crate::connector::{self, Bounds, Connector, Failure, Told, interrupted};
use crate::exchange::{Refused, Request, Response};

/// What sends requests, with what it waits on.
#[derive(Debug)]
pub struct Network {
    connector: Connector,
    runtime: Runtime,
}

impl Network {
    /// What sends over `connector`.
    ///
    /// # Errors
    /// When the system gives no event queue.
    pub fn new(connector: Connector) -> io::Result<Self> {
        Ok(Self { connector, runtime: runtime::Builder::new_current_thread().enable_all().build()? })
    }

    /// Sends a request of the step `step` to what `grants` allow, within `time`, or until the user interrupts.
    pub(crate) fn send(
        &self,
        step: &Name,
        grants: &[Name],
        request: Request,
        limits: &Limits,
        time: Duration,
        interrupt: Option<BorrowedFd<'_>>,
    ) -> (Result<Response, Refused>, Exchange) {
        let most = usize::try_from(limits.http_bytes).unwrap_or(usize::MAX);
        let bounds = Bounds {
            time,
            connect: None,
            first_byte: None,
            between_bytes: None,
            request_bytes: most,
            response_bytes: most,
        };
        let Request { method, url, headers, body } = request;
        let mut exchange = Exchange {
            step: step.to_string(),
            method: method.clone(),
            url: url.clone(),
            sent: body.len() as u64,
            body: claw_policy::digest(&body),
            grant: None,
            address: None,
            status: None,
            received: 0,
            outcome: String::new(),
        };
        let sent = self.runtime.block_on(async {
            let request = connector::Request { method, url, headers, body };
            let mut sent = pin!(self.connector.send(grants, request, &bounds));
            let mut stopped = pin!(interrupted(interrupt));
            poll_fn(|context| match sent.as_mut().poll(context) {
                Poll::Ready(sent) => Poll::Ready(Some(sent)),
                Poll::Pending => stopped.as_mut().poll(context).map(|()| None),
            })
            .await
        });
        match sent {
            Some(Ok(response)) => {
                exchange.outcome = "ok".to_owned();
                exchange.grant = Some(response.grant.to_string());
                exchange.address = Some(response.address.to_string());
                exchange.status = Some(response.status);
                exchange.received = response.body.len() as u64;
                let connector::Response { status, headers, body, .. } = response;
                (Ok(Response { status, headers, body }), exchange)
            }
            Some(Err(failure)) => {
                exchange.outcome = reason(&failure);
                (Err(refused(failure.told())), exchange)
            }
            None => {
                exchange.outcome = "interrupted".to_owned();
                (Err(Refused::Unreachable), exchange)
            }
        }
    }
}

/// The most characters of a failure's text that are kept: a server may have had a part in it.
const REASON_CHARS_MAX: usize = 500;

fn reason(failure: &Failure) -> String {
    failure.to_string().chars().take(REASON_CHARS_MAX).collect()
}

fn refused(told: Told) -> Refused {
    match told {
        Told::Denied => Refused::Denied,
        Told::Malformed => Refused::Malformed,
        Told::Unreachable => Refused::Unreachable,
        Told::TimedOut => Refused::TimedOut,
        Told::TooLarge => Refused::TooLarge,
        Told::Broken => Refused::Broken,
    }
}
