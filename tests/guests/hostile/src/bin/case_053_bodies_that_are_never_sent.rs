//! Writes one body after another, each almost as large as one may be, and sends none.

use wasip2::http::types::{Fields, OutgoingRequest};

fn main() {
    let part = [b'x'; 4096];
    let mut kept = Vec::new();
    loop {
        let request = OutgoingRequest::new(Fields::new());
        let body = request.body().expect("it is taken once");
        let stream = body.write().expect("it is taken once");
        for _ in 0..1000 {
            stream.blocking_write_and_flush(&part).expect("it goes on");
        }
        kept.push((stream, body, request));
    }
}
