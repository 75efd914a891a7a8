//! What a step's guest does on the network, done by the parent within the step's grants, and noted for the record.

mod connections;
mod requests;

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use claw_audit::{Exchange, RecordError};
use claw_policy::url::URL_BYTES_MAX;
use claw_policy::{Limits, Name};
use tokio::runtime::{self, Runtime};

use self::connections::Connections;
use crate::ask::{Ask, Told};
use crate::connector::{Connector, Failure, interrupted};
use crate::exchange::Response;
use crate::journal::{Journal, JournalError};
use crate::worker::Attendant;

/// What sends requests and makes connections, with what it waits on.
#[derive(Debug)]
pub struct Network {
    connector: Connector,
    runtime: Runtime,
}

/// What a step did on it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// What is over: all of it, now that the step has ended.
    pub(crate) exchanges: Vec<Exchange>,
    /// Why not all of it can be recorded.
    pub(crate) broken: Option<JournalError>,
}

/// What one step does on it, and how that goes on record.
pub(crate) struct Traffic<'n> {
    network: Option<&'n Network>,
    journal: &'n mut Journal,
    /// Whether what the step sends has to wait until its start is on disk.
    pub(crate) syncs: bool,
    /// Why nothing more can be recorded, so that nothing more is done.
    broken: Option<JournalError>,
    step: &'n Name,
    grants: &'n [Name],
    limits: &'n Limits,
    interrupt: Option<BorrowedFd<'n>>,
    connections: Connections,
    /// Bytes that it may still send. A worker counts them too, and is not believed.
    to_send: u64,
    /// Bytes of responses that still go on record; none once one was left out.
    to_keep: Option<u64>,
    /// What is over.
    exchanges: Vec<Exchange>,
    /// Which of that the worker is about to be told the response of.
    answered: Option<usize>,
    /// Bytes of texts in those.
    noted: usize,
}

impl Network {
    /// What reaches what `connector` does.
    ///
    /// # Errors
    /// When the system gives no event queue.
    pub fn new(connector: Connector) -> io::Result<Self> {
        Ok(Self { connector, runtime: runtime::Builder::new_current_thread().enable_all().build()? })
    }
}

impl Attendant for Traffic<'_> {
    /// INVARIANT (intent before effect): that the step has started is on disk before anything is sent for it. The worker is at
    /// work meanwhile.
    fn called(&mut self) {
        if self.syncs {
            self.broken = self.journal.sync().err();
        }
    }

    /// Does what the guest asks for, within `time`; once more was asked than can be noted, nothing.
    fn answer(&mut self, ask: Ask, time: Duration) -> Told {
        let network = self.network.filter(|_| self.broken.is_none() && self.noted <= NOTED_BYTES_MAX);
        match (ask, network) {
            (Ask::Http(request), Some(network)) => Told::Http(self.send(network, request, time)),
            (Ask::Tcp(operation), Some(network)) => Told::Tcp(self.operate(network, operation, time)),
            (ask, _) => ask.denied(),
        }
    }

    /// Keeps what the worker was told of a request.
    fn told(&mut self, told: Told) {
        if let (Told::Http(Ok(response)), Some(at)) = (told, self.answered.take()) {
            match (self.keep(&response), self.exchanges.get_mut(at)) {
                (Ok(kept), Some(exchange)) => exchange.response = kept,
                (Ok(_), None) => {}
                (Err(error), _) => self.broken = Some(error),
            }
        }
    }
}

impl<'n> Traffic<'n> {
    /// What the step `step`, which has `grants`, will do on `network`; without one, nothing. Nothing waits longer than until
    /// `interrupt` can be read.
    pub(crate) fn new(
        network: Option<&'n Network>,
        journal: &'n mut Journal,
        step: &'n Name,
        grants: &'n [Name],
        limits: &'n Limits,
        interrupt: Option<BorrowedFd<'n>>,
    ) -> Self {
        Self {
            network,
            journal,
            syncs: true,
            broken: None,
            step,
            grants,
            limits,
            interrupt,
            connections: Connections::within(limits),
            to_send: limits.sent,
            to_keep: Some(limits.tape),
            exchanges: Vec::new(),
            answered: None,
            noted: 0,
        }
    }

    /// What was done, now that the step has ended. Connections that it left open are closed.
    pub(crate) fn end(mut self) -> Sent {
        self.exchanges.extend(self.connections.end());
        Sent { exchanges: self.exchanges, broken: self.broken }
    }

    /// Puts a response on record, where the limit `tape` has room for it. Once one is left out, all are.
    fn keep(&mut self, response: &Response) -> Result<Option<claw_audit::Response>, JournalError> {
        let besides = EXCHANGE_BYTES.saturating_add(response.headers.len().saturating_mul(HEADER_BYTES)) as u64;
        let bytes = response.bytes().saturating_add(besides);
        self.to_keep = self.to_keep.and_then(|left| left.checked_sub(bytes));
        if self.to_keep.is_none() {
            return Ok(None);
        }
        let head = serde_json::to_value(response).map_err(RecordError::Encoding)?;
        let (head, body) = (self.journal.store(&head)?, self.journal.store_bytes(&response.body)?);
        Ok(Some(claw_audit::Response { head, body }))
    }

    fn note(&mut self, exchange: Exchange) {
        self.noted += exchange.url.len() + exchange.outcome.len() + EXCHANGE_BYTES;
        self.exchanges.push(exchange);
        if self.noted > NOTED_BYTES_MAX {
            let outcome = "more was asked for than is noted of a step: nothing more is done".to_owned();
            self.exchanges.push(Exchange { outcome, ..self.exchange("", "") });
        }
    }

    /// What `work` gives; nothing, where the user interrupts before.
    fn unless_interrupted<T>(&self, network: &Network, work: impl Future<Output = T>) -> Option<T> {
        network.runtime.block_on(async {
            let (mut work, mut stopped) = (pin!(work), pin!(interrupted(self.interrupt)));
            poll_fn(|context| match work.as_mut().poll(context) {
                Poll::Ready(given) => Poll::Ready(Some(given)),
                Poll::Pending => stopped.as_mut().poll(context).map(|()| None),
            })
            .await
        })
    }

    /// An exchange of which nothing is known yet. What is too long to be sent is cut.
    fn exchange(&self, method: &str, url: &str) -> Exchange {
        Exchange {
            step: self.step.to_string(),
            method: method.chars().take(METHOD_CHARS_MAX).collect(),
            url: url.chars().take(URL_BYTES_MAX).collect(),
            sent: 0,
            body: claw_policy::digest(&[]),
            grant: None,
            address: None,
            status: None,
            received: 0,
            response: None,
            outcome: String::new(),
        }
    }
}

/// The most bytes of what is noted of a step, and about how many an exchange has besides its URL and outcome.
const NOTED_BYTES_MAX: usize = 32 << 20;
const EXCHANGE_BYTES: usize = 400;
/// About how many bytes a header takes besides its name and value.
const HEADER_BYTES: usize = 100;
/// The most characters of a method that are kept.
const METHOD_CHARS_MAX: usize = 100;
/// The most characters of a failure's text that are kept: a server may have had a part in it.
const REASON_CHARS_MAX: usize = 500;

fn reason(failure: &Failure) -> String {
    failure.to_string().chars().take(REASON_CHARS_MAX).collect()
}
