//! Connects to each address of `/in/addresses`, one a line: none of them may be reached, whatever it is.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

fn main() {
    for line in std::fs::read_to_string("/in/addresses").expect("it is there").lines() {
        let address: SocketAddr = line.parse().expect("an address");
        let refused = TcpStream::connect(address).expect_err(line).kind();
        // What is no address of a peer is not even asked for.
        assert!(matches!(refused, ErrorKind::PermissionDenied | ErrorKind::InvalidInput), "{line}: {refused}");
    }
}
