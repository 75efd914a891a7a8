//! The requests of a step's guest, each sent by the connector and noted as the parent saw it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use claw_audit::Exchange;

use super::{Traffic, reason};
use crate::connector::{self, Bounds, Told, interrupted};
use crate::exchange::{Refused, Request, Response};

impl Traffic<'_> {
    /// Sends a request to what the step's grants allow, within `time`, or until the user interrupts.
    pub(super) fn send(&mut self, request: Request, time: Duration) -> Result<Response, Refused> {
        let most = usize::try_from(self.limits.http_bytes).unwrap_or(usize::MAX);
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
            sent: body.len() as u64,
            body: claw_policy::digest(&body),
            ..self.exchange(method.clone(), url.clone())
        };
        let sent = self.network.runtime.block_on(async {
            let request = connector::Request { method, url, headers, body };
            let mut sent = pin!(self.network.connector.send(self.grants, request, &bounds));
            let mut stopped = pin!(interrupted(self.interrupt));
            poll_fn(|context| match sent.as_mut().poll(context) {
                Poll::Ready(sent) => Poll::Ready(Some(sent)),
                Poll::Pending => stopped.as_mut().poll(context).map(|()| None),
            })
            .await
        });
        let answer = match sent {
            Some(Ok(response)) => {
                exchange.outcome = "ok".to_owned();
                exchange.grant = Some(response.grant.to_string());
                exchange.address = Some(response.address.to_string());
                exchange.status = Some(response.status);
                exchange.received = response.body.len() as u64;
                let connector::Response { status, headers, body, .. } = response;
                Ok(Response { status, headers, body })
            }
            Some(Err(failure)) => {
                exchange.outcome = reason(&failure);
                Err(refused(failure.told()))
            }
            None => {
                exchange.outcome = "interrupted".to_owned();
                Err(Refused::Unreachable)
            }
        };
        self.exchanges.push(exchange);
        answer
    }
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
