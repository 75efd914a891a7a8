//! `wasi:sockets/tcp` and `tcp-create-socket`: connections to where a grant of `tcp` says. Authority: those grants, and the
//! parent decides on them. Nothing listens, and no option of a socket can be set.
//!
//! A connection is made in `start-connect`, which waits for it, so that `finish-connect` always has the answer.

use std::net::{IpAddr, SocketAddr};

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::tcp::{self, HostTcpSocket, ShutdownType, TcpSocket};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::pipe::{ClosedInputStream, SinkOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, SocketError, SocketResult};

use super::Host;
use super::place::Held;
use crate::connection::Direction;

/// What stands in the table for a socket.
struct Socket {
    family: IpAddressFamily,
    state: State,
}

/// How far it is.
#[derive(Clone, Copy)]
enum State {
    New,
    /// What came of connecting is known, and the guest is not told yet.
    Connecting(Result<u32, ErrorCode>),
    /// By the number of its peer.
    Connected(u32),
    Failed,
}

impl Host {
    fn socket(&mut self, socket: &Resource<TcpSocket>) -> SocketResult<&mut Socket> {
        Ok(self.table.get_mut(&Resource::<Socket>::new_borrow(socket.rep()))?)
    }

    fn connected(&mut self, socket: &Resource<TcpSocket>) -> SocketResult<u32> {
        match self.socket(socket)?.state {
            State::Connected(peer) => Ok(peer),
            _ => Err(ErrorCode::InvalidState.into()),
        }
    }
}

/// Whether a socket of `family` could ever be connected to `to`.
fn is_peer(family: IpAddressFamily, to: SocketAddr) -> bool {
    let is_of_family = match (family, to.ip()) {
        (IpAddressFamily::Ipv4, IpAddr::V4(_)) => true,
        (IpAddressFamily::Ipv6, IpAddr::V6(ip)) => ip.to_ipv4_mapped().is_none(),
        _ => false,
    };
    is_of_family && to.port() != 0 && !to.ip().is_unspecified() && !to.ip().is_multicast()
}

impl tcp_create_socket::Host for Host {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        self.bound()?;
        if !self.connects {
            return Err(ErrorCode::NotSupported.into());
        }
        Ok(Resource::new_own(self.table.push(Socket { family, state: State::New })?.rep()))
    }
}

impl tcp::Host for Host {}

/// What no guest is told and none can set.
macro_rules! not_supported {
    ($(fn $method:ident(&mut self $(, $argument:ident: $ty:ty)*) -> $gives:ty;)*) => {
        $(fn $method(&mut self, _socket: Resource<TcpSocket> $(, $argument: $ty)*) -> SocketResult<$gives> {
            self.bound()?;
            Err(ErrorCode::NotSupported.into())
        })*
    };
}

impl HostTcpSocket for Host {
    fn start_connect(
        &mut self,
        socket: Resource<TcpSocket>,
        network: Resource<Network>,
        to: IpSocketAddress,
    ) -> SocketResult<()> {
        self.bound()?;
        self.holds(&network)?;
        let to = SocketAddr::from(to);
        let Socket { family, state } = self.socket(&socket)?;
        match state {
            State::New if is_peer(*family, to) => {}
            State::New => return Err(ErrorCode::InvalidArgument.into()),
            State::Connecting(_) => return Err(ErrorCode::ConcurrencyConflict.into()),
            State::Connected(_) | State::Failed => return Err(ErrorCode::InvalidState.into()),
        }
        let connected = match self.connect(to) {
            Ok(peer) => Ok(peer),
            Err(error) => Err(error.downcast().map_err(SocketError::trap)?),
        };
        self.socket(&socket)?.state = State::Connecting(connected);
        Ok(())
    }

    fn finish_connect(
        &mut self,
        socket: Resource<TcpSocket>,
    ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        self.bound()?;
        let entry = self.socket(&socket)?;
        let State::Connecting(connected) = entry.state else { return Err(ErrorCode::NotInProgress.into()) };
        entry.state = connected.map_or(State::Failed, State::Connected);
        let peer = connected?;
        // Neither is read from or written to: `io_streams` asks the parent.
        let (input, output): (DynInputStream, DynOutputStream) =
            (Box::new(ClosedInputStream), Box::new(SinkOutputStream));
        let socket = Resource::<Socket>::new_borrow(socket.rep());
        let (input, output) = (self.table.push_child(input, &socket)?, self.table.push_child(output, &socket)?);
        self.places.hold(input.rep(), Held::FromPeer(peer));
        self.places.hold(output.rep(), Held::ToPeer(peer));
        Ok((input, output))
    }

