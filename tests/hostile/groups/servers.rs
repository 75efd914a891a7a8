//! Groups E and G: servers that do not answer, read or prove their name, and who waits for them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rcgen::{CertificateParams, SanType, date_time_ymd};
use rustls::HandshakeKind;
use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::resolver;
use crate::server::Server;
use crate::tls_server::{Authority, authority, for_name, serve};
use crate::watch::signal;

cases! {
    case_065_lookups_that_are_never_answered
    case_066_servers_that_are_slow
    case_067_deadlines_that_a_guest_asks_for
    case_068_a_server_that_does_not_read
    case_069_a_run_that_is_interrupted_while_it_asks
    case_121_servers_that_cannot_prove_their_name
    case_127_each_request_has_a_connection_of_its_own
}

/// The guest hears that time is up, or is stopped because it is: the one deadline is of both.
const LATE: &[Ending] = &[Ending::Failed("capability"), Ending::Failed("limit.time")];

fn granted(method: &str, port: u16) -> String {
    format!("http = [\"{method} http://127.0.0.1:{port}/*\"]\naddresses = [\"127.0.0.1/32\"]")
}

fn fetch(arena: &mut Arena, port: u16) -> &mut Arena {
    arena.fetch(&granted("GET", port), &json!({ "url": format!("http://127.0.0.1:{port}/") }))
}

/// Writes a byte at a time, and waits.
fn dribble(stream: &mut TcpStream, before: &[u8], byte: u8) {
    let mut sent = stream.write_all(before);
    while sent.is_ok() {
        std::thread::sleep(Duration::from_millis(20));
        sent = stream.write_all(&[byte]);
    }
}

fn in_time(contained: &Contained) {
    let took = contained.document["steps"][0]["ms"].as_f64();
    assert!(took.is_some_and(|ms| ms < 5_000.0), "{took:?}");
}

/// Six hundred lookups, of which none comes back: the step ends, and no more threads wait than may.
fn case_065_lookups_that_are_never_answered(arena: &mut Arena) -> Contained {
    resolver::lies(arena, "a.example never\n");
    let lines = vec!["GET\thttp\ta.example\t/"; 600].join("\n");
    arena.place.write("in/requests", lines);
    arena.guest("case_103_asks_for_what_is_denied").web("http = [\"GET http://a.example/*\"]").limits("time = \"2s\"");
    let contained = arena.attack_any(&[Ending::Failed("limit.time"), Ending::Failed("trap")]);
    in_time(&contained);
    assert!(resolver::asked(arena).len() <= 4, "{:?}", resolver::asked(arena));
    contained
}

/// Nothing, a head that dribbles, a body that does, and a TLS handshake that never ends, in silence and a byte at a time.
fn case_066_servers_that_are_slow(arena: &mut Arena) -> Contained {
    let mut last = None;
    for before in ["", "HTTP/1.1 200 OK\r\nx: ", "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"] {
        let server = Server::start(move |stream| match before {
            "" => drop(stream.read(&mut [0])),
            _ => dribble(stream, before.as_bytes(), b'x'),
        });
        let contained = fetch(arena, server.port).limits("time = \"1s\"").attack_any(LATE);
        in_time(&contained);
        assert_eq!(server.seen().len(), 1, "{before}");
    }
    for hello in [&[][..], &[0x16, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xfb]] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let port = listener.local_addr().expect("it has one").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody comes");
            match hello {
                [] => while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {},
                _ => dribble(&mut stream, hello, 0),
            }
        });
        let url = format!("https://127.0.0.1:{port}/");
        let grant = format!("http = [\"GET {url}\"]\naddresses = [\"127.0.0.1/32\"]\nca = \"stage/ca.pem\"");
        arena.place.write("stage/ca.pem", authority().pem());
        let contained = arena.fetch(&grant, &json!({ "url": url })).limits("time = \"1s\"").attack_any(LATE);
        in_time(&contained);
        last = Some(contained);
    }
    last.expect("they were asked")
}

/// None, next to none, and more than there is: none of it makes a step longer.
fn case_067_deadlines_that_a_guest_asks_for(arena: &mut Arena) -> Contained {
    let server = Server::start(|stream| drop(stream.read(&mut [0])));
    arena.guest("case_067_asks_for_its_own_deadlines").web(&granted("GET", server.port)).limits("time = \"1s\"");
    let mut last = None;
    for time in [0, 1, u64::MAX] {
        arena.tell(&format!("{time} 127.0.0.1:{}", server.port));
        let contained = arena.attack_any(&[Ending::Completed, Ending::Failed("limit.time")]);
        in_time(&contained);
        last = Some(contained);
    }
    last.expect("they were asked")
}

fn case_068_a_server_that_does_not_read(arena: &mut Arena) -> Contained {
    // Its backlog takes the connection, and nobody ever reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let port = listener.local_addr().expect("it has one").port();
    arena.guest("case_068_posts_to_who_does_not_read").web(&granted("POST", port));
    arena.limits("time = \"2s\"\nhttp-bytes = \"32MiB\"\nsent = \"64MiB\"\nmemory = \"128MiB\"");
    arena.tell(&format!("127.0.0.1:{port}"));
    let contained = arena.attack_any(&[Ending::Completed, Ending::Failed("limit.time")]);
    in_time(&contained);
    contained
}

