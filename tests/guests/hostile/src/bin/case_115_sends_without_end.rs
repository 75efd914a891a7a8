//! Posts a kibibyte to the host in `/in/attack`, over and over.

use claw_hostile_guests::http::{Request, send};

fn main() {
    let authority = std::fs::read_to_string("/in/attack").expect("it is there");
    let body = [b'x'; 1024];
    loop {
        let to =
            Request { method: "POST", scheme: "http", authority: &authority, path: "/", headers: &[], body: &body };
        send(to, None);
    }
}
