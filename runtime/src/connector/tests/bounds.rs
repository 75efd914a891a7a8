//! Servers that never end, and clients that stop: all of it has a bound that no guest sets.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::server::Server;
use super::{connector, get, runtime, send, send_within, to};
use crate::connector::{Bounds, Failure, Part, Phase, Resolve};

const SHORT: Duration = Duration::from_millis(200);

fn url(server: &Server) -> String {
    format!("http://a.example:{}/", server.port)
}

/// Writes for as long as somebody reads.
fn for_ever(stream: &mut TcpStream, before: &str, part: &[u8]) {
    let mut sent = stream.write_all(before.as_bytes());
    while sent.is_ok() {
        sent = stream.write_all(part);
    }
}

/// Writes a byte at a time, and waits.
fn dribble(stream: &mut TcpStream, before: &str, byte: u8) {
    let mut sent = stream.write_all(before.as_bytes());
    while sent.is_ok() {
        std::thread::sleep(Duration::from_millis(20));
        sent = stream.write_all(&[byte]);
    }
}

/// Case 54: bodies without end, in each way that a body can have none.
#[test]
fn case_054_a_body_without_end_is_cut_off() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless: [(&str, Vec<u8>); 5] = [
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 4096]),
        (CHUNKED, b"1\r\nx\r\n".repeat(512)),
        (CHUNKED, [b"1000\r\n".to_vec(), vec![b'x'; 4096], b"\r\n".to_vec()].concat()),
        // Nothing but sizes that say more than they are.
        (CHUNKED, b"1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\nx\r\n".repeat(64)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x-t: yyyyyyyyyyyy\r\n".repeat(64)),
    ];
    for (before, part) in endless {
        let server = Server::start(move |stream| for_ever(stream, before, &part));
        let bounds = Bounds { response_bytes: 64 * 1024, ..super::bounds() };
        let failure = send_within(&to(&server), get(&url(&server)), &bounds).unwrap_err();
        assert!(matches!(failure, Failure::Large(Part::Body) | Failure::Broken(_)), "{before}: {failure}");
    }
    // One that only says so is not waited for.
    let server =
        Server::start(|stream| dribble(stream, "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", b'x'));
    assert!(matches!(send(&to(&server), get(&url(&server))), Err(Failure::Large(Part::Body))));
}

#[test]
fn a_body_may_be_as_large_as_its_limit() {
    for (before, part, times) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 65536\r\n\r\n", &b"x"[..], 65536),
        ("HTTP/1.1 200 OK\r\n\r\n", b"x", 65536),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 65536),
    ] {
        let end = if before.contains("chunked") { "0\r\n\r\n" } else { "" };
        let server = Server::answering([before.as_bytes(), &part.repeat(times), end.as_bytes()].concat());
        for (most, fits) in [(65536, true), (65535, false)] {
            let bounds = Bounds { response_bytes: most, ..super::bounds() };
            let result = send_within(&to(&server), get(&url(&server)), &bounds);
            assert_eq!(result.is_ok_and(|response| response.body.len() == 65536), fits, "{before}{most}");
        }
    }
}

/// Case 55: what is compressed stays compressed.
#[test]
fn case_055_nothing_is_decompressed() {
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 0xed, 0xc1, 1, 0, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8, 10];
    for encoding in ["gzip", "br", "deflate, gzip", "zstd"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n", bomb.len());
        let server = Server::answering([head.as_bytes(), &bomb].concat());
        let response = send(&to(&server), get(&url(&server))).unwrap();
        assert_eq!(response.body, bomb);
        assert!(response.headers.contains(&("content-encoding".to_owned(), encoding.as_bytes().to_vec())));
    }
}

/// By its bytes, or by the number of its headers.
#[track_caller]
fn assert_head_too_large(server: &Server) {
    let failure = send(&to(server), get(&url(server))).unwrap_err();
    let is_large = matches!(failure, Failure::Large(Part::Head));
    assert!(is_large || failure.to_string().ends_with("message head is too large"), "{failure}");
}

