//! Requests reach what is granted and nothing else, are on record as the parent sent them, and come out the same again.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::program::{Place, events, violations};
use crate::replay::is_the_same_again;

/// A request's head and body.
type Asked = (String, Vec<u8>);

/// A server on loopback. It answers by `answer`, which is given the head of the request and its body, and keeps both.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn new(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let address = listener.local_addr().expect("it has one").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let (head, body) = read(&stream);
                let answered = answer(&head);
                kept.lock().expect("nobody panics while it is held").push((head, body));
                // A client that has enough goes away.
                let _gone = stream.write_all(&answered);
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panics while it is held").clone()
    }
}

fn read(stream: &TcpStream) -> Asked {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            break;
        }
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).expect("the body comes");
    (head, body)
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

/// A place with a policy whose capability `fetch` may send these requests to loopback.
fn place(http: &[String], more: &str) -> Place {
    place_in(Place::new(), http, more)
}

fn place_in(place: Place, http: &[String], more: &str) -> Place {
    place.write(
        "policy.toml",
        format!(
            "claw = 1\nname = \"web\"\n[grant.web]\nhttp = {}\naddresses = [\"127.0.0.0/8\"]\nsecrecy = []\naccepts = []\n{more}\n\
             [capability.fetch]\ncomponent = \"builtin:http-fetch\"\ngrants = [\"web\"]\n\
             [capability.text]\ncomponent = \"builtin:html-to-text\"\n",
            json!(http)
        ),
    );
    place
}

fn fetch(place: &Place, arguments: Value) -> (Option<i32>, Value) {
    let step = json!({ "id": "page", "capability": "fetch", "arguments": arguments });
    place.write("plan.json", json!({ "claw": 1, "steps": [step] }).to_string());
    place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"])
}

/// What the parent says that it sent in a run.
fn exchanges(run: &Value) -> Vec<Value> {
    let record = Path::new(run["record"].as_str().expect("a run has a record")).to_owned();
    events(&record).into_iter().filter(|event| event["event"] == "exchange").collect()
}

#[test]
fn a_page_that_is_granted_is_fetched_turned_into_text_and_the_same_again() {
    let server = Server::new(|_| answer("200 OK", "content-type: text/html\r\n", "<h1>Hello</h1><p>you"));
    let url = format!("http://{}/docs/*", server.address);
    let place = place(&[format!("GET {url}")], "");
    let page = format!("http://{}/docs/a%20page", server.address);
    let arguments = json!({ "url": page, "query": [{ "name": "q", "value": "a b" }], "headers": [{ "name": "x-one", "value": "1" }] });
    let steps = json!([
        { "id": "page", "capability": "fetch", "arguments": arguments },
        { "id": "text", "capability": "text", "arguments": { "html": { "$step": "page" } } },
    ]);
    place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
    let (code, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    assert_eq!((code, run["steps"][0]["output"].as_str()), (Some(0), Some("<h1>Hello</h1><p>you")), "{run:#}");
    assert_eq!(run["answer"].as_str().map(str::trim), Some("# Hello\n\nyou"), "{run:#}");
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].0.starts_with("GET /docs/a%20page?q=a+b HTTP/1.1\r\n"), "{}", asked[0].0);
    assert!(asked[0].0.contains("x-one: 1\r\n"), "{}", asked[0].0);
    let sent = exchanges(&run);
    assert_eq!((sent.len(), &sent[0]["status"], &sent[0]["grant"]), (1, &json!(200), &json!("web")), "{sent:#?}");
    assert_eq!(sent[0]["address"], server.address);
    // What is behind `?` is a value, and is shown where values are.
    let show =
        |more: &[&str]| place.claw(&[&["audit", "show", run["run"].as_str().expect("an id")], more].concat()).out;
    let told = format!("GET {page}?…: 200, 20 B from {}", server.address);
    assert!(show(&[]).contains(&told), "{}", show(&[]));
    assert!(
        !show(&["--calls", "--json"]).contains("q=a+b") && show(&["--values"]).contains("/docs/a%20page?q=a+b: 200")
    );
    is_the_same_again(&place, &run);
    assert_eq!(server.asked().len(), 1, "a replay asks nobody");
}

