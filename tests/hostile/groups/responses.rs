//! Groups D and G: what hosts that are granted answer, to harm who asked.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::server::Server;

cases! {
    case_054_bodies_that_do_not_end
    case_055_what_is_compressed_stays_so
    case_107_redirects
    case_124_heads_that_do_not_end
}

const FAILED: Ending = Ending::Failed("capability");

/// What a run takes that asks for nothing in particular, and some more.
const PARENT_BYTES: u64 = 96 << 20;

/// Has the built-in ask a server for `path`.
fn ask<'a>(arena: &'a mut Arena, server: &Server, path: &str) -> &'a mut Arena {
    let grant = format!("http = [\"GET http://127.0.0.1:{}/*\"]\naddresses = [\"127.0.0.1/32\"]", server.port);
    arena.fetch(&grant, &json!({ "url": format!("http://127.0.0.1:{}{path}", server.port) }))
}

/// Writes for as long as somebody reads.
fn for_ever(stream: &mut TcpStream, before: &str, part: &[u8]) {
    let mut sent = stream.write_all(before.as_bytes());
    while sent.is_ok() {
        sent = stream.write_all(part);
    }
}

/// In each way that a body has no end, and one that only says so.
fn case_054_bodies_that_do_not_end(arena: &mut Arena) -> Contained {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut last = None;
    for (before, part) in [
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 65536]),
        ("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n", vec![b'x'; 65536]),
        (CHUNKED, b"1\r\nx\r\n".repeat(1024)),
        (CHUNKED, [b"10000\r\n".to_vec(), vec![b'x'; 65536], b"\r\n".to_vec()].concat()),
        (CHUNKED, b"1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\nx\r\n".repeat(256)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x-t: yyyyyyyyyyyy\r\n".repeat(256)),
    ] {
        let server = Server::start(move |stream| for_ever(stream, before, &part));
        let contained = ask(arena, &server, "/").attack(FAILED);
        assert!(contained.peak.parent_bytes < PARENT_BYTES, "{before}: {:?}", contained.peak);
        last = Some(contained);
    }
    last.expect("they were asked")
}

/// A body of `gzip` that is made of one zero, repeated: a byte of it is a hundred and fifty-eight of what is in it.
fn bomb(repeats: usize) -> Vec<u8> {
    // RFC 1951, with its fixed codes: the last block, a zero, then 258 bytes from one byte back, and the block's end.
    let mut bits = vec![true, true, false];
    let code = |bits: &mut Vec<bool>, code: &str| bits.extend(code.chars().map(|bit| bit == '1'));
    code(&mut bits, "00110000");
    (0..repeats).for_each(|_| code(&mut bits, "1100010100000"));
    code(&mut bits, "0000000");
    let bytes = bits.chunks(8).map(|bits| bits.iter().rev().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit)));
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].into_iter().chain(bytes).collect()
}

fn case_055_what_is_compressed_stays_so(arena: &mut Arena) -> Contained {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    // Some 160 KB, of which unpacking would make 26 MB.
    let bomb = bomb(100_000);
    let mut last = None;
    for encoding in ["gzip", "gzip, gzip", "br", "zstd"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n", bomb.len());
        let server = Server::answering([head.as_bytes(), &bomb].concat());
        ask(arena, &server, "/").instead("grants = [\"web\"]", "grants = [\"web\"]\nfunction = \"fetch-bytes\"");
        let contained = arena.attack(Ending::Completed);
        assert_eq!(contained.output(0), &Value::from(BASE64_STANDARD.encode(&bomb)));
        assert!(contained.peak.parent_bytes < PARENT_BYTES, "{:?}", contained.peak);
        last = Some(contained);
    }
    last.expect("they were asked")
}

/// To inside, to others, to other schemes, and round and round. Whoever is pointed to hears nothing.
fn case_107_redirects(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    let mut last = None;
    for (status, location, asked) in [
        (302, format!("http://127.0.0.1:{port}/"), 1),
        (307, format!("http://[::1]:{port}/"), 1),
        (301, format!("//127.0.0.2:{port}/"), 1),
        (308, format!("http://localhost:{port}/"), 1),
        (303, "http://169.254.169.254/latest/meta-data/".to_owned(), 1),
        (302, "https://127.0.0.1/".to_owned(), 1),
        (302, "file:///etc/passwd".to_owned(), 1),
        (302, "data:text/plain,hello".to_owned(), 1),
        (302, "unix:///run/docker.sock".to_owned(), 1),
        (302, "/../sentinel/key".to_owned(), 6),
        (302, "/%2e%2e%2fsentinel".to_owned(), 1),
        (302, format!("http://user@127.0.0.1:{port}/"), 1),
        (302, "http://".to_owned(), 1),
        // It points to itself.
        (302, "/".to_owned(), 6),
        (308, "/".to_owned(), 6),
    ] {
        let answer = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::answering(answer);
        // Some the tool does not ask for at all: other schemes, what is no URL, and more than five in a row.
        let is_asked =
            asked == 1 && (location.starts_with("http") && location != "http://" || location.starts_with('/'));
        let ending = if is_asked { Ending::Halted("request.denied") } else { FAILED };
        let contained = ask(arena, &server, "/").attack(ending);
        assert_eq!(server.seen().len(), asked, "{location}");
        assert!(server.seen().iter().all(|request| !request.contains("..")), "{:?}", server.seen());
        last = Some(contained);
    }
    last.expect("they were asked")
}

fn case_124_heads_that_do_not_end(arena: &mut Arena) -> Contained {
    let mut last = None;
    for (before, part) in [
        ("HTTP/1.1 200 ", vec![b'x'; 65536]),
        ("HTTP/1.1 200 OK\r\n", b"x-a: 1\r\n".repeat(8192)),
        ("HTTP/1.1 200 OK\r\nx-a: ", vec![b'x'; 65536]),
        ("", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1024)),
        ("", vec![b'x'; 65536]),
    ] {
        let server = Server::start(move |stream| for_ever(stream, before, &part));
        let contained = ask(arena, &server, "/").attack(FAILED);
        assert!(contained.peak.parent_bytes < PARENT_BYTES, "{before}: {:?}", contained.peak);
    }
    for headers in [300, 100_000] {
        let headers: String = (0..headers).map(|n| format!("x-{n}: 1\r\n")).collect();
        let server = Server::answering(format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n"));
        last = Some(ask(arena, &server, "/").attack(FAILED));
    }
    last.expect("they were asked")
}
