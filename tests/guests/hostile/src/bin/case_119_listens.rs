//! Listens wherever one could, with a socket that may connect.

use std::net::{TcpListener, UdpSocket};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

fn main() {
    for own in ["0.0.0.0:0", "[::]:0", "127.0.0.1:0", "127.0.0.1:22", "127.0.0.1:8080"] {
        assert!(TcpListener::bind(own).is_err(), "{own} is listened on");
        assert!(UdpSocket::bind(own).is_err(), "{own} was bound for UDP");
    }
    // Also without binding, after a bind that was refused, and before connecting.
    let (socket, network) = (create_tcp_socket(IpAddressFamily::Ipv4).expect("sockets can be made"), instance_network());
    assert!(socket.start_listen().is_err() && socket.finish_listen().is_err() && socket.accept().is_err());
    let own = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 0, address: (127, 0, 0, 1) });
    assert!(socket.start_bind(&network, own).is_err() && socket.finish_bind().is_err());
    assert!(socket.start_listen().is_err() && socket.finish_listen().is_err() && socket.accept().is_err());
    assert!(!socket.is_listening() && socket.local_address().is_err());
}
