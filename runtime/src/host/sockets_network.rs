//! `wasi:sockets/network`, `instance-network` and `ip-name-lookup`: the one network there is, which gives nothing by
//! itself, and names, of which none is resolved. Authority: none.

use std::net::IpAddr;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{self, HostResolveAddressStream, ResolveAddressStream};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, HostNetwork, IpAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::{instance_network, network as types};
use wasmtime_wasi::p2::{DynPollable, SocketError, SocketResult};

use super::Host;
use super::place::Rule;
use super::stop::Stop;

/// What stands in the table for a network.
struct TheNetwork;

/// What stands in the table for the addresses of what is an address already.
struct Found(Option<IpAddr>);

impl From<Stop> for SocketError {
    fn from(stop: Stop) -> Self {
        Self::trap(stop)
    }
}

impl Host {
    /// Whether the guest holds this network. It counts for nothing: what may be reached is the parent's to say.
    pub(super) fn holds(&self, network: &Resource<Network>) -> SocketResult<()> {
        self.table.get(&Resource::<TheNetwork>::new_borrow(network.rep()))?;
        Ok(())
    }
}

impl types::Host for Host {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> Result<Option<ErrorCode>> {
        self.bound()?;
        Ok(self.table.get(&error)?.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl HostNetwork for Host {
    fn drop(&mut self, network: Resource<Network>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<TheNetwork>::new_own(network.rep()))?;
        Ok(())
    }
}

impl instance_network::Host for Host {
    fn instance_network(&mut self) -> Result<Resource<network::Network>> {
        self.bound()?;
        Ok(Resource::new_own(self.table.push(TheNetwork)?.rep()))
    }
}

impl ip_name_lookup::Host for Host {
    /// Grants of TCP are by address, so that no name has one.
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> SocketResult<Resource<ResolveAddressStream>> {
        self.bound()?;
        self.holds(&network)?;
        if !self.connects {
            return Err(ErrorCode::NotSupported.into());
        }
        let Ok(address) = name.parse() else {
            self.note_denied(name, Rule::Connection);
            return Err(ErrorCode::AccessDenied.into());
        };
        Ok(Resource::new_own(self.table.push(Found(Some(address)))?.rep()))
    }
}

impl HostResolveAddressStream for Host {
    fn resolve_next_address(&mut self, found: Resource<ResolveAddressStream>) -> SocketResult<Option<IpAddress>> {
        self.bound()?;
        let found = self.table.get_mut(&Resource::<Found>::new_borrow(found.rep()))?;
        Ok(found.0.take().map(IpAddress::from))
    }

    fn subscribe(&mut self, found: Resource<ResolveAddressStream>) -> Result<Resource<DynPollable>> {
        self.bound()?;
        self.pollable_of(&Resource::<Found>::new_borrow(found.rep()))
    }

    fn drop(&mut self, found: Resource<ResolveAddressStream>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<Found>::new_own(found.rep()))?;
        Ok(())
    }
}
