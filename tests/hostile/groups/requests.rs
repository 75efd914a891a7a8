//! Groups D and G: what guests send to a host that is granted, of which not all is theirs to say.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::server::Server;

cases! {
    case_052_headers_without_end
    case_053_bodies_without_end
    case_110_111_112_123_a_guest_does_not_frame_its_requests
    case_115_what_is_sent_is_bounded
    case_122_proxies_of_the_environment
    case_125_126_a_secret_goes_to_its_host_alone
    case_281_a_secret_is_in_no_trace_and_no_image_of_memory
}

/// The grant of all that is below a server.
fn granted(server: &Server, method: &str) -> String {
    format!("http = [\"{method} http://127.0.0.1:{}/*\"]\naddresses = [\"127.0.0.1/32\"]", server.port)
}

fn case_052_headers_without_end(arena: &mut Arena) -> Contained {
    let server = Server::hello();
    arena.guest("case_052_headers_without_end").web(&granted(&server, "GET"));
    // More than the parent sends are refused; more than the worker holds end the step.
    for (how, ending) in
        [("some", Ending::Completed), ("many", Ending::Failed("trap")), ("long", Ending::Failed("trap"))]
    {
        let _contained = arena.tell(&format!("{how} 127.0.0.1:{}", server.port)).attack(ending);
    }
    assert!(server.seen().is_empty());
    let contained = arena.tell("churn none").attack(Ending::Failed("limit.host-calls"));
    assert!(contained.peak.worker_bytes < 64 << 20, "{:?}", contained.peak);
    contained
}

fn case_053_bodies_without_end(arena: &mut Arena) -> Contained {
    let server = Server::hello();
    arena.guest("case_053_bodies_without_end").web(&granted(&server, "POST"));
    arena.limits("http-bytes = \"1MiB\"\nfuel = 1_000_000_000_000");
    for (bytes, limit) in [(4096, "limit.http-bytes"), (1, "limit.host-calls"), (0, "limit.host-calls")] {
        let contained = arena.tell(&format!("{bytes} 127.0.0.1:{}", server.port)).attack(Ending::Failed(limit));
        assert!(contained.peak.worker_bytes < 64 << 20, "{bytes}: {:?}", contained.peak);
    }
    // Many that are never finished, each below the limit of one.
    arena.guest("case_053_bodies_that_are_never_sent").web(&granted(&server, "POST"));
    let contained = arena.attack(Ending::Failed("limit.sent"));
    assert!(contained.peak.worker_bytes < 160 << 20, "{:?}", contained.peak);
    arena.guest("case_053_bodies_without_end").web(&granted(&server, "POST"));
    arena.limits("http-bytes = \"1MiB\"\nfuel = 1_000_000_000_000");
    assert!(server.seen().is_empty(), "none of them is finished");
    arena.tell(&format!("4096 127.0.0.1:{}", server.port)).attack(Ending::Failed("limit.http-bytes"))
}

/// The server keeps every byte: what comes is two requests, as the guest meant them to look when it was honest.
fn case_110_111_112_123_a_guest_does_not_frame_its_requests(arena: &mut Arena) -> Contained {
    let server = Server::hello();
    let host = format!("127.0.0.1:{}", server.port);
    arena.guest("case_111_frames_its_own_requests").web(&granted(&server, "POST"));
    let contained = arena.tell(&host).attack(Ending::Completed);
    let hidden = "GET /hidden HTTP/1.1\r\nhost: b.example\r\n\r\n";
    let request = |path: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nx-a: 1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    assert_eq!(server.seen(), [request("/first", hidden), request("/second", "")]);
    contained
}

/// The server gets no more than the limit says, and what each request has besides; then nothing.
fn case_115_what_is_sent_is_bounded(arena: &mut Arena) -> Contained {
    let server = Server::hello();
    arena.guest("case_115_sends_without_end").web(&granted(&server, "POST")).limits("sent = \"20KiB\"");
    let contained = arena.tell(&format!("127.0.0.1:{}", server.port)).attack(Ending::Failed("limit.sent"));
    let seen = server.seen();
    assert_eq!(seen.len(), 19, "a kibibyte each, its method and its URL");
    let sent: u64 = contained.exchanges().iter().filter_map(|exchange| exchange["sent"].as_u64()).sum();
    assert_eq!(sent, 19 << 10, "and each is on record");
    contained
}

fn case_122_proxies_of_the_environment(arena: &mut Arena) -> Contained {
    let server = Server::hello();
    let proxy = format!("http://127.0.0.1:{}", arena.sinkhole_port());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        arena.variable(name, &proxy);
    }
    arena.variable("NO_PROXY", "").variable("no_proxy", "");
    let url = json!({ "url": format!("http://127.0.0.1:{}/", server.port) });
    let contained = arena.fetch(&granted(&server, "GET"), &url).attack(Ending::Completed);
    assert_eq!((contained.output(0), server.seen().len()), (&json!("hello"), 1));
    contained
}

