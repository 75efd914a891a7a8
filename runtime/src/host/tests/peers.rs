//! Streams to and from peers, as far as they depend on what the parent says.

use std::collections::VecDeque;

use wasmtime_wasi::p2::bindings::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket as _;
use wasmtime_wasi::p2::bindings::sockets::{instance_network::Host as _, tcp_create_socket::Host as _};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::*;
use io::streams::{HostInputStream, HostOutputStream};

/// A host that is connected to a peer, whose parent says these things after that.
fn connected(answers: Vec<Result<Given, Fault>>) -> (Host, Resource<DynInputStream>, Resource<DynOutputStream>) {
    let mut answers: VecDeque<_> = [Ok(Given::Done)].into_iter().chain(answers).collect();
    let outside = Outside::new(move |_| Ok(Told::Tcp(answers.pop_front().expect("no more is asked"))));
    let mut host = Host::new(Settings { connects: true, outside: Some(outside), ..settings() });
    let network = host.instance_network().unwrap();
    let socket = host.create_tcp_socket(IpAddressFamily::Ipv4).unwrap();
    let to = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 7, address: (10, 0, 0, 1) });
    host.start_connect(same(&socket), network, to).unwrap();
    let (input, output) = host.finish_connect(socket).unwrap();
    (host, input, output)
}

#[test]
fn a_write_that_the_peer_did_not_take_is_none() {
    // The peer is full, there is room, and then it is gone.
    let (mut host, _, output) = connected(vec![Ok(Given::Full), Ok(Given::Ready(vec![0])), Err(Fault::Failed(104))]);
    let wrote = now(host.blocking_write_and_flush(same(&output), b"lost".to_vec()));
    assert!(matches!(wrote, Err(StreamError::LastOperationFailed(_))), "{wrote:?}");
    assert!(matches!(host.check_write(output), Err(StreamError::Closed)));
}

#[test]
fn a_peer_that_is_full_takes_nothing_and_is_not_lost() {
    let (mut host, _, output) = connected(vec![Ok(Given::Full), Ok(Given::Full), Ok(Given::Full), Ok(Given::Done)]);
    HostOutputStream::write(&mut host, same(&output), b"much".to_vec()).unwrap();
    assert_eq!(host.check_write(same(&output)).unwrap(), 0);
    HostOutputStream::write(&mut host, same(&output), Vec::new()).unwrap();
    assert_eq!(host.check_write(output).unwrap(), 64 << 10);
}

#[test]
fn an_end_is_an_end_and_what_is_not_there_yet_is_none() {
    let (mut host, input, _) = connected(vec![Ok(Given::Bytes(Vec::new())), Err(Fault::Closed)]);
    assert_eq!(HostInputStream::read(&mut host, same(&input), 10).unwrap(), b"");
    assert!(matches!(HostInputStream::read(&mut host, input, 10), Err(StreamError::Closed)));
}
