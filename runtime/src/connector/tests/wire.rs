//! What goes on the wire is what was matched, byte for byte, and nothing that a guest says frames it.

use std::sync::Arc;

use claw_policy::Destination;
use proptest::prelude::*;

use super::server::{Server, Sinkhole};
use super::{AllLoopback, connector, get, send, send_within, to};
use crate::connector::{Bounds, Failure, Request, Told};

fn header(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

#[test]
fn a_request_is_these_bytes() {
    let server = Server::hello();
    let url = format!("http://A.example.:{}/a%20b/?q=1&q=%C3%A9", server.port);
    let headers = vec![header("Accept", "text/*"), header("X-A", "1"), header("x-a", "2")];
    send(&to(&server), Request { headers: headers.clone(), ..get(&url) }).unwrap();
    let request = Request { method: "POST".to_owned(), headers, body: b"a\r\n\r\nb".to_vec(), ..get(&url) };
    send(&to(&server), request).unwrap();
    let head = format!("/a%20b/?q=1&q=%C3%A9 HTTP/1.1\r\nhost: a.example:{}\r\n", server.port);
    let seen = server.seen();
    assert_eq!(seen[0], format!("GET {head}accept: text/*\r\nx-a: 1\r\nx-a: 2\r\nconnection: close\r\n\r\n"));
    assert_eq!(
        seen[1],
        format!(
            "POST {head}accept: text/*\r\nx-a: 1\r\nx-a: 2\r\nconnection: close\r\ncontent-length: 6\r\n\r\na\r\n\r\nb"
        )
    );
}

/// Cases 111 and 123: headers with which one request could become two, or one for another host.
#[test]
fn case_111_123_a_guest_does_not_frame_its_requests() {
    let server = Server::hello();
    let url = format!("http://a.example:{}/", server.port);
    for (name, value) in [
        ("host", "b.example"),
        ("Host", "a.example"),
        ("Content-Length", "0"),
        ("content-length", "+5"),
        ("content-length", "5, 5"),
        ("content-length", "05"),
        ("transfer-encoding", "chunked"),
        ("Transfer-Encoding", "x"),
        ("connection", "keep-alive"),
        ("connection", "close, x-a"),
        ("keep-alive", "timeout=5"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABk"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("expect", "100-continue"),
        ("proxy-authorization", "Basic eA=="),
        ("proxy-connection", "keep-alive"),
        ("proxy-authenticate", "Basic"),
        ("x\r\nhost", "b.example"),
        ("x: y\r\nz", "1"),
        ("x ", "1"),
        (" x", "1"),
        ("x:", "1"),
        ("x\0", "1"),
        ("", "1"),
        ("ä", "1"),
        (":authority", "b.example"),
        (":path", "/x"),
        ("transfer-encoding\u{b}", "chunked"),
        ("x", "1\r\nhost: b.example"),
        ("x", "1\nhost: b.example"),
        ("x", "1\rhost: b.example"),
        ("x", "1\0"),
        ("x", "1\r\n y"),
        ("x", "\x7f"),
    ] {
        let request = Request {
            method: "POST".to_owned(),
            headers: vec![header(name, value)],
            body: b"hello".to_vec(),
            ..get(&url)
        };
        let failure = send(&to(&server), request).unwrap_err();
        assert_eq!(failure.told(), Told::Malformed, "{name:?}: {value:?}: {failure}");
    }
    assert!(server.seen().is_empty());
    // The length that the body has is nobody's harm.
    let request = Request {
        method: "POST".to_owned(),
        headers: vec![header("content-length", "5")],
        body: b"hello".to_vec(),
        ..get(&url)
    };
    send(&to(&server), request).unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].matches("content-length: 5\r\n").count(), 1);
}

/// Case 112: bodies are as long as their requests say, also where there is none.
#[test]
fn case_112_a_body_is_as_long_as_its_request_says() {
    let server = Server::hello();
    let url = format!("http://a.example:{}/", server.port);
    for (method, body) in [("POST", &b""[..]), ("PUT", b"x"), ("GET", b"x"), ("GET", b"")] {
        send(&to(&server), Request { method: method.to_owned(), body: body.to_vec(), ..get(&url) }).unwrap();
    }
    for (seen, length) in server.seen().iter().zip([
        "content-length: 0\r\n",
        "content-length: 1\r\n",
        "content-length: 1\r\n",
        "\r\n\r\n",
    ]) {
        assert!(seen.contains(length), "{seen}");
        assert!(!seen.contains("transfer-encoding"), "{seen}");
    }
}

