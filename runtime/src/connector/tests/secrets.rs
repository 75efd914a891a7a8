//! A secret goes to its host and to nobody else, the guest included.

use std::io::Write as _;
use std::sync::Arc;

use super::server::Server;
use super::{AllLoopback, connector_of, get, grant, send};
use crate::connector::{Connector, ConnectorFault, Failure, Opened, Request, Told};

const SECRET: &str = "s3cr3t-t0ken";

fn redact(bytes: Vec<u8>) -> Vec<u8> {
    String::from_utf8_lossy(&bytes).replace(SECRET, "*").into_bytes()
}

/// A connector that puts the secret into requests to a server.
fn with_secret(server: &Server) -> Connector {
    let grant = grant(&format!(
        "http = [\"GET http://a.example:{}/*\"]\naddresses = [\"127.0.0.1/32\"]\n\
         secret = {{ header = \"Authorization\", prefix = \"Bearer \", env = \"TOKEN\" }}",
        server.port
    ));
    let opened = Opened { grant, ca: None, secret: Some(SECRET.as_bytes().to_vec()) };
    connector_of(opened, Arc::new(AllLoopback), Box::new(redact))
}

/// A server that says what it was told, everywhere.
fn echo() -> Server {
    Server::start(|stream| {
        let body = format!("you said Bearer {SECRET}");
        let head = format!(
            "HTTP/1.1 302 Found\r\nlocation: /?token={SECRET}\r\nx-{SECRET}: 1\r\nx-plain: 1\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
    })
}

/// Cases 125 and 126.
#[test]
fn case_125_126_a_secret_is_sent_and_does_not_come_back() {
    let server = echo();
    let response = send(&with_secret(&server), get(&format!("http://a.example:{}/", server.port))).unwrap();
    assert_eq!(server.seen()[0].matches(&format!("authorization: Bearer {SECRET}\r\n")).count(), 1);
    assert_eq!(response.body, b"you said Bearer *");
    let headers: Vec<_> = response
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    assert_eq!(
        headers,
        [("location", "/?token=*".to_owned()), ("x-plain", "1".to_owned()), ("content-length", "17".to_owned())]
    );
    assert!(!format!("{:?}", with_secret(&server)).contains(SECRET));
}

/// Case 125: a guest cannot put its own in the secret's place, nor have it sent back in a form that is not known again.
#[test]
fn case_125_a_guest_cannot_reach_around_the_redaction() {
    let server = echo();
    let connector = with_secret(&server);
    let url = format!("http://a.example:{}/", server.port);
    for (name, value) in [("authorization", "x"), ("AUTHORIZATION", "x"), ("Range", "bytes=9-12"), ("if-range", "x")] {
        let request = Request { headers: vec![(name.to_owned(), value.into())], ..get(&url) };
        let failure = send(&connector, request).unwrap_err();
        assert!(matches!(failure, Failure::SecretHeader { .. }) && failure.told() == Told::Denied, "{name}");
    }
    assert!(server.seen().is_empty());
    let request = Request { headers: vec![("Accept-Encoding".to_owned(), b"gzip".to_vec())], ..get(&url) };
    send(&connector, request).unwrap();
    assert_eq!(server.seen()[0].matches("accept-encoding: identity\r\n").count(), 1);
    assert!(!server.seen()[0].contains("gzip"));
    for header in
        ["content-encoding: gzip", "Content-Encoding: x", "transfer-encoding: gzip, chunked", "transfer-encoding: gzip"]
    {
        let server = Server::answering(format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n0\r\n\r\n"));
        let failure = send(&with_secret(&server), get(&format!("http://a.example:{}/", server.port))).unwrap_err();
        assert!(matches!(failure, Failure::Broken(_)), "{header}: {failure}");
    }
}

#[test]
fn a_secret_that_cannot_be_sent_is_found_before_anything_runs() {
    let grant = |header: &str| {
        grant(&format!("http = [\"GET https://a.example/\"]\nsecret = {{ header = \"{header}\", env = \"TOKEN\" }}"))
    };
    let fault = |header: &str, secret: Option<&[u8]>| {
        let opened = Opened { grant: grant(header), ca: None, secret: secret.map(<[u8]>::to_vec) };
        let connector = Connector::new([("web".parse().unwrap(), opened)], Arc::new(AllLoopback), Box::new(redact));
        connector.map(|_| ()).map_err(|error| error.fault)
    };
    assert!(fault("x-key", Some(b"abc")).is_ok());
    assert!(matches!(fault("x-key", None), Err(ConnectorFault::NoSecret)));
    for secret in [&b"abc\n"[..], b"a\r\nhost: b", b"a\0"] {
        assert!(matches!(fault("x-key", Some(secret)), Err(ConnectorFault::Secret)));
    }
    for header in ["host", "Content-Length", "connection"] {
        assert!(matches!(fault(header, Some(b"abc")), Err(ConnectorFault::Secret)));
    }
}