fn case_069_a_run_that_is_interrupted_while_it_asks(arena: &mut Arena) -> Contained {
    let mut last = None;
    for stop in ["INT", "TERM"] {
        let server = Server::start(|stream| drop(stream.read(&mut [0])));
        fetch(arena, server.port).limits("time = \"60s\"");
        let mut sent = false;
        let contained = arena.attack_while(&[Ending::Interrupted], &mut |program, _| {
            if !sent && !server.seen().is_empty() {
                signal(program, stop);
                sent = true;
            }
        });
        in_time(&contained);
        assert_eq!(contained.exchanges()[0]["outcome"], "interrupted");
        last = Some(contained);
    }
    last.expect("two runs")
}

/// Has the built-in ask a TLS server, by its address or by a name that is it, with an authority of the grant's.
fn ask_tls(arena: &mut Arena, host: &str, port: u16, ca: Option<&Authority>, ending: Ending) -> Contained {
    resolver::lies(arena, "a.example 127.0.0.1\n");
    let url = format!("https://{host}:{port}/");
    let mut grant = format!("http = [\"GET {url}\"]\naddresses = [\"127.0.0.1/32\"]");
    if let Some(ca) = ca {
        arena.place.write("stage/ca.pem", ca.pem());
        grant.push_str("\nca = \"stage/ca.pem\"");
    }
    arena.fetch(&grant, &json!({ "url": url })).attack(ending)
}

fn case_121_servers_that_cannot_prove_their_name(arena: &mut Arena) -> Contained {
    let (ours, theirs) = (authority(), authority());
    let named = |name: &str| for_name(name);
    let mut expired = named("a.example");
    (expired.not_before, expired.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let mut early = named("a.example");
    (early.not_before, early.not_after) = (date_time_ymd(2990, 1, 1), date_time_ymd(2999, 1, 1));
    let mut address = named("a.example");
    address.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 2].into())];
    for (what, host, params, by, ca) in [
        ("expired", "a.example", expired, Some(&ours), Some(&ours)),
        ("not yet", "a.example", early, Some(&ours), Some(&ours)),
        ("self-signed", "a.example", named("a.example"), None, Some(&ours)),
        ("self-signed, platform", "a.example", named("a.example"), None, None),
        ("another authority", "a.example", named("a.example"), Some(&theirs), Some(&ours)),
        ("another name", "a.example", named("b.example"), Some(&ours), Some(&ours)),
        ("a name below", "a.example", named("*.a.example"), Some(&ours), Some(&ours)),
        ("a name for an address", "127.0.0.1", named("a.example"), Some(&ours), Some(&ours)),
        ("another address", "127.0.0.1", address, Some(&ours), Some(&ours)),
        ("no name", "a.example", CertificateParams::new(Vec::new()).expect("parameters"), Some(&ours), Some(&ours)),
    ] {
        let server = serve(params, by);
        let contained = ask_tls(arena, host, server.port, ca, Ending::Failed("capability"));
        let outcome = contained.exchanges()[0]["outcome"].as_str().expect("it is told").to_owned();
        assert!(outcome.starts_with("no TLS connection"), "{what}: {outcome}");
        assert!(server.clients.lock().expect("nobody panics").is_empty(), "{what}: something was sent");
    }
    // Who answers in plain text, or in a TLS of long ago, is not believed either.
    let old = [&[0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1][..], &[0; 32], &[0, 0, 0x2f, 0]].concat();
    for answer in [old, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec()] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let port = listener.local_addr().expect("it has one").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody comes");
            let _hello = stream.read(&mut [0; 4096]);
            let _gone = stream.write_all(&answer);
        });
        let _contained = ask_tls(arena, "a.example", port, Some(&ours), Ending::Failed("capability"));
    }
    let server = serve(named("a.example"), Some(&ours));
    ask_tls(arena, "a.example", server.port, Some(&ours), Ending::Completed)
}

/// Also where the server would keep it open: another step, or another run, is a stranger to it.
fn case_127_each_request_has_a_connection_of_its_own(arena: &mut Arena) -> Contained {
    // It would answer as many as come, and counts the connections.
    let kept = Server::start(|stream| {
        let hello = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nset-cookie: id=1\r\ncontent-length: 5\r\n\r\nhello";
        let _gone = stream.write_all(hello.as_bytes());
        let mut more = Vec::new();
        let _ended = stream.read_to_end(&mut more);
        assert!(more.is_empty(), "a second request came over the same connection");
    });
    let step = |id: &str| json!({ "id": id, "capability": "attack", "arguments": { "url": format!("http://127.0.0.1:{}/", kept.port) } });
    fetch(arena, kept.port).plan(json!([step("one"), step("two")]));
    let contained = arena.attack(Ending::Completed);
    assert_eq!((kept.seen().len(), contained.exchanges().len()), (2, 2), "two connections");
    assert_eq!(kept.seen()[0], kept.seen()[1]);
    let ours = authority();
    let server = serve(for_name("a.example"), Some(&ours));
    let _contained = ask_tls(arena, "a.example", server.port, Some(&ours), Ending::Completed);
    let contained = ask_tls(arena, "a.example", server.port, Some(&ours), Ending::Completed);
    let client = (Some("a.example".to_owned()), Some(HandshakeKind::Full));
    assert_eq!(*server.clients.lock().expect("nobody panics"), [client.clone(), client]);
    contained
}