/// Cases 52 and 53: what a guest sends has a size.
#[test]
fn case_052_053_requests_have_limits() {
    let server = Server::hello();
    let url = format!("http://a.example:{}/", server.port);
    let many = (0..101).map(|n| header(&format!("x-{n}"), "1")).collect();
    let large = vec![header("x", &"a".repeat(64 * 1024))];
    for headers in [many, large, (0..40_000).map(|_| header("x", "1")).collect()] {
        let failure = send(&to(&server), Request { headers, ..get(&url) }).unwrap_err();
        assert_eq!(failure.told(), Told::Malformed, "{failure}");
    }
    let request = Request { method: "POST".to_owned(), body: vec![0; 1001], ..get(&url) };
    let bounds = Bounds { request_bytes: 1000, ..super::bounds() };
    assert!(matches!(send_within(&to(&server), request, &bounds), Err(Failure::Request(_))));
    assert!(server.seen().is_empty());
}

#[test]
fn a_response_has_no_headers_of_its_connection_and_the_length_that_it_has() {
    let server = Server::answering(
        *b"HTTP/1.1 200 Fine\r\nConnection: x-a\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\nX-A: 1\r\nx-a: \xe4\r\n\
           Set-Cookie: a=b\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nx-t: 1\r\n\r\n",
    );
    let response = send(&to(&server), get(&format!("http://a.example:{}/", server.port))).unwrap();
    assert_eq!(response.headers, [header("x-a", "1"), ("x-a".to_owned(), vec![0xe4]), header("set-cookie", "a=b")]);
    assert_eq!((response.status, response.body), (200, b"hello".to_vec()));
    // Case 125: what a server wants to have remembered is not.
    send(&to(&server), get(&format!("http://a.example:{}/", server.port))).unwrap();
    assert_eq!(server.seen()[0], server.seen()[1]);
}

/// What the first bytes of a request say, read by nothing of claw's: the host and port of `Host`, and the path, decoded.
fn read_from_the_wire(seen: &str) -> (String, String, Vec<Vec<u8>>) {
    let (line, rest) = seen.split_once("\r\n").unwrap();
    let target = line.strip_prefix("GET ").and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap();
    let authority = rest.strip_prefix("host: ").unwrap().split("\r\n").next().unwrap();
    let (host, port) = authority.rsplit_once(':').unwrap();
    let path = target.split('?').next().unwrap();
    let names = path.strip_prefix('/').unwrap().split('/');
    let decoded = names.map(|name| percent_encoding::percent_decode_str(name).collect()).collect();
    (host.to_owned(), port.to_owned(), decoded)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The URL that a grant matched and the bytes on the wire name the same host, port and path, and those are the grant's;
    /// what did not match leaves no bytes, at no address of this machine that the URL could be taken to mean.
    #[test]
    fn what_was_matched_is_what_is_sent(
        scheme in "http|HTTP",
        before in r"|a\.example@|:@",
        host in r"a\.example|A\.EXAMPLE\.|b\.example|127\.0\.0\.1|0x7f\.1|2130706433|\[::ffff:7f00:1\]|127\.0\.0\.2|a%2eexample|a\.example%00",
        first in r"/api|/api|/api|/%61pi|/apix|/API|/api/%2e%2e|/api/\.\.|/|//api",
        path in r"(/(api|a b|%61|%2e|\.\.|%2f|;x|%25|caf%c3%a9|\[|\{|'|\^|@|:|){1,2}){0,3}",
        query in r"(\?[a-z&=;%0-9\[{'|]{0,8})?",
    ) {
        let server = Server::hello();
        let port = server.port;
        let sinkhole = Sinkhole::open(&format!("127.0.0.2:{port}"));
        let requests = [format!("GET http://a.example:{port}/api/*"), format!("GET http://127.0.0.1:{port}/api/*")];
        let connector = connector(&format!("http = {requests:?}\naddresses = [\"127.0.0.0/8\"]"), Arc::new(AllLoopback));
        let url = format!("{scheme}://{before}{host}:{port}{first}{path}{query}");
        match send(&connector, get(&url)) {
            Ok(response) => {
                let seen = server.seen();
                prop_assert_eq!((seen.len(), seen[0].matches("\r\n\r\n").count()), (1, 1));
                let (host, sent_port, names) = read_from_the_wire(&seen[0]);
                // What the grants say.
                prop_assert!(matches!(host.as_str(), "a.example" | "127.0.0.1"), "{}", host);
                prop_assert_eq!((sent_port, response.address.port()), (port.to_string(), port));
                prop_assert!(names.len() > 1 && names[0] == b"api", "{:?}", names);
                prop_assert!(names.iter().all(|name| name != b"." && name != b".." && !name.contains(&b'/')), "{:?}", names);
                // What the URL was read as.
                let matched = Destination::parse(&url).unwrap();
                prop_assert_eq!((host, port), (matched.host().to_string(), matched.port()));
                let target = seen[0].split(' ').nth(1).unwrap();
                prop_assert_eq!(target, matched.path_and_query());
            }
            Err(_) => prop_assert!(server.seen().is_empty()),
        }
        sinkhole.assert_untouched();
    }
}
