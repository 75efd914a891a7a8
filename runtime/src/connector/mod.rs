//! Requests and connections, made in the parent for guests that have no network: they reach what is granted, and only that.
//!
//! Each request goes one way, and is stopped where it does not pass: its URL is read once (`claw_policy::Destination`) and
//! matched against the capability's grants; the host's name is resolved once, and every address looked at; one of the
//! addresses that passed is connected to, and the server's name checked; the request is written anew from what was matched;
//! the response is read whole, within bounds, and redacted.
//!
//! What there is not: connections, tickets or cookies that are kept; redirects that are followed; decompression; proxies of
//! the environment; UDP, and sockets that listen.

mod addresses;
mod deadline;
mod dial;
mod exchange;
mod failure;
mod headers;
mod interrupt;
mod lookup;
mod metered;
mod special_purpose;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use claw_policy::{Destination, HostGrant, Mismatch, Name};
use tokio::time::Instant;

use self::deadline::Deadline;
use self::headers::Injected;
use self::lookup::Lookups;
use self::tls::Trust;

pub use self::deadline::Bounds;
pub use self::failure::{Failure, Part, Phase, Told};
pub(crate) use self::interrupt::interrupted;
pub use self::lookup::{Resolve, SystemResolver};
pub use self::tls::{platform_roots, trusting};

/// How long a denial takes at least, so that how soon it comes does not tell what was denied: no lookup, or a lookup and
/// what it found.
const DENIAL_TIME: Duration = Duration::from_millis(20);

/// What takes secrets out of bytes that come back.
pub type Redact = Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

/// A grant of hosts, with what it names outside of the policy. Who makes the connector has read it.
#[derive(Debug)]
pub struct Opened {
    /// The grant.
    pub grant: HostGrant,
    /// What is in the file `ca`: PEM.
    pub ca: Option<Vec<u8>>,
    /// The secret itself.
    pub secret: Option<Vec<u8>>,
}

/// Why a grant of hosts cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the grant `{grant}` cannot be used: {fault}")]
pub struct ConnectorError {
    /// The grant.
    pub grant: Name,
    /// What is wrong with it.
    pub fault: ConnectorFault,
}

/// What is wrong with a grant of hosts.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorFault {
    /// The file `ca` was not read, or has no certificates that can be used.
    #[error("its `ca`: {0}")]
    Ca(String),
    /// The secret was not read.
    #[error("its `secret` was not read")]
    NoSecret,
    /// The secret cannot be put into that header.
    #[error("its `secret` has a header that is claw's own, or characters that no header can have, such as a line feed")]
    Secret,
    /// It names a proxy.
    #[error("its `proxy`: this version goes over none")]
    Proxy,
}

/// A request of a guest. Nothing of it is believed.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, or another.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of the body.
    pub body: Vec<u8>,
}

/// A response, as a guest may see it.
#[derive(Clone, Debug)]
pub struct Response {
    /// 200 to 599 of an honest server; at most 999.
    pub status: u16,
    /// Names, in small letters, and values, in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of the body, without its trailers.
    pub body: Vec<u8>,
    /// The grant that allowed it.
    pub grant: Name,
    /// The address that answered.
    pub address: SocketAddr,
}

/// What makes requests and connections for guests.
pub struct Connector {
    grants: BTreeMap<Name, Reachable>,
    lookups: Lookups,
    redact: Redact,
}

/// A grant, ready for use.
struct Reachable {
    grant: HostGrant,
    trust: Trust,
    secret: Option<Injected>,
}

impl Connector {
    /// A connector that reaches what the grants name: at public addresses, and at those in a grant's own `addresses`.
    ///
    /// `redact` is applied to the body and to the name and value of each header of every response.
    ///
    /// # Errors
    /// A grant that cannot be used as it is written.
    pub fn new(
        grants: impl IntoIterator<Item = (Name, Opened)>,
        resolver: Arc<dyn Resolve>,
        redact: Redact,
    ) -> Result<Self, ConnectorError> {
        let mut reachable = BTreeMap::new();
        for (name, opened) in grants {
            let opened = Reachable::new(opened).map_err(|fault| ConnectorError { grant: name.clone(), fault })?;
            reachable.insert(name, opened);
        }
        Ok(Self { grants: reachable, lookups: Lookups::new(resolver), redact })
    }

    /// Sends a request of a capability that has `grants`, and gives all of the response.
    ///
    /// Of several grants that allow the request, the first is used, with its `addresses`, `ca` and `secret`. The future can be
    /// dropped at any point; the connection is closed then.
    ///
    /// # Errors
    /// What stopped it. A guest is told [`Failure::told`] alone.
    pub async fn send(&self, grants: &[Name], request: Request, bounds: &Bounds) -> Result<Response, Failure> {
        let began = Instant::now();
        denied_alike(began, self.send_at_once(grants, request, bounds).await).await
    }

