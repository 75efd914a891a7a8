//! Sends each request of `/in/requests`, one a line: method, scheme, authority and path, between tabs. All are denied, in
//! one way.

use claw_hostile_guests::http::{Came, ErrorCode, Request, send};

fn main() {
    for line in std::fs::read_to_string("/in/requests").expect("it is there").lines() {
        let mut parts =
            line.split('\t').map(|part| part.replace("\\t", "\t").replace("\\n", "\n").replace("\\0", "\0"));
        let [method, scheme, authority, path] = [(); 4].map(|()| parts.next().expect("four parts"));
        let request =
            Request { method: &method, scheme: &scheme, authority: &authority, path: &path, ..Request::default() };
        match send(request, None) {
            Came::Nothing(ErrorCode::HttpRequestDenied) => {}
            // What is no method or authority at all is nothing that can be asked for.
            Came::Impossible(what) => println!("{what}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}
