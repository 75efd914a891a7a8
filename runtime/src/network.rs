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
    ///
    /// `left` is how many bytes the step may still send. A request that is refused counts too, as it does in the worker,
    /// which ends a step that would send more: what a worker says that its guest asks for is not believed.
    #[expect(clippy::too_many_arguments, reason = "what bounds a request comes from as many places")]
    pub(crate) fn send(
        &self,
        step: &Name,
        grants: &[Name],
        request: Request,
        limits: &Limits,
        left: &mut u64,
        time: Duration,
        interrupt: Option<BorrowedFd<'_>>,
    ) -> (Result<Response, Refused>, Exchange) {
        let now_left = left.checked_sub(request.bytes());
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
        match now_left {
            Some(now_left) => *left = now_left,
            None => {
                exchange.outcome = "the step has sent as much as its limit `sent` allows".to_owned();
                return (Err(Refused::Denied), exchange);
            }
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use claw_policy::{Catalogue, Policy, Target};

    use super::*;
    use crate::connector::{Opened, SystemResolver};

    /// Case 115: a worker that does not count is counted for.
    #[test]
    fn case_115_what_a_step_sends_is_counted_where_it_is_sent() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap());
        let policy = format!(
            "claw = 1\nname = \"test\"\n[grant.web]\nhttp = [\"POST {url}\"]\naddresses = [\"127.0.0.1/32\"]\n"
        );
        let policy = Policy::parse(&policy, &Catalogue::default()).unwrap();
        let opened = policy.grants.iter().map(|(name, grant)| match &grant.target {
            Target::Hosts(grant) => (name.clone(), Opened { grant: grant.clone(), ca: None, secret: None }),
            Target::Folder(_) => panic!("a folder"),
        });
        let network = Network::new(Connector::new(opened, Arc::new(SystemResolver), Box::new(|bytes| bytes)).unwrap());
        let (network, web) = (network.unwrap(), ["web".parse().unwrap()]);
        let request = Request { method: "POST".to_owned(), url, headers: Vec::new(), body: vec![b'x'; 600] };
        let mut left = 1_000;
        let mut send = |request| {
            let time = Duration::from_millis(50);
            network.send(&web[0], &web, request, &Limits::default(), &mut left, time, None)
        };
        // Taken, and never answered.
        let (answer, exchange) = send(request.clone());
        assert_eq!((answer, exchange.sent), (Err(Refused::TimedOut), 600));
        let _asked = server.accept().unwrap();
        let (answer, exchange) = send(request);
        assert_eq!(answer, Err(Refused::Denied));
        assert!(exchange.outcome.contains("`sent`"), "{}", exchange.outcome);
        assert_eq!(server.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
