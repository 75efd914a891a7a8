//! Writes a body that does not end, in parts as large as `/in/attack` says, to the host that it says.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (bytes, authority) = attack.split_once(' ').expect("two words");
    let part = vec![b'x'; bytes.parse().expect("a number")];
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Post).expect("a method");
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    let body = request.body().expect("it is taken once");
    let _future = handle(request, None).expect("it waits for its body");
    let stream = body.write().expect("it is taken once");
    loop {
        stream.blocking_write_and_flush(&part).expect("it goes on");
    }
}