/// INVARIANT (intent before effect): at a first request and at a later one.
#[test]
fn a_request_is_sent_once_its_step_is_on_record() {
    let place = Place::with_own_home();
    let runs = place.home().join(".local/state/claw/runs");
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let server = Server::new(move |_| {
        let run = fs::read_dir(&runs).expect("there is a run").next().expect("there is one").expect("it can be read");
        let started = events(&run.path()).into_iter().filter(|event| event["event"] == "step");
        let started: Vec<String> = started.map(|event| event["step"].to_string()).collect();
        let signed = run.path().join("checkpoint").exists();
        seen.lock().expect("nobody panics while it is held").push((started.concat(), signed));
        answer("200 OK", "", "a page")
    });
    let url = format!("http://{}/", server.address);
    let place = place_in(place, &[format!("GET {url}")], "");
    let step = |id: &str| json!({ "id": id, "capability": "fetch", "arguments": { "url": url } });
    place.write("plan.json", json!({ "claw": 1, "steps": [step("a"), step("b")] }).to_string());
    let (code, run) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
    assert_eq!(code, Some(0), "{run:#}");
    let steps = steps.lock().expect("nobody panics while it is held").clone();
    assert_eq!(steps, [("\"a\"".to_owned(), true), ("\"a\"\"b\"".to_owned(), true)]);
}

/// An interrupt while a server is waited for, after which the guest would soon say that the server cannot be reached.
#[test]
fn an_interrupt_in_the_middle_of_a_request_is_one() {
    let (asked, is_asked) = std::sync::mpsc::channel();
    let server = Server::new(move |_| {
        asked.send(()).expect("the test waits");
        // Until the client has gone away.
        std::thread::sleep(std::time::Duration::from_secs(3));
        Vec::new()
    });
    let url = format!("http://{}/", server.address);
    let place = place(&[format!("GET {url}")], "");
    let step = json!({ "id": "page", "capability": "fetch", "arguments": { "url": url } });
    place.write("plan.json", json!({ "claw": 1, "steps": [step] }).to_string());
    let run = ["run", "--policy", "policy.toml", "--plan", "plan.json", "--json"];
    let child = place.command(&run).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    is_asked.recv().expect("a request comes");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((output.status.code(), &document["status"]), (Some(130), &json!("interrupted")), "{document:#}");
    assert_eq!(exchanges(&document)[0]["outcome"], "interrupted");
}

/// What came back is on record as the parent saw it, in one file where the output is the page; a tape that is too short for it
/// leaves the step as it is recorded.
#[test]
fn a_large_page_is_on_record_once_and_the_same_again() {
    let server = Server::new(|_| answer("200 OK", "x-page: 1\r\n", &"a \"line\"\n".repeat(20_000)));
    let url = format!("http://{}/", server.address);
    let place = place(&[format!("GET {url}")], "");
    let policy = place.read("policy.toml");
    for (tape, is_kept) in [("1MiB", true), ("100KiB", false)] {
        let limits = format!("[capability.fetch.limits]\noutput-bytes = \"1MiB\"\ntape = \"{tape}\"\n");
        place.write("policy.toml", policy.clone() + &limits);
        let (code, run) = fetch(&place, json!({ "url": url }));
        assert_eq!((code, run["answer"].as_str().map(str::len)), (Some(0), Some(180_000)), "{run:#}");
        let folder = Path::new(run["record"].as_str().expect("a path")).to_owned();
        let done = events(&folder).into_iter().find(|event| event["event"] == "done").expect("it is done");
        let response = &exchanges(&run)[0]["response"];
        assert_eq!(response["body"]["raw"].is_string(), is_kept, "{response}");
        assert!(!is_kept || response["body"] == done["output"], "{response}");
        // The page, and the seed.
        assert_eq!(fs::read_dir(folder.join("blobs/sha256")).expect("there are blobs").count(), 2);
        let id = run["run"].as_str().expect("an id");
        let (code, again) = place.json(&["replay", id]);
        let stood = again["not-run-again"].as_array().map(Vec::len);
        assert_eq!((code, stood), (Some(0), Some(usize::from(!is_kept))), "{again:#}");
        let (code, verified) = place.json(&["audit", "verify", id]);
        assert_eq!(code, Some(0), "{verified:#}");
        assert!(!place.claw(&["audit", "show", id, "--calls", "--json"]).out.contains("response"));
    }
    assert_eq!(server.asked().len(), 2, "a replay asks nobody");
}