    async fn send_at_once(&self, grants: &[Name], request: Request, bounds: &Bounds) -> Result<Response, Failure> {
        let deadline = Deadline::after(bounds.time);
        let connecting = || deadline.within(bounds.connect);
        let to = Destination::parse(&request.url)?;
        let (name, reachable) = self.granted(grants, &request.method, &to)?;
        if request.body.len() > bounds.request_bytes {
            return Err(Failure::Request("its body is larger than it may be"));
        }
        let request = headers::request(request, &to, reachable.secret.as_ref())?;

        let found = self.lookups.addresses(to.host(), connecting()).await?;
        let checked = addresses::all(&found, to.port(), &reachable.grant.addresses)?;
        let stream = dial::dial(&checked, connecting()).await?;
        let address = stream.peer_addr().map_err(Failure::Connect)?;
        let (head, body) = if to.is_tls() {
            let stream = tls::handshake(stream, to.host(), &reachable.trust, connecting()).await?;
            exchange::exchange(stream, request, bounds, deadline).await?
        } else {
            exchange::exchange(stream, request, bounds, deadline).await?
        };

        if reachable.secret.is_some() && headers::hides(&head.headers) {
            return Err(Failure::Broken("it is compressed, and a secret in it would not be found".to_owned()));
        }
        let body = (self.redact)(body);
        let headers = headers::response(&head.headers, body.len(), &self.redact);
        Ok(Response { status: head.status.as_u16(), headers, body, grant: name.clone(), address })
    }

    /// Opens a TCP connection for a capability that has `grants`, and says which of them allowed it. It is by address: no
    /// name is resolved. What is done with the socket does not block.
    ///
    /// # Errors
    /// What stopped it. A guest is told [`Failure::told`] alone.
    pub async fn connect(&self, grants: &[Name], to: SocketAddr, time: Duration) -> Result<(Name, OwnedFd), Failure> {
        let began = Instant::now();
        let held = grants.iter().filter_map(|name| Some((name, self.grants.get(name)?)));
        let checked =
            held.filter_map(|(name, reachable)| Some((name, addresses::granted(to, &reachable.grant.tcp)?))).next();
        let connected = match checked {
            Some((name, checked)) => {
                let stream = dial::dial(&[checked], Deadline::after(time)).await;
                let socket = stream.and_then(|stream| stream.into_std().map_err(Failure::Connect));
                socket.map(|socket| (name.clone(), socket.into()))
            }
            None => Err(Failure::AddressNotGranted),
        };
        denied_alike(began, connected).await
    }

    /// The first of the grants that allows a request.
    fn granted<'g>(
        &self,
        grants: &'g [Name],
        method: &str,
        to: &Destination,
    ) -> Result<(&'g Name, &Reachable), Mismatch> {
        let mut closest = Mismatch::Host;
        for (name, reachable) in grants.iter().filter_map(|name| Some((name, self.grants.get(name)?))) {
            match reachable.grant.admits(method, to) {
                Ok(()) => return Ok((name, reachable)),
                Err(mismatch) => closest = closest.max(mismatch),
            }
        }
        Err(closest)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("grants", &self.grants.keys()).finish_non_exhaustive()
    }
}

impl Reachable {
    fn new(Opened { grant, ca, secret }: Opened) -> Result<Self, ConnectorFault> {
        if grant.proxy.is_some() {
            return Err(ConnectorFault::Proxy);
        }
        let trust = match (&grant.ca, ca) {
            (None, _) => Trust::Platform,
            (Some(_), Some(pem)) => Trust::in_pem(&pem).map_err(ConnectorFault::Ca)?,
            (Some(_), None) => return Err(ConnectorFault::Ca("it was not read".to_owned())),
        };
        let secret = match (&grant.secret, secret) {
            (None, _) => None,
            (Some(named), Some(secret)) => {
                let prefix = named.prefix.as_deref().unwrap_or_default();
                Some(Injected::new(&named.header, prefix, &secret).ok_or(ConnectorFault::Secret)?)
            }
            (Some(_), None) => return Err(ConnectorFault::NoSecret),
        };
        Ok(Self { grant, trust, secret })
    }
}

/// Waits before a denial is told, until all denials are.
async fn denied_alike<T>(began: Instant, result: Result<T, Failure>) -> Result<T, Failure> {
    if result.as_ref().is_err_and(|failure| failure.told() == Told::Denied) {
        tokio::time::sleep_until(began + DENIAL_TIME).await;
    }
    result
}
