//! Time, size and interrupts.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::stand_in::{Answer, StandIn, ok, repeated, silence, status};
use super::{BOUNDS, ask, ask_within, planner};
use crate::planner::{Bounds, PlannerError};

const SSE: &str = "text/event-stream";

fn chunk(text: &str) -> String {
    format!("data: {}\n\n", serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
}

#[test]
fn a_reply_that_is_too_large_is_ended_however_it_is_sent() {
    let now = Duration::ZERO;
    let large = "x".repeat(100 << 20);
    let cases: Vec<(&str, Answer)> = vec![
        ("endless words", repeated(SSE, &chunk("words "), usize::MAX, now)),
        ("an endless line", repeated(SSE, "data: aaaaaaaaaaaaaaaaaaaaaaaaaaa", usize::MAX, now)),
        ("an endless event", repeated(SSE, "data: aaaaaaaaaaaaaaaaaaaaaaaaaaa\n", usize::MAX, now)),
        (
            "endless comments",
            repeated(SSE, ": still here, and here, and here, and here, and here\n\n", usize::MAX, now),
        ),
        (
            "endless thoughts",
            repeated(SSE, r#"data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#, usize::MAX, now),
        ),
        ("100 MB in one event", ok(SSE, &chunk(&large))),
        ("100 MB in a document", ok("application/json", &large)),
    ];
    for (name, answer) in cases {
        let stand_in = StandIn::new([answer]);
        assert_eq!(ask(&mut planner("openai:m", &stand_in)), Err(PlannerError::TooLarge(100_000)), "{name}");
    }
    let stand_in =
        StandIn::new([repeated("application/x-ndjson", "{\"message\":{\"content\":\"words \"}}\n", usize::MAX, now)]);
    assert_eq!(ask(&mut planner("ollama:m", &stand_in)), Err(PlannerError::TooLarge(100_000)));
}

#[test]
fn a_reply_may_be_as_large_as_its_bound() {
    for (length, well) in [(100_000, true), (100_001, false)] {
        let body = chunk(&"\u{1}".repeat(length)) + "data: [DONE]\n\n";
        let stand_in = StandIn::new([ok(SSE, &body)]);
        assert_eq!(ask(&mut planner("openai:m", &stand_in)).is_ok(), well, "{length}");
    }
}

#[test]
fn an_error_may_be_of_any_size() {
    let stand_in = StandIn::new([status("400 Bad Request", "", &"x".repeat(100 << 20))]);
    let error = ask(&mut planner("openai:m", &stand_in)).unwrap_err().to_string();
    assert!(error.len() < 1000, "{}", error.len());
}

#[test]
fn time_is_up_wherever_it_is_lost() {
    let slow = Duration::from_millis(50);
    let cases: Vec<(&str, Answer)> = vec![
        ("no answer", silence()),
        ("a trickle of words", repeated(SSE, &chunk("a"), usize::MAX, slow)),
        ("a trickle of comments", repeated(SSE, ":\n", usize::MAX, slow)),
        (
            "a trickle in a head",
            Box::new(move |to| {
                to.write_all(b"HTTP/1.1 200 OK\r\nx-long: ")?;
                loop {
                    std::thread::sleep(slow);
                    to.write_all(b"x")?;
                }
            }),
        ),
    ];
    for (name, answer) in cases {
        let stand_in = StandIn::new([answer]);
        let time = Duration::from_millis(400);
        let begun = Instant::now();
        let (reply, _) = ask_within(&mut planner("openai:m", &stand_in), Bounds { time, ..BOUNDS });
        assert_eq!(reply, Err(PlannerError::TimedOut(time)), "{name}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{name}: {:?}", begun.elapsed());
    }
}

#[test]
fn what_is_skipped_ends_too() {
    let endless: [(&str, &[u8]); 3] = [
        ("", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n1;", b"more=more;"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"more: more\r\n"),
    ];
    for (head, again) in endless {
        let answer: Answer = Box::new(move |to| {
            to.write_all(head.as_bytes())?;
            loop {
                to.write_all(again)?;
            }
        });
        let stand_in = StandIn::new([answer]);
        let bounds = Bounds { time: Duration::from_secs(1), ..BOUNDS };
        let begun = Instant::now();
        ask_within(&mut planner("openai:m", &stand_in), bounds).0.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10), "{head:?}");
    }
}

#[test]
fn an_interrupt_ends_it_at_once() {
    let busy = || status("503 Service Unavailable", "retry-after: 15\r\n", "");
    let cases: Vec<(&str, Answer)> = vec![
        ("waiting for an answer", silence()),
        ("reading words", repeated(SSE, &chunk("a"), usize::MAX, Duration::from_millis(20))),
        ("waiting to try again", busy()),
    ];
    for (name, answer) in cases {
        let stand_in = StandIn::new([answer]);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let user = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            theirs.write_all(b"!").unwrap();
            theirs
        });
        let begun = Instant::now();
        let bounds = Bounds { interrupt: Some(ours.as_fd()), ..BOUNDS };
        let (reply, _) = ask_within(&mut planner("openai:m", &stand_in), bounds);
        assert_eq!(reply, Err(PlannerError::Interrupted), "{name}");
        let elapsed = begun.elapsed();
        assert!(elapsed >= Duration::from_millis(300) && elapsed < Duration::from_secs(10), "{name}: {elapsed:?}");
        // It stays interrupted: nothing is asked any more.
        let before = stand_in.seen().len();
        let bounds = Bounds { interrupt: Some(ours.as_fd()), ..BOUNDS };
        assert_eq!(ask_within(&mut planner("openai:m", &stand_in), bounds).0, Err(PlannerError::Interrupted));
        assert_eq!(stand_in.seen().len(), before, "{name}");
        drop(user.join());
    }
}
