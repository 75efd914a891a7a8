//! The standard library's `TcpStream`, unchanged, to the two addresses that are granted, which are in `/in/peers`: at the
//! first is a server, at the second nobody. The first line of a connection says what the server is to do.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

fn main() {
    let peers = std::fs::read_to_string("/in/peers").unwrap();
    let peers: Vec<SocketAddr> = peers.lines().map(|line| line.parse().unwrap()).collect();
    let connect = |first_line: &str| {
        let mut stream = TcpStream::connect(peers[0]).unwrap();
        stream.write_all(first_line.as_bytes()).unwrap();
        stream
    };

    // A conversation.
    let mut stream = connect("echo\n");
    stream.set_nodelay(true).unwrap();
    for said in ["hello", "", "you"] {
        stream.write_all(said.as_bytes()).unwrap();
        let mut heard = vec![0; said.len()];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard, said.as_bytes());
    }
    assert_eq!(stream.peer_addr().unwrap(), peers[0]);
    assert_eq!(stream.local_addr().unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(stream.try_clone().is_err());

    // Waiting has an end where one is asked for, and the clock moves by it.
    let began = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let late = stream.read(&mut [0; 8]).unwrap_err();
    assert!(matches!(late.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{late}");
    assert!(began.elapsed() >= Duration::from_millis(50), "{:?}", began.elapsed());
    // What does not wait says so.
    stream.set_nonblocking(true).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(stream);

    // Much, in both directions, with an end.
    let mut stream = connect("all\n");
    let much: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    stream.write_all(&much).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert!(heard == much, "{} of {} bytes", heard.len(), much.len());

    // A peer that goes away.
    let mut stream = connect("close\n");
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);

    // Several at once.
    let mut streams: Vec<TcpStream> = (0..8).map(|_| connect("echo\n")).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&[n as u8]).unwrap();
    }
    for (n, stream) in streams.iter_mut().enumerate().rev() {
        let mut heard = [0];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard[0], n as u8);
    }

    // What is not granted, and what is granted and not there.
    let mut elsewhere = peers[0];
    elsewhere.set_port(1);
    assert_eq!(TcpStream::connect(elsewhere).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(TcpStream::connect("10.0.0.1:80").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(TcpStream::connect(peers[1]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    // Nothing listens, no name is resolved, and there is no UDP.
    assert_eq!(TcpListener::bind("127.0.0.1:0").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!("localhost:80".to_socket_addrs().is_err());
    assert_eq!(UdpSocket::bind("127.0.0.1:0").unwrap_err().kind(), ErrorKind::Unsupported);
}