/// The oracle looks for the secret in all that is printed and recorded; here it is looked for in the blobs too.
fn case_125_126_a_secret_goes_to_its_host_alone(arena: &mut Arena) -> Contained {
    let secret = arena.secret();
    let elsewhere = Server::hello();
    let (to, asked) = (elsewhere.port, AtomicUsize::new(0));
    let server = Server::start(move |stream| {
        use base64::Engine as _;
        use base64::prelude::BASE64_STANDARD;
        use std::io::Write as _;
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let body = format!("{secret} {} {hex} {}", BASE64_STANDARD.encode(secret), secret.replace('-', "%2D"));
        // What the head says is for who is redirected, and the body for who is not.
        let status = if asked.fetch_add(1, Ordering::SeqCst) == 0 { "302 Found" } else { "200 OK" };
        let head = format!(
            "HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:{to}/?{secret}\r\nx-{secret}: 1\r\nset-cookie: a={secret}\r\n"
        );
        let _gone = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
    });
    let url = format!("http://127.0.0.1:{}/", server.port);
    let given = "secret = { header = \"authorization\", prefix = \"Bearer \", env = \"ARENA_SECRET\" }";
    let grant = format!("{}\n{given}", granted(&server, "GET"));
    // The redirect goes to a host that is granted too, without the secret: it gets what is left of the location.
    let other = format!("[grant.other]\n{}\nsecrecy = []\naccepts = []", granted(&elsewhere, "GET"));
    let headers = json!([{ "name": "x-mine", "value": "for the first host" }]);
    arena.fetch(&grant, &json!({ "url": url, "headers": headers })).and(&other);
    arena.instead("grants = [\"web\"]", "grants = [\"web\", \"other\"]");
    let _contained = arena.attack(Ending::Completed);
    let (first, second) = (server.seen(), elsewhere.seen());
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(first[0].contains(&format!("authorization: Bearer {secret}\r\n")), "{}", first[0]);
    assert!(second[0].starts_with("GET /?[secret] ") || second[0].starts_with("GET /?%5Bsecret%5D "), "{}", second[0]);
    assert!(!second[0].contains("authorization") && !second[0].contains("x-mine"), "{}", second[0]);
    assert!(!second[0].contains("cookie"), "nothing is remembered: {}", second[0]);
    let contained = arena.attack(Ending::Completed);
    assert_eq!(contained.output(0), "[secret] [secret]= [secret] [secret]", "it came in four forms");
    let record = std::path::Path::new(contained.document["record"].as_str().expect("a record"));
    let mut files = vec![record.to_owned()];
    while let Some(path) = files.pop() {
        match std::fs::read_dir(&path) {
            Ok(entries) => files.extend(entries.map(|entry| entry.expect("it can be read").path())),
            Err(_) => {
                let bytes = std::fs::read(&path).expect("it can be read");
                assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{} has the secret", path.display());
            }
        }
    }
    // A guest that gives the header itself, or asks for a part of what comes back.
    for name in ["authorization", "range", "if-range"] {
        let headers = json!([{ "name": name, "value": "bytes=0-3" }]);
        arena.fetch(&grant, &json!({ "url": url, "headers": headers }));
        let _contained = arena.attack(Ending::Halted("request.denied"));
    }
    assert_eq!(server.seen().len(), 2, "none of them was sent");
    contained
}

/// With all that is traced on standard error, which the oracle searches, and a core dump allowed to whoever starts it.
fn case_281_a_secret_is_in_no_trace_and_no_image_of_memory(arena: &mut Arena) -> Contained {
    let mut last = None;
    for (answer, ending) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Ending::Completed),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", Ending::Failed("capability")),
        ("no HTTP", Ending::Failed("capability")),
    ] {
        let server = Server::start(move |stream| {
            use std::io::Write as _;
            std::thread::sleep(std::time::Duration::from_millis(200));
            let _gone = stream.write_all(answer.as_bytes());
        });
        let given = "secret = { header = \"authorization\", prefix = \"Bearer \", env = \"ARENA_SECRET\" }";
        let url = json!({ "url": format!("http://127.0.0.1:{}/", server.port) });
        arena.fetch(&format!("{}\n{given}", granted(&server, "GET")), &url).arguments(&["-vvv"]);
        arena.variable("CLAW_LOG", "trace").variable("RUST_LOG", "trace");
        let mut limits = String::new();
        let contained = arena.attack_while(&[ending], &mut |parent, _| {
            if let Ok(found) = std::fs::read_to_string(format!("/proc/{parent}/limits")) {
                limits = found;
            }
        });
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it was looked at");
        assert_eq!(core.split_ascii_whitespace().nth(4), Some("0"), "{core}");
        assert!(server.seen()[0].contains(arena.secret()), "it was sent");
        last = Some(contained);
    }
    last.expect("they ran")
}