#[test]
fn a_body_is_posted_whole() {
    let server = Server::new(|_| answer("200 OK", "", "taken"));
    let url = format!("http://{}/post", server.address);
    let place = place(&[format!("POST {url}")], "");
    let body = "line\n".repeat(10_000);
    let (code, run) = fetch(&place, json!({ "url": url, "method": "POST", "body": body }));
    assert_eq!((code, &run["answer"]), (Some(0), &json!("taken")), "{run:#}");
    assert_eq!(server.asked()[0].1, body.as_bytes());
    let sent = exchanges(&run);
    assert_eq!((&sent[0]["sent"], &sent[0]["body"]), (&json!(50_000), &json!(claw_policy::digest(body.as_bytes()))));
    is_the_same_again(&place, &run);
}

/// A list of bytes takes more of what a call may copy than a text does.
#[test]
fn bytes_are_given_where_outputs_may_be_long() {
    let server = Server::new(|_| answer("200 OK", "", &"x".repeat(750_000)));
    let url = format!("http://{}/", server.address);
    let place = place(&[format!("GET {url}")], "");
    let policy = place.read("policy.toml").replace("http-fetch\"", "http-fetch\"\nfunction = \"fetch-bytes\"");
    let limits = "[capability.fetch.limits]\noutput-bytes = \"4MiB\"\n";
    place.write("policy.toml", policy + limits);
    let (code, run) = fetch(&place, json!({ "url": url }));
    assert_eq!((code, run["answer"].as_str().map(str::len)), (Some(0), Some(1_000_000)), "{run:#}");
}

/// What is not granted is denied before a connection is made, and each denial is told alike.
#[test]
fn what_is_not_granted_reaches_nobody() {
    let server = Server::new(|_| answer("200 OK", "", "reached"));
    let other = Server::new(|_| answer("200 OK", "", "reached"));
    let place = place(&[format!("GET http://{}/docs/*", server.address)], "");
    let port = server.address.rsplit(':').next().expect("a port").to_owned();
    let mut told = Vec::new();
    for (url, method) in [
        (format!("http://{}/docs/x", other.address), "GET"),
        (format!("http://{}/other", server.address), "GET"),
        (format!("http://{}/docs/../other", server.address), "GET"),
        (format!("http://{}/docs/%2e%2e/other", server.address), "GET"),
        (format!("http://{}/docs/a%2fb", server.address), "GET"),
        (format!("http://{}/docs/x", server.address), "POST"),
        (format!("https://{}/docs/x", server.address), "GET"),
        (format!("http://user@{}/docs/x", server.address), "GET"),
        (format!("http://localhost:{port}/docs/x"), "GET"),
        (format!("http://[::1]:{port}/docs/x"), "GET"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "GET"),
    ] {
        let (code, run) = fetch(&place, json!({ "url": url, "method": method }));
        assert_eq!((code, &run["status"]), (Some(3), &json!("halted")), "{url}: {run:#}");
        let found = violations(&run);
        assert!(found.len() == 1 && found[0].0 == "request.denied" && found[0].1.starts_with("/steps/0"), "{run:#}");
        told.push(run["steps"][0]["failure"]["message"].as_str().expect("a message").to_owned());
        let sent = exchanges(&run);
        assert!(sent.iter().all(|exchange| exchange["status"].is_null()), "{sent:#?}");
        is_the_same_again(&place, &run);
    }
    assert!(told.iter().all(|told| told.contains("is not granted") || told.contains("no URL")), "{told:#?}");
    assert!(server.asked().is_empty() && other.asked().is_empty());
}