/// Case 124: heads that are too large, or never come.
#[test]
fn case_124_a_head_has_a_size() {
    let heads: [(&str, Vec<u8>); 4] = [
        ("HTTP/1.1 200 ", vec![b'x'; 4096]),
        ("HTTP/1.1 200 OK\r\n", b"x-a: 1\r\n".repeat(512)),
        ("HTTP/1.1 200 OK\r\nx-a: ", vec![b'x'; 4096]),
        ("", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(64)),
    ];
    for (before, part) in heads {
        let server = Server::start(move |stream| for_ever(stream, before, &part));
        assert_head_too_large(&server);
    }
    for headers in [100_000, 300] {
        let headers: String = (0..headers).map(|n| format!("x-{n}: 1\r\n")).collect();
        assert_head_too_large(&Server::answering(format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n")));
    }
    let few: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let server = Server::answering(format!("HTTP/1.1 200 OK\r\n{few}content-length: 0\r\n\r\n"));
    assert_eq!(send(&to(&server), get(&url(&server))).unwrap().headers.len(), 201);
}

#[test]
fn what_is_no_response_is_an_error() {
    for bytes in [
        "",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "hello",
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: 1\r\n y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ] {
        let server = Server::answering(bytes);
        let failure = send(&to(&server), get(&url(&server))).unwrap_err();
        assert!(matches!(failure, Failure::Broken(_)), "{bytes:?}: {failure}");
    }
}

/// Case 66: servers that answer slowly. Whatever the guest asks for, the whole has an end.
#[test]
fn case_066_a_slow_server_is_left() {
    let silent = Server::start(|stream| drop(stream.read(&mut [0])));
    let slow_head = Server::start(|stream| dribble(stream, "HTTP/1.1 200 OK\r\nx: ", b'x'));
    let slow_body = Server::start(|stream| dribble(stream, "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b'x'));
    for (server, phase) in [(&silent, Phase::Head), (&slow_head, Phase::Head), (&slow_body, Phase::Body)] {
        // Case 67: also one that asks for more time than there is.
        let asked = Some(Duration::MAX);
        let bounds = Bounds { time: SHORT, connect: asked, first_byte: asked, between_bytes: asked, ..super::bounds() };
        let failure = send_within(&to(server), get(&url(server)), &bounds).unwrap_err();
        assert!(matches!(failure, Failure::Late(late) if late == phase), "{failure}");
    }
}

/// Case 67: a guest can ask for less, down to nothing.
#[test]
fn case_067_what_a_guest_asks_for_can_only_shorten() {
    let server = Server::start(|stream| drop(stream.read(&mut [0])));
    for asked in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
        let bounds = Bounds { first_byte: Some(asked), ..super::bounds() };
        let failure = send_within(&to(&server), get(&url(&server)), &bounds).unwrap_err();
        assert!(matches!(failure, Failure::Late(Phase::Head)), "{failure}");
    }
    let slow = Server::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
        let _ = stream.read(&mut [0]);
    });
    let bounds = Bounds { between_bytes: Some(SHORT), ..super::bounds() };
    let failure = send_within(&to(&slow), get(&url(&slow)), &bounds).unwrap_err();
    assert!(matches!(failure, Failure::Late(Phase::Body)), "{failure}");
}

/// Case 68: a server that does not read what it is sent.
#[test]
fn case_068_a_server_that_does_not_read_is_left() {
    // Its backlog takes the connection, and nobody ever reads from it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connector = connector(
        &format!("http = [\"POST http://127.0.0.1:{port}/\"]\naddresses = [\"127.0.0.1/32\"]"),
        Arc::new(super::AllLoopback),
    );
    let request = super::Request {
        method: "POST".to_owned(),
        body: vec![b'x'; 64 << 20],
        ..get(&format!("http://127.0.0.1:{port}/"))
    };
    let bounds = Bounds { time: SHORT, request_bytes: 64 << 20, ..super::bounds() };
    let failure = send_within(&connector, request, &bounds).unwrap_err();
    assert!(matches!(failure, Failure::Late(Phase::Head)), "{failure}");
}

/// A resolver that answers nobody until it may.
#[derive(Default)]
struct BlackHole {
    asked: AtomicUsize,
    may_answer: Mutex<bool>,
    told: Condvar,
}

impl Resolve for BlackHole {
    fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        drop(self.told.wait_while(self.may_answer.lock().unwrap(), |may| !*may).unwrap());
        Ok(super::LOOPBACK.to_vec())
    }
}

/// Case 65: lookups that never end do not use up the machine's threads, and nobody else waits for them.
#[test]
fn case_065_lookups_that_hang_are_few() {
    let (server, resolver) = (Server::hello(), Arc::new(BlackHole::default()));
    let port = server.port;
    let requests = [format!("GET http://a.example:{port}/"), format!("GET http://127.0.0.1:{port}/")];
    let connector = connector(&format!("http = {requests:?}\naddresses = [\"127.0.0.1/32\"]"), resolver.clone());
    let bounds = Bounds { time: Duration::from_millis(5), ..super::bounds() };
    for _ in 0..50 {
        let failure = send_within(&connector, get(&url(&server)), &bounds).unwrap_err();
        assert!(matches!(failure, Failure::Late(Phase::Lookup)), "{failure}");
    }
    assert!(resolver.asked.load(Ordering::SeqCst) <= 4);
    // The canary, and names again once the resolver is well.
    send(&connector, get(&format!("http://127.0.0.1:{port}/"))).unwrap();
    *resolver.may_answer.lock().unwrap() = true;
    resolver.told.notify_all();
    send(&connector, get(&url(&server))).unwrap();
}

/// Case 69: whoever asked may stop at any point.
#[test]
fn case_069_a_request_can_be_dropped_at_any_point() {
    let server = Server::hello();
    let (connector, runtime, web, bounds) = (to(&server), runtime(), super::web(), super::bounds());
    let mut polls_max = 0;
    loop {
        let response = runtime.block_on(async {
            let mut sent = pin!(connector.send(&web, get(&url(&server)), &bounds));
            let mut polls = 0;
            std::future::poll_fn(|cx| match sent.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if polls == polls_max => Poll::Ready(None),
                Poll::Pending => {
                    polls += 1;
                    Poll::Pending
                }
            })
            .await
        });
        if let Some(response) = response {
            assert_eq!(response.unwrap().body, b"hello");
            break;
        }
        polls_max += 1;
    }
    assert!(polls_max > 0);
}
