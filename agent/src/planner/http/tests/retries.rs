//! When a request is sent again, and when not.

use std::time::{Duration, Instant};

use super::stand_in::{Answer, StandIn, events, raw, status};
use super::{BOUNDS, ask, ask_within, planner, told};
use crate::planner::Bounds;

fn well() -> Answer {
    events([r#"{"choices":[{"index":0,"delta":{"content":"{}"},"finish_reason":"stop"}]}"#])
}

#[test]
fn a_busy_service_is_left_alone_for_as_long_as_it_asks() {
    let busy = status("429 Too Many Requests", "retry-after: 1\r\n", r#"{"error":{"message":"Rate limit reached"}}"#);
    let stand_in = StandIn::new([busy, well()]);
    let begun = Instant::now();
    let (reply, heard) = ask_within(&mut planner("openai:m", &stand_in), BOUNDS);
    assert_eq!(reply.unwrap().text, "{}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(heard, ["waiting", "again: 429 Too Many Requests: Rate limit reached", "waiting", "2 bytes"]);
}

#[test]
fn a_date_is_told_by_the_clock_of_the_service() {
    let dates = "retry-after: Sun, 06 Nov 1994 08:49:38 GMT\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let stand_in = StandIn::new([status("503 Service Unavailable", dates, ""), well()]);
    let begun = Instant::now();
    ask(&mut planner("openai:m", &stand_in)).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_wait_that_is_longer_than_the_time_is_not_begun() {
    let stand_in = StandIn::new([status("429 Too Many Requests", "retry-after: 3600\r\n", ""), well()]);
    let begun = Instant::now();
    insta::assert_snapshot!(told(ask(&mut planner("openai:m", &stand_in))), @r"
    POST http://: 429 Too Many Requests
    the service asks to wait 3600 s: try again then
    ");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(stand_in.seen().len(), 1);
}

#[test]
fn a_service_that_stays_broken_is_given_up() {
    for code in ["500 Internal Server Error", "502 Bad Gateway", "529 Overloaded"] {
        let stand_in = StandIn::new([status(code, "", r#"{"error":{"message":"oh no"}}"#)]);
        let error = told(ask(&mut planner("openai:m", &stand_in)));
        assert!(error.ends_with("oh no\nthe service has a problem of its own: try again later"), "{error}");
        assert_eq!(stand_in.seen().len(), 3, "{code}");
    }
}

#[test]
fn who_cannot_be_reached_is_tried_again() {
    let (reply, heard) = ask_within(&mut planner("openai:m", &StandIn::gone()), BOUNDS);
    insta::assert_snapshot!(told(reply), @r"
    POST http://: Connection refused (os error 111)
    see whether the service runs, and whether the base URL is its own
    ");
    assert_eq!(heard.iter().filter(|line| line.starts_with("again")).count(), 2);
}

#[test]
fn nothing_else_is_sent_again() {
    for answer in [
        status("400 Bad Request", "", ""),
        status("401 Unauthorized", "", r#"{"error":{"message":"Incorrect API key"}}"#),
        status("404 Not Found", "", r#"{"error":"model \"m\" not found"}"#),
        // The connection is closed before there is an answer: it may be at work all the same.
        raw(""),
        raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"),
        raw("no HTTP at all\r\n\r\n"),
    ] {
        let stand_in = StandIn::new([answer]);
        let mut planner = planner("openai:m", &stand_in);
        planner.takes_schema = false;
        ask(&mut planner).unwrap_err();
        assert_eq!(stand_in.seen().len(), 1);
    }
}

#[test]
fn all_tries_share_one_time() {
    let stand_in = StandIn::new([status("500 Internal Server Error", "", "")]);
    let mut planner = planner("openai:m", &stand_in);
    planner.endpoint.patience.times = 1000;
    planner.endpoint.patience.first = Duration::from_millis(50);
    let begun = Instant::now();
    ask_within(&mut planner, Bounds { time: Duration::from_millis(700), ..BOUNDS }).0.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(stand_in.seen().len() < 10);
}
