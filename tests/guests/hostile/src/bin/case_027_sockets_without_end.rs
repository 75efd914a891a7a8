//! Makes sockets, and drops none.

use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

fn main() {
    loop {
        std::mem::forget(create_tcp_socket(IpAddressFamily::Ipv4));
    }
}
