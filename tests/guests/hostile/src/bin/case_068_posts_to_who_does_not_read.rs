//! Posts much to a host that reads nothing: the host is in `/in/attack`.

use claw_hostile_guests::http::{Came, Request, send};

fn main() {
    let authority = std::fs::read_to_string("/in/attack").expect("it is there");
    let body = vec![b'x'; 16 << 20];
    let to = Request { method: "POST", scheme: "http", authority: &authority, path: "/", headers: &[], body: &body };
    let came = send(to, None);
    assert!(!matches!(came, Came::Response(..)), "{came:?}");
}
