//! Asks for how long it wants to wait: as many nanoseconds as `/in/attack` says, of the host that it says.

use claw_hostile_guests::http::{Came, Request, send};

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (time, authority) = attack.split_once(' ').expect("two words");
    let to = Request { method: "GET", scheme: "http", authority, path: "/", ..Request::default() };
    let came = send(to, Some(time.parse().expect("a number")));
    assert!(!matches!(came, Came::Response(..)), "{came:?}");
}
