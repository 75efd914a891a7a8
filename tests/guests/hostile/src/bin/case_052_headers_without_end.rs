//! Headers: how, and to which host, is in `/in/attack`.

use claw_hostile_guests::http::{Came, Request, send};
use wasip2::http::types::Fields;

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (how, authority) = attack.split_once(' ').expect("two words");
    let to = Request { method: "GET", scheme: "http", authority, path: "/", ..Request::default() };
    let long = "x".repeat(1 << 20);
    let headers = match how {
        "many" => vec![("x", "1"); 40_000],
        "some" => vec![("x", "1"); 101],
        "long" => vec![("x", long.as_str())],
        _ => loop {
            let fields = Fields::new();
            fields.append("x", b"1").expect("it is a header");
            fields.delete("x").expect("it is there");
        },
    };
    let came = send(Request { headers: &headers, ..to }, None);
    assert!(!matches!(came, Came::Response(..)), "{how} headers were sent");
}
