//! Waits for the peer in `/in/peer`, which does nothing, in the way that `/in/attack` says.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

fn main() {
    let peer = std::fs::read_to_string("/in/peer").expect("it is there");
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let mut stream = TcpStream::connect(peer).expect("it is granted");
    match attack.as_str() {
        "read" => drop(stream.read(&mut [0])),
        "write" => loop {
            stream.write_all(&[0; 64 << 10]).expect("it is taken");
        },
        "write nothing" => loop {
            stream.write(&[]).expect("nothing can be written anywhere");
        },
        "poll" => {
            stream.set_nonblocking(true).expect("it can be");
            while stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {}
        }
        other => panic!("there is no attack `{other}`"),
    }
}