    async fn start_bind(
        &mut self,
        _socket: Resource<TcpSocket>,
        _network: Resource<Network>,
        _address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.bound()?;
        Err(ErrorCode::AccessDenied.into())
    }

    fn finish_bind(&mut self, _socket: Resource<TcpSocket>) -> SocketResult<()> {
        self.bound()?;
        Err(ErrorCode::NotInProgress.into())
    }

    async fn start_listen(&mut self, _socket: Resource<TcpSocket>) -> SocketResult<()> {
        self.bound()?;
        Err(ErrorCode::AccessDenied.into())
    }

    fn finish_listen(&mut self, _socket: Resource<TcpSocket>) -> SocketResult<()> {
        self.bound()?;
        Err(ErrorCode::NotInProgress.into())
    }

    fn accept(
        &mut self,
        _socket: Resource<TcpSocket>,
    ) -> SocketResult<(Resource<TcpSocket>, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        self.bound()?;
        Err(ErrorCode::InvalidState.into())
    }

    fn remote_address(&mut self, socket: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        self.bound()?;
        let peer = self.connected(&socket)?;
        self.peers.address(peer).map(IpSocketAddress::from).ok_or_else(|| ErrorCode::InvalidState.into())
    }

    fn is_listening(&mut self, _socket: Resource<TcpSocket>) -> Result<bool> {
        self.bound()?;
        Ok(false)
    }

    fn address_family(&mut self, socket: Resource<TcpSocket>) -> Result<IpAddressFamily> {
        self.bound()?;
        Ok(self.table.get(&Resource::<Socket>::new_borrow(socket.rep()))?.family)
    }

    // The machine's own address among them: it is not the guest's to know.
    not_supported! {
        fn local_address(&mut self) -> IpSocketAddress;
        fn set_listen_backlog_size(&mut self, _value: u64) -> ();
        fn keep_alive_enabled(&mut self) -> bool;
        fn set_keep_alive_enabled(&mut self, _value: bool) -> ();
        fn keep_alive_idle_time(&mut self) -> u64;
        fn set_keep_alive_idle_time(&mut self, _value: u64) -> ();
        fn keep_alive_interval(&mut self) -> u64;
        fn set_keep_alive_interval(&mut self, _value: u64) -> ();
        fn keep_alive_count(&mut self) -> u32;
        fn set_keep_alive_count(&mut self, _value: u32) -> ();
        fn hop_limit(&mut self) -> u8;
        fn set_hop_limit(&mut self, _value: u8) -> ();
        fn receive_buffer_size(&mut self) -> u64;
        fn set_receive_buffer_size(&mut self, _value: u64) -> ();
        fn send_buffer_size(&mut self) -> u64;
        fn set_send_buffer_size(&mut self, _value: u64) -> ();
    }

    /// For `finish-connect`, which is always ready.
    fn subscribe(&mut self, socket: Resource<TcpSocket>) -> Result<Resource<DynPollable>> {
        self.bound()?;
        self.pollable_of(&Resource::<Socket>::new_borrow(socket.rep()))
    }

    fn shutdown(&mut self, socket: Resource<TcpSocket>, what: ShutdownType) -> SocketResult<()> {
        self.bound()?;
        let peer = self.connected(&socket)?;
        let direction = match what {
            ShutdownType::Receive => Direction::Receive,
            ShutdownType::Send => Direction::Send,
            ShutdownType::Both => Direction::Both,
        };
        self.shut_down(peer, direction)
    }

    fn drop(&mut self, socket: Resource<TcpSocket>) -> Result<()> {
        self.bound()?;
        let socket = self.table.delete(Resource::<Socket>::new_own(socket.rep()))?;
        match socket.state {
            State::Connecting(Ok(peer)) | State::Connected(peer) => self.hang_up(peer),
            State::New | State::Connecting(Err(_)) | State::Failed => Ok(()),
        }
    }
}
