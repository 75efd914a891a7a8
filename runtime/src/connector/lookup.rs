//! Names to addresses, once for each request.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use claw_policy::Host;
use tokio::sync::{Semaphore, oneshot};

use super::deadline::Deadline;
use super::failure::{Failure, Phase};

/// The most lookups at a time. One that nobody waits for any more still counts: the system cannot be told to stop it.
const LOOKUPS_MAX: usize = 4;

/// The longest that a lookup may take.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);

/// What finds out the addresses of a name.
pub trait Resolve: Send + Sync {
    /// All addresses of a name. It may block.
    ///
    /// # Errors
    /// The name is not known, or nobody can be asked.
    fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The system's own resolver, with its configuration, as every program has it.
#[derive(Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    /// # Ambient Authority
    /// Asks the network.
    fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }
}

/// Lookups, a few at a time.
pub(super) struct Lookups {
    resolver: Arc<dyn Resolve>,
    free: Arc<Semaphore>,
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, free: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    /// The addresses of a host: its own, or what its name has now.
    pub(super) async fn addresses(&self, host: &Host, deadline: Deadline) -> Result<Vec<IpAddr>, Failure> {
        let name = match host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name.clone(),
        };
        let deadline = deadline.within(LOOKUP_TIME_MAX);
        let permit = deadline.keep(Phase::Lookup, Arc::clone(&self.free).acquire_owned()).await?;
        let (sender, receiver) = oneshot::channel();
        let resolver = Arc::clone(&self.resolver);
        // A thread of its own: the runtime waits for its blocking threads when it ends, and a resolver may never answer.
        let lookup = move || {
            let found = resolver.resolve(&name);
            drop(permit);
            // Nobody may be waiting any more.
            let _ = sender.send(found);
        };
        std::thread::Builder::new().name("lookup".to_owned()).spawn(lookup).map_err(Failure::Lookup)?;
        let found = deadline.keep(Phase::Lookup, receiver).await?;
        found.map_err(std::io::Error::other).flatten().map_err(Failure::Lookup)
    }
}