/// An address of the grant is not enough: it has to be public, or in the grant's `addresses`.
#[test]
fn case_103_a_private_address_is_reached_only_where_the_grant_names_it() {
    let server = Server::new(|_| answer("200 OK", "", "reached"));
    let url = format!("http://{}/", server.address);
    let place = place(&[format!("GET {url}")], "");
    place.write("policy.toml", place.read("policy.toml").replace("addresses = [\"127.0.0.0/8\"]\n", ""));
    let (code, run) = fetch(&place, json!({ "url": url }));
    assert_eq!(code, Some(3), "{run:#}");
    assert!(exchanges(&run)[0]["outcome"].as_str().is_some_and(|why| why.contains("not public")), "{run:#}");
    assert!(server.asked().is_empty());
}

/// Each redirect is a request of its own, which has to be granted.
#[test]
fn case_107_a_redirect_goes_only_where_a_request_may() {
    let elsewhere = Server::new(|_| answer("200 OK", "", "reached"));
    let to = elsewhere.address.clone();
    let server = Server::new(move |head| match head.split(' ').nth(1) {
        Some("/docs/near") => answer("302 Found", "location: /docs/there\r\n", ""),
        Some("/docs/far") => answer("302 Found", &format!("location: http://{to}/docs/\r\n"), ""),
        Some("/docs/out") => answer("302 Found", "location: /private\r\n", ""),
        Some("/docs/file") => answer("302 Found", "location: file:///etc/passwd\r\n", ""),
        Some("/docs/round") => answer("302 Found", "location: /docs/round\r\n", ""),
        _ => answer("200 OK", "", "there"),
    });
    let place = place(&[format!("GET http://{}/docs/*", server.address)], "");
    let ask = |path: &str| fetch(&place, json!({ "url": format!("http://{}{path}", server.address) }));
    let (code, run) = ask("/docs/near");
    assert_eq!((code, &run["answer"], exchanges(&run).len()), (Some(0), &json!("there"), 2), "{run:#}");
    is_the_same_again(&place, &run);
    for (path, ends) in [("/docs/far", 3), ("/docs/out", 3), ("/docs/file", 4), ("/docs/round", 4)] {
        let (code, run) = ask(path);
        assert_eq!(code, Some(ends), "{path}: {run:#}");
    }
    assert!(elsewhere.asked().is_empty());
    assert!(server.asked().iter().all(|(head, _)| head.starts_with("GET /docs/")), "{:?}", server.asked());
}

