//! The key goes to its service alone, and into no text.

use std::net::TcpListener;
use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::stand_in::{self, StandIn, chunked, events, ok, raw, status};
use super::{BOUNDS, KEY, ask, ask_within, planner, told};
use crate::planner::http::{Address, HttpPlanner, Trust};
use crate::planner::{Choice, Key};

#[test]
fn no_request_is_sent_on_to_another_place() {
    for code in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let other = StandIn::new([ok("application/json", "{}")]);
        let location = format!("location: http://{}/v1/chat/completions\r\n", other.address);
        let stand_in = StandIn::new([status(code, &location, "")]);
        let error = told(ask(&mut planner("openai:m", &stand_in)));
        assert!(error.contains("no request is sent on to another place"), "{error}");
        assert!(error.contains(&other.address.to_string()), "{error}");
        assert!(other.seen().is_empty(), "{code}");
        assert_eq!(stand_in.seen().len(), 1);
    }
}

#[test]
fn a_service_that_repeats_the_key_does_not_have_it_shown() {
    let quoted = format!("\"{KEY}\"");
    let error = format!("{{\"error\":{{\"message\":\"no such key: {KEY}\"}}}}");
    let escaped = format!("{{\"error\":\"no such key: {}\"}}", KEY.replace('s', "\\u0073"));
    let refusal =
        format!("{{\"choices\":[{{\"index\":0,\"delta\":{{\"refusal\":\"{KEY}\"}},\"finish_reason\":\"stop\"}}]}}");
    let cases = [
        ("a status", status("401 Unauthorized", "", &error)),
        ("an escaped one", status("403 Forbidden", "", &escaped)),
        ("a page", status("404 Not Found", "", &format!("<html>{KEY}</html>"))),
        ("a place", status("302 Found", &format!("location: http://127.0.0.1:1/?key={KEY}\r\n"), "")),
        ("tries", status("500 Internal Server Error", "", &error)),
        ("a type", ok(&format!("text/{KEY}"), "")),
        ("an error in the stream", events([error.as_str()])),
        ("a refusal", events([refusal.as_str()])),
        ("a malformed event", events([quoted.as_str()])),
        ("a malformed head", raw(format!("{KEY}\r\n\r\n"))),
        ("a long text before it", status("400 Bad Request", "", &format!("{}{KEY}", "x".repeat(290)))),
        ("malformed JSON", chunked("application/json", &format!("{{\"a\":\"{KEY}"))),
    ];
    for (name, answer) in cases {
        let stand_in = StandIn::new([answer]);
        let (reply, heard) = ask_within(&mut planner("openai:m", &stand_in), BOUNDS);
        let shown = format!("{:?} {heard:?}", reply.unwrap_err());
        assert!(!shown.contains("secret") && !shown.contains("sk-very"), "{name}: {shown}");
        // It was there to be shown.
        assert!(stand_in.seen()[0].head.contains(KEY), "{name}");
    }
}

#[test]
fn a_service_without_a_certificate_that_is_believed_hears_nothing() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let of_another = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (trust, well) in [
        (Trust::of(issued.cert.der().clone()), true),
        (Trust::of(of_another.cert.der().clone()), false),
        (Trust::nobody(), false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port()).parse().unwrap();
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.into())
            .unwrap();
        let service = std::thread::spawn(move || {
            let (connection, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), connection);
            let seen = stand_in::read(&mut stream).ok();
            let done = r#"{"choices":[{"index":0,"delta":{"content":"{}"},"finish_reason":"stop"}]}"#;
            let _ = events([done])(&mut stream);
            seen
        });
        let Ok(Choice::Model(service_kind, model)) = "openai:m".parse() else { panic!() };
        let address = Address::of(service_kind, Some(url), true).unwrap();
        let key = Some(Key::new(KEY).unwrap());
        let mut planner = HttpPlanner::new("openai:m".to_owned(), service_kind, model, address, key, trust);
        planner.endpoint.patience.times = 0;
        let reply = ask(&mut planner);
        let seen = service.join().unwrap();
        assert_eq!(seen.is_some(), well);
        if well {
            assert_eq!(reply.unwrap().text, "{}");
        } else {
            assert!(told(reply).contains("certificate"));
        }
    }
}
