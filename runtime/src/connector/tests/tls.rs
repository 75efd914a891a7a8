//! Who a server says it is, and who signed that.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, SanType, date_time_ymd};
use rustls::{HandshakeKind, ServerConnection, StreamOwned};

use super::server::Server;
use super::tls_server::{Authority, TlsServer, authority, config, for_name, serve};
use super::{AllLoopback, connector_of, get, grant, send, send_within};
use crate::connector::{Bounds, Connector, ConnectorFault, Failure, Opened, Phase, Response, Told};

fn connector(port: u16, ca: Option<&Authority>) -> Connector {
    let requests = [format!("GET https://a.example:{port}/"), format!("GET https://127.0.0.1:{port}/")];
    let ca_line = if ca.is_some() { "ca = \"ca.pem\"" } else { "" };
    let grant = grant(&format!("http = {requests:?}\naddresses = [\"127.0.0.1/32\"]\n{ca_line}"));
    let ca = ca.map(|authority| authority.pem().into_bytes());
    connector_of(Opened { grant, ca, secret: None }, Arc::new(AllLoopback), Box::new(|bytes| bytes))
}

fn ask(server: &TlsServer, ca: Option<&Authority>, host: &str) -> Result<Response, Failure> {
    send(&connector(server.port, ca), get(&format!("https://{host}:{}/", server.port)))
}

#[test]
fn a_server_with_the_name_signed_by_the_authority_of_the_grant_is_spoken_to() {
    let authority = authority();
    let server = serve(for_name("a.example"), Some(&authority));
    let connector = connector(server.port, Some(&authority));
    for _ in 0..2 {
        assert_eq!(send(&connector, get(&format!("https://A.EXAMPLE.:{}/", server.port))).unwrap().body, b"hello");
    }
    // Case 127: the second one is a stranger to the server, as the first was.
    let client = (Some("a.example".to_owned()), Some(HandshakeKind::Full));
    assert_eq!(*server.clients.lock().unwrap(), [client.clone(), client]);
}

#[test]
fn a_server_can_be_named_by_its_address() {
    let authority = authority();
    let mut params = for_name("a.example");
    params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    let server = serve(params, Some(&authority));
    assert_eq!(ask(&server, Some(&authority), "127.0.0.1").unwrap().body, b"hello");
    assert!(matches!(ask(&server, Some(&authority), "a.example"), Err(Failure::Tls(_))));
}

/// Case 121: everybody else.
#[test]
fn case_121_a_server_that_cannot_prove_its_name_is_not_spoken_to() {
    let (ours, theirs) = (authority(), authority());
    let mut expired = for_name("a.example");
    (expired.not_before, expired.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let mut early = for_name("a.example");
    (early.not_before, early.not_after) = (date_time_ymd(2990, 1, 1), date_time_ymd(2999, 1, 1));
    for (what, params, by, ca) in [
        ("expired", expired, Some(&ours), Some(&ours)),
        ("not yet", early, Some(&ours), Some(&ours)),
        ("self-signed", for_name("a.example"), None, Some(&ours)),
        ("self-signed, platform", for_name("a.example"), None, None),
        ("another authority", for_name("a.example"), Some(&theirs), Some(&ours)),
        ("unknown to the platform", for_name("a.example"), Some(&theirs), None),
        ("another name", for_name("b.example"), Some(&ours), Some(&ours)),
        ("a name below", for_name("*.a.example"), Some(&ours), Some(&ours)),
        ("a name above", for_name("example"), Some(&ours), Some(&ours)),
        ("no name", CertificateParams::new(Vec::new()).unwrap(), Some(&ours), Some(&ours)),
    ] {
        let server = serve(params, by);
        let failure = ask(&server, ca, "a.example").unwrap_err();
        assert!(matches!(failure, Failure::Tls(_)) && failure.told() == Told::Unreachable, "{what}: {failure}");
        // Nothing of the request was sent.
        assert!(server.clients.lock().unwrap().is_empty(), "{what}");
    }
}

/// Case 121: no older TLS, and no plain text where TLS was meant.
#[test]
fn case_121_there_is_no_way_down() {
    let hello = [&[0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1][..], &[0; 32], &[0, 0, 0x2f, 0]].concat();
    for bytes in [hello, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec(), Vec::new()] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&bytes);
        });
        let failure = send(&connector(port, None), get(&format!("https://a.example:{port}/"))).unwrap_err();
        assert!(matches!(failure, Failure::Tls(_)), "{failure}");
    }
}

/// Case 66: a handshake that never ends, in silence and a byte at a time.
#[test]
fn case_066_a_handshake_that_never_ends_is_left() {
    let silent = Server::start(|stream| drop(stream.read(&mut [0])));
    let dribbling = TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = [silent.port, dribbling.local_addr().unwrap().port()];
    std::thread::spawn(move || {
        let (mut stream, _) = dribbling.accept().unwrap();
        let mut sent = stream.write_all(&[0x16, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xfb]);
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(20));
            sent = stream.write_all(&[0]);
        }
    });
    for port in ports {
        let bounds = Bounds { connect: Some(Duration::from_millis(200)), ..super::bounds() };
        let failure =
            send_within(&connector(port, None), get(&format!("https://a.example:{port}/")), &bounds).unwrap_err();
        assert!(matches!(failure, Failure::Late(Phase::Handshake)), "{failure}");
    }
}

/// A response that was cut off is none, though its end looks like one.
#[test]
fn a_tls_connection_that_is_cut_off_is_no_end_of_a_body() {
    let authority = authority();
    let config = config(for_name("a.example"), Some(&authority));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhel");
        let _ = stream.flush();
    });
    let failure = send(&connector(port, Some(&authority)), get(&format!("https://a.example:{port}/"))).unwrap_err();
    assert!(matches!(failure, Failure::Broken(_)), "{failure}");
}

#[test]
fn an_authority_that_is_none_is_found_before_anything_runs() {
    let grant = || grant("http = [\"GET https://a.example/\"]\nca = \"ca.pem\"");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for ca in [None, Some(&b""[..]), Some(b"hello"), Some(garbage.as_bytes())] {
        let opened = Opened { grant: grant(), ca: ca.map(<[u8]>::to_vec), secret: None };
        let connector =
            Connector::new([("web".parse().unwrap(), opened)], Arc::new(AllLoopback), Box::new(|bytes| bytes));
        assert!(matches!(connector.unwrap_err().fault, ConnectorFault::Ca(_)), "{ca:?}");
    }
}
