//! Requests to a server on loopback, beside the same ones made by hyper alone over a connection of their own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use claw_policy::{Policy, Target};
use claw_runtime::Network;
use claw_runtime::connector::{Connector, Opened, SystemResolver};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::place::Place;
use crate::{ROUNDS, floors, median, micros, submitted};

/// A request of so many bytes of answer: the name, the capability that the policy has for it, bytes, and rounds.
const SIZES: [(&str, &str, usize, usize); 2] =
    [("1 KiB", "fetch", 1024, ROUNDS), ("16 MiB", "fetch-large", 16 << 20, 20)];

/// What bodies are the beginning of: text with what JSON escapes.
static BODY: LazyLock<String> = LazyLock::new(|| {
    let line = "A line of a page, with \"quotes\", as a server may answer it; the next one says it again.\n";
    line.repeat((16 << 20) / line.len() + 1)
});

/// A server that answers `/N` with N bytes, and closes, as it is asked to.
pub(crate) fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    address
}

fn answer(mut stream: TcpStream) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request);
    let bytes = request.split(' ').nth(1).and_then(|path| path.strip_prefix('/')?.parse().ok()).unwrap_or(0);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n");
    // A client that has enough goes away.
    let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&BODY.as_bytes()[..bytes]));
}

/// What sends the requests of a policy's capabilities.
pub(crate) fn network(policy: &Policy) -> Network {
    let hosts = policy.grants.iter().filter_map(|(name, grant)| match &grant.target {
        Target::Hosts(grant) => Some((name.clone(), Opened { grant: grant.clone(), ca: None, secret: None })),
        Target::Folder(_) => None,
    });
    Network::new(Connector::new(hosts, Arc::new(SystemResolver), Box::new(|bytes| bytes)).unwrap()).unwrap()
}

/// A step that fetches, warm. Beside the floor: what a step with an effect costs besides, whatever it is. Its start is on disk
/// before it, and its request goes from the worker, which has no network, to the parent and back.
pub(crate) fn fetches(place: &Place) {
    let (hop, sync) = (floors::round_trip(ROUNDS), floors::sync(place, ROUNDS / 10));
    let step = floors::wasmtime(place, "nothing.wasm", "{}", ROUNDS) + hop;
    for (name, capability, bytes, rounds) in SIZES {
        let url = format!("http://{}/{bytes}", place.server());
        let (whole, logged) = submitted(place, capability, &format!(r#"{{"url":"{url}"}}"#), rounds);
        let bare = bare(place.server(), &format!("/{bytes}"), bytes, rounds);
        let written = floors::write_and_hash(place, logged as usize, rounds);
        let floor = bare + step + written;
        println!(
            "  http-fetch of {name:<10} {:>9.1}   floor {:>9.1} = bare hyper {:.1} + step {:.1} + write and SHA-256 of {logged} bytes {:.1}   ratio {:.2}   beside it: a sync {:.1}, another round trip {:.1}",
            micros(whole),
            micros(floor),
            micros(bare),
            micros(step),
            micros(written),
            whole.as_secs_f64() / floor.as_secs_f64(),
            micros(sync),
            micros(hop),
        );
    }
}

/// One request over a fresh connection, its answer read whole.
fn bare(server: SocketAddr, path: &str, bytes: usize, rounds: usize) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    median(rounds, &mut || {
        let read = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(server).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            let connection = tokio::spawn(connection);
            let request = http::Request::get(path)
                .header("host", server.to_string())
                .header("connection", "close")
                .body(Empty::<Bytes>::new())
                .unwrap();
            let read = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
            connection.await.unwrap().unwrap();
            read.len()
        });
        assert_eq!(read, bytes);
    })
}