/// A secret goes into the request, and comes back to nobody.
#[test]
fn a_secret_is_put_in_by_claw_and_taken_out_of_what_comes_back() {
    let server = Server::new(|head| {
        let sent = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("nothing").to_owned();
        answer("200 OK", "", &format!("you sent {sent}"))
    });
    let url = format!("http://{}/", server.address);
    let place = place(
        &[format!("GET {url}")],
        "secret = { header = \"authorization\", prefix = \"Bearer \", file = \"keys/token\" }",
    );
    let token = "correct-horse-battery";
    let key = place.write("keys/token", format!("{token}\n"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("modes can be set");
    let (code, error) = fetch(&place, json!({ "url": url }));
    assert_eq!((code, &error["error"]["rule"]), (Some(2), &json!("grant.secret")), "{error:#}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("modes can be set");
    let (code, run) = fetch(&place, json!({ "url": url }));
    assert_eq!(code, Some(0), "{run:#}");
    assert_eq!(run["answer"], "you sent Bearer [secret]");
    assert!(server.asked()[0].0.contains(&format!("authorization: Bearer {token}\r\n")), "{}", server.asked()[0].0);
    let record = Path::new(run["record"].as_str().expect("a record"));
    let log = fs::read_to_string(record.join("log.jsonl")).expect("it is there");
    assert!(!log.contains(token), "the secret is on record");
    is_the_same_again(&place, &run);
    // A guest cannot give the header itself.
    let headers = json!([{ "name": "Authorization", "value": "Bearer mine" }]);
    let (code, run) = fetch(&place, json!({ "url": url, "headers": headers }));
    assert_eq!(code, Some(3), "{run:#}");
    assert_eq!(server.asked().len(), 1);
    // And no folder that is granted may hold the file.
    let policy = place.read("policy.toml") + "[grant.keys]\ndir = \"keys\"\naccess = \"read\"\n";
    place.write("policy.toml", policy);
    let (code, error) = fetch(&place, json!({ "url": url }));
    assert_eq!((code, &error["error"]["rule"]), (Some(2), &json!("grant.protected")), "{error:#}");
}

#[test]
fn a_response_that_is_too_large_or_too_late_is_an_error_in_bounds() {
    let server = Server::new(|head| match head.split(' ').nth(1) {
        Some("/large") => answer("200 OK", "", &"x".repeat(200_000)),
        _ => {
            std::thread::sleep(std::time::Duration::from_secs(3));
            answer("200 OK", "", "late")
        }
    });
    let url = |path: &str| format!("http://{}/{path}", server.address);
    let place = place(&[format!("GET {}", url("*"))], "");
    let limits = "[capability.fetch.limits]\nhttp-bytes = \"100KiB\"\n";
    place.write("policy.toml", place.read("policy.toml") + limits);
    let (code, run) = fetch(&place, json!({ "url": url("large") }));
    assert_eq!(code, Some(4), "{run:#}");
    assert!(run["steps"][0]["failure"]["message"].as_str().is_some_and(|why| why.contains("too large")), "{run:#}");
    is_the_same_again(&place, &run);
    place.write("policy.toml", place.read("policy.toml").replace("http-bytes = \"100KiB\"", "time = \"500ms\""));
    let (code, run) = fetch(&place, json!({ "url": url("late") }));
    assert_eq!(code, Some(4), "{run:#}");
}

#[test]
fn what_sends_requests_is_said_to() {
    let told = Place::new().claw(&["capability", "inspect", "builtin:http-fetch"]).out;
    let (_, requests) = told.split_once("requests, as hosts are granted").expect("they are told apart");
    assert!(requests.trim_start().starts_with("wasi:http/"), "{told}");
}

#[test]
fn a_component_that_sends_requests_needs_a_grant_of_hosts() {
    let place = place(&["GET http://127.0.0.1:1/".to_owned()], "");
    let policy = place.read("policy.toml");
    place.write("policy.toml", policy.replace("grants = [\"web\"]", "grants = []"));
    let (code, error) = fetch(&place, json!({ "url": "http://127.0.0.1:1/" }));
    assert_eq!((code, &error["error"]["rule"]), (Some(2), &json!("component.import")), "{error:#}");
    assert!(error["error"]["help"].as_str().is_some_and(|help| help.contains("inert = [\"wasi:http\"]")), "{error:#}");
    place.write("policy.toml", policy.replace("grants = [\"web\"]", "inert = [\"wasi:http\"]"));
    let (code, run) = fetch(&place, json!({ "url": "http://127.0.0.1:1/" }));
    assert_eq!((code, violations(&run).len()), (Some(3), 1), "nothing stands behind it: {run:#}");
    assert!(exchanges(&run).is_empty());
}
