//! What a step's guest does on the network, done by the parent within the step's grants, and noted for the record.

mod connections;
mod requests;

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use claw_audit::Exchange;
use claw_policy::url::URL_BYTES_MAX;
use claw_policy::{Limits, Name};
use tokio::runtime::{self, Runtime};

use self::connections::Connections;
use crate::ask::{Ask, Told};
use crate::connector::{Connector, Failure, interrupted};

/// What sends requests and makes connections, with what it waits on.
#[derive(Debug)]
pub struct Network {
    connector: Connector,
    runtime: Runtime,
}

/// What one step does on it.
pub(crate) struct Traffic<'n> {
    network: &'n Network,
    step: &'n Name,
    grants: &'n [Name],
    limits: &'n Limits,
    interrupt: Option<BorrowedFd<'n>>,
    connections: Connections,
    /// Bytes that it may still send. A worker counts them too, and is not believed.
    to_send: u64,
    /// What is over.
    exchanges: Vec<Exchange>,
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

    /// What the step `step`, which has `grants`, will do. Nothing waits longer than until `interrupt` can be read.
    pub(crate) fn traffic<'n>(
        &'n self,
        step: &'n Name,
        grants: &'n [Name],
        limits: &'n Limits,
        interrupt: Option<BorrowedFd<'n>>,
    ) -> Traffic<'n> {
        let connections = Connections::within(limits);
        let to_send = limits.sent;
        Traffic {
            network: self,
            step,
            grants,
            limits,
            interrupt,
            connections,
            to_send,
            exchanges: Vec::new(),
            noted: 0,
        }
    }
}

impl Traffic<'_> {
    /// Does what the guest asks for, within `time`; once more was asked than can be noted, nothing.
    pub(crate) fn answer(&mut self, ask: Ask, time: Duration) -> Told {
        if self.noted > NOTED_BYTES_MAX {
            return ask.denied();
        }
        match ask {
            Ask::Http(request) => Told::Http(self.send(request, time)),
            Ask::Tcp(operation) => Told::Tcp(self.operate(operation, time)),
        }
    }

    /// What was done, now that the step has ended. Connections that it left open are closed.
    pub(crate) fn end(mut self) -> Vec<Exchange> {
        self.exchanges.extend(self.connections.end());
        self.exchanges
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
    fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.network.runtime.block_on(async {
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
            outcome: String::new(),
        }
    }
}

/// The most bytes of what is noted of a step, and about how many an exchange has besides its URL and outcome.
const NOTED_BYTES_MAX: usize = 32 << 20;
const EXCHANGE_BYTES: usize = 400;
/// The most characters of a method that are kept.
const METHOD_CHARS_MAX: usize = 100;
/// The most characters of a failure's text that are kept: a server may have had a part in it.
const REASON_CHARS_MAX: usize = 500;

fn reason(failure: &Failure) -> String {
    failure.to_string().chars().take(REASON_CHARS_MAX).collect()
}
