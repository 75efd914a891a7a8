//! Sockets cannot be made and names not looked up, in a capability with `inert = ["wasi:sockets"]`; without it, a
//! program that imports them does not load.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

fn main() {
    assert_eq!(TcpStream::connect("127.0.0.1:80").unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(TcpListener::bind("127.0.0.1:0").unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(UdpSocket::bind("[::1]:0").unwrap_err().kind(), ErrorKind::Unsupported);
    assert!("localhost:80".to_socket_addrs().is_err());
}
