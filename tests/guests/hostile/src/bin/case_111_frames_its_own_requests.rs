//! Tries to say by headers where its request ends, and to whom it is. It posts to the host in `/in/attack`.

use claw_hostile_guests::http::{Came, Request, send};

const HEADERS: &[(&str, &str)] = &[
    ("host", "b.example"),
    ("Content-Length", "0"),
    ("content-length", "+5"),
    ("content-length", "5, 5"),
    ("content-length", "50"),
    ("transfer-encoding", "chunked"),
    ("Transfer-Encoding", "identity, chunked"),
    ("connection", "keep-alive"),
    ("keep-alive", "timeout=5"),
    ("upgrade", "h2c"),
    ("upgrade", "websocket"),
    ("http2-settings", "AAMAAABk"),
    ("te", "trailers"),
    ("trailer", "x"),
    ("expect", "100-continue"),
    ("proxy-authorization", "Basic eA=="),
    ("proxy-connection", "keep-alive"),
    ("x\r\nhost", "b.example"),
    ("x: y\r\nz", "1"),
    ("x ", "1"),
    ("x\0", "1"),
    ("", "1"),
    (":authority", "b.example"),
    ("transfer-encoding\u{b}", "chunked"),
    ("x", "1\r\nhost: b.example"),
    ("x", "1\nhost: b.example"),
    ("x", "1\r\n\r\nGET / HTTP/1.1\r\nhost: b.example\r\n"),
    ("x", "1\0"),
    ("x", "1\r\n y"),
];

fn main() {
    let authority = std::fs::read_to_string("/in/attack").expect("it is there");
    let honest =
        Request { method: "POST", scheme: "http", authority: &authority, path: "/", headers: &[], body: b"hello" };
    for header in HEADERS {
        let came = send(Request { headers: &[*header], ..honest }, None);
        assert!(!matches!(came, Came::Response(..)), "{header:?} was sent");
    }
    // Two lengths, of which one is right.
    let came = send(Request { headers: &[("content-length", "5"), ("content-length", "6")], ..honest }, None);
    assert!(!matches!(came, Came::Response(..)), "two lengths were sent");
    for (path, body) in [("/first", &b"GET /hidden HTTP/1.1\r\nhost: b.example\r\n\r\n"[..]), ("/second", b"")] {
        let came = send(Request { path, body, headers: &[("x-a", "1")], ..honest }, None);
        assert!(matches!(came, Came::Response(200, _)), "{path}: {came:?}");
    }
}
