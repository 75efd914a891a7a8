//! Does with a server what the lines of `/in/script` say, so that a test can choose what goes wrong.

use std::io::{Read, Write};
use std::net::TcpStream;

fn main() {
    let peers = std::fs::read_to_string("/in/peers").unwrap();
    let mut streams: Vec<TcpStream> = Vec::new();
    for line in std::fs::read_to_string("/in/script").unwrap().lines() {
        let (verb, rest) = line.split_once(' ').unwrap();
        match verb {
            // Connects, and tells the server what to do.
            "ask" => {
                let mut stream = TcpStream::connect(peers.lines().next().unwrap()).unwrap();
                writeln!(stream, "{rest}").unwrap();
                streams.push(stream);
            }
            "connect" => streams.push(TcpStream::connect(rest).unwrap()),
            "send" => streams.last_mut().unwrap().write_all(&vec![b'x'; rest.parse().unwrap()]).unwrap(),
            "receive" => streams.last_mut().unwrap().read_exact(&mut vec![0; rest.parse().unwrap()]).unwrap(),
            _ => panic!("{line}"),
        }
    }
}
