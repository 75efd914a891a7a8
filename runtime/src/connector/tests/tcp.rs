//! TCP connections: by address and port, as granted.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::server::{Server, Sinkhole};
use super::{AllLoopback, connector, runtime, web};
use crate::connector::{Connector, Failure, Told};

fn connect(connector: &Connector, to: &str) -> Result<(claw_policy::Name, OwnedFd), Failure> {
    runtime().block_on(connector.connect(&web(), to.parse::<SocketAddr>().unwrap(), Duration::from_secs(10)))
}

#[test]
fn a_connection_goes_to_the_address_that_is_granted() {
    let server = Server::hello();
    let connector = connector(&format!("tcp = [\"127.0.0.1:{}\"]", server.port), Arc::new(AllLoopback));
    let address: SocketAddr = format!("127.0.0.1:{}", server.port).parse().unwrap();
    let said = runtime().block_on(async {
        let (_, socket) = connector.connect(&web(), address, Duration::from_secs(10)).await.unwrap();
        let mut stream = tokio::net::TcpStream::from_std(std::net::TcpStream::from(socket)).unwrap();
        stream.write_all(b"hello\r\n\r\n").await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said
    });
    assert!(said.ends_with("hello"));
}

/// Cases 116, 119 and 120: other ports, other addresses, and what means this machine.
#[test]
fn case_116_120_no_other_address_or_port_is_connected_to() {
    let (sinkhole, other) = (Sinkhole::open("127.0.0.1:0"), Sinkhole::open("127.0.0.2:0"));
    let connector = connector(
        &format!(
            "tcp = [\"127.0.0.1:1\"]\nhttp = [\"GET http://127.0.0.1:{}/\"]\naddresses = [\"127.0.0.0/8\"]",
            sinkhole.port()
        ),
        Arc::new(AllLoopback),
    );
    // A grant of a request is none of a connection.
    for to in [
        format!("127.0.0.1:{}", sinkhole.port()),
        format!("[::ffff:127.0.0.1]:{}", sinkhole.port()),
        format!("0.0.0.0:{}", sinkhole.port()),
        format!("[::]:{}", sinkhole.port()),
        format!("127.0.0.2:{}", other.port()),
        "127.0.0.1:0".to_owned(),
        "[::1]:1".to_owned(),
        "0.0.0.0:1".to_owned(),
    ] {
        let failure = connect(&connector, &to).unwrap_err();
        assert_eq!(failure.told(), Told::Denied, "{to}: {failure}");
    }
    sinkhole.assert_untouched();
    other.assert_untouched();
    // Granted, and nobody there.
    assert_eq!(connect(&connector, "127.0.0.1:1").unwrap_err().told(), Told::Unreachable);
}
