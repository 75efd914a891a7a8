//! The requests of a step's guest, each sent by the connector and noted as the parent saw it.

use std::time::Duration;

use claw_audit::Exchange;

use super::{Network, Traffic, reason};
use crate::connector::{self, Bounds, Told};
use crate::exchange::{Refused, Request, Response};

impl Traffic<'_> {
    /// Sends a request to what the step's grants allow, within `time`, or until the user interrupts. One that is refused
    /// counts as sent too, as it does in the worker, which ends a step that would send more.
    pub(super) fn send(&mut self, network: &Network, request: Request, time: Duration) -> Result<Response, Refused> {
        let most = usize::try_from(self.limits.http_bytes).unwrap_or(usize::MAX);
        let bounds = Bounds {
            time,
            connect: None,
            first_byte: None,
            between_bytes: None,
            request_bytes: most,
            response_bytes: most,
        };
        let left = self.to_send.checked_sub(request.bytes());
        let Request { method, url, headers, body } = request;
        let mut exchange =
            Exchange { sent: body.len() as u64, body: claw_policy::digest(&body), ..self.exchange(&method, &url) };
        let Some(left) = left else {
            exchange.outcome = "the step has sent as much as its limit `sent` allows".to_owned();
            self.note(exchange);
            return Err(Refused::Denied);
        };
        self.to_send = left;
        let request = connector::Request { method, url, headers, body };
        let sent = self.unless_interrupted(network, network.connector.send(self.grants, request, &bounds));
        let answer = match sent {
            Some(Ok(response)) => {
                exchange.outcome = "ok".to_owned();
                exchange.grant = Some(response.grant.to_string());
                exchange.address = Some(response.address.to_string());
                exchange.status = Some(response.status);
                exchange.received = response.body.len() as u64;
                self.answered = Some(self.exchanges.len());
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
        self.note(exchange);
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use claw_audit::RecordError;
    use claw_policy::{Catalogue, Limits, Policy, Target};

    use super::*;
    use crate::ask::Ask;
    use crate::connector::{Connector, Opened, SystemResolver};
    use crate::journal::Journal;
    use crate::playback::Playback;
    use crate::worker::Attendant as _;

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
        let time = Duration::from_millis(50);
        let limits = Limits { sent: 1_000, ..Limits::default() };
        let mut journal = Journal::Replay(Playback::new(Path::new(""), Vec::new(), 0));
        let mut traffic = Traffic::new(Some(&network), &mut journal, &web[0], &web, &limits, None);
        // Where its start could not be put on disk, nothing is sent.
        traffic.broken = Some(RecordError::Locked.into());
        assert_eq!(traffic.answer(Ask::Http(request.clone()), time), crate::ask::Told::Http(Err(Refused::Denied)));
        traffic.broken = None;
        // Taken, and never answered.
        assert_eq!(traffic.send(&network, request.clone(), time), Err(Refused::TimedOut));
        let _asked = server.accept().unwrap();
        assert_eq!(traffic.send(&network, request, time), Err(Refused::Denied));
        assert_eq!(server.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        let exchanges = traffic.end().exchanges;
        assert_eq!(exchanges[0].sent, 600);
        assert!(exchanges[1].outcome.contains("`sent`"), "{}", exchanges[1].outcome);
    }
}
