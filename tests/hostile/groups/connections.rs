//! Group G and its like: TCP connections, to what is not granted and to peers that do nothing.

use std::net::{SocketAddr, TcpListener};

use super::hosts::NOT_PUBLIC;
use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_010_peers_polled_without_waiting
    case_027_sockets_without_end
    case_037_empty_writes_to_a_peer
    case_059_peers_that_do_nothing
    case_103_116_120_connections_to_what_is_not_granted
    case_119_nobody_listens
}

/// A peer that takes connections, as the system does for it, and says and reads nothing.
fn silent(arena: &mut Arena, guest: &str) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let address = listener.local_addr().expect("it has one");
    arena.place.write("in/peer", address.to_string());
    arena.guest(guest).web(&format!("tcp = [\"{address}\"]"));
    listener
}

fn case_010_peers_polled_without_waiting(arena: &mut Arena) -> Contained {
    let _peer = silent(arena, "case_059_waits_for_a_peer");
    arena.tell("poll").attack(Ending::Failed("limit.host-calls"))
}

fn case_027_sockets_without_end(arena: &mut Arena) -> Contained {
    let _peer = silent(arena, "case_027_sockets_without_end");
    arena.attack(Ending::Failed("limit.handles"))
}

fn case_037_empty_writes_to_a_peer(arena: &mut Arena) -> Contained {
    let _peer = silent(arena, "case_059_waits_for_a_peer");
    let contained = arena.tell("write nothing").attack(Ending::Failed("limit.host-calls"));
    assert_eq!(contained.exchanges()[0]["sent"], 0);
    contained
}

fn case_059_peers_that_do_nothing(arena: &mut Arena) -> Contained {
    let _peer = silent(arena, "case_059_waits_for_a_peer");
    arena.limits("time = \"1s\"\nsent = \"1GiB\"");
    let _contained = arena.tell("read").attack(Ending::Failed("limit.time"));
    // What the peer does not read is kept once: the guest is not let write more.
    let contained = arena.tell("write").attack(Ending::Failed("limit.time"));
    assert!(contained.peak.worker_bytes < 128 << 20, "{:?}", contained.peak);
    contained
}

/// Beside one address and port that are granted, which a worker would have to mistake others for.
fn case_103_116_120_connections_to_what_is_not_granted(arena: &mut Arena) -> Contained {
    let port = arena.sinkhole_port();
    let peer = silent(arena, "case_103_connects_to_what_is_denied");
    let granted: SocketAddr = peer.local_addr().expect("it has one");
    let public = ["8.8.8.8", "[2001:4860:4860::8888]", "[::ffff:127.0.0.1]"];
    let mut addresses: Vec<String> = NOT_PUBLIC.iter().chain(&public).map(|host| format!("{host}:{port}")).collect();
    for other in [0, 1, 22, 80, 443, granted.port() - 1, granted.port() + 1, 65_535] {
        addresses.push(format!("127.0.0.1:{other}"));
    }
    for host in ["127.0.0.2", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
        addresses.push(format!("{host}:{}", granted.port()));
    }
    arena.place.write("in/addresses", addresses.join("\n"));
    let contained = arena.attack(Ending::Completed);
    peer.set_nonblocking(true).expect("it can be");
    assert!(peer.accept().is_err(), "the one that is granted is not asked either");
    assert!(contained.exchanges().iter().all(|exchange| exchange["grant"].is_null()));
    contained
}

fn case_119_nobody_listens(arena: &mut Arena) -> Contained {
    let peer = silent(arena, "case_119_listens");
    let contained = arena.attack(Ending::Completed);
    drop(peer);
    contained
}
