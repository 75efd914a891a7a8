//! What services are asked.

use serde_json::json;

use super::stand_in::{StandIn, chunked, events, status};
use super::{KEY, ask, planner, schema, told};

fn openai_ok() -> super::stand_in::Answer {
    events([r#"{"choices":[{"index":0,"delta":{"content":"{}"},"finish_reason":"stop"}]}"#])
}

#[test]
fn chat_completions_are_asked_for() {
    let stand_in = StandIn::new([openai_ok()]);
    ask(&mut planner("openai:gpt-5", &stand_in)).unwrap();
    let [seen] = &stand_in.seen()[..] else { panic!() };
    assert!(seen.head.starts_with("post /v1/chat/completions http/1.1\r\n"), "{}", seen.head);
    assert!(seen.head.contains(&format!("\r\nauthorization: bearer {KEY}\r\n")), "{}", seen.head);
    assert!(seen.head.contains("\r\nuser-agent: claw/"), "{}", seen.head);
    assert_eq!(
        seen.body,
        json!({
            "model": "gpt-5",
            "messages": [
                {"role": "system", "content": "You make plans."},
                {"role": "user", "content": "Sort the mail."},
                {"role": "assistant", "content": "{}"},
                {"role": "user", "content": "That is no plan."},
            ],
            "stream": true,
            "stream_options": {"include_usage": true},
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "reply", "strict": false, "schema": schema()},
            },
        })
    );
}

#[test]
fn messages_are_asked_for() {
    let stand_in = StandIn::new([events([r#"{"type":"message_stop"}"#])]);
    ask(&mut planner("anthropic:claude-sonnet-4-5", &stand_in)).unwrap();
    let [seen] = &stand_in.seen()[..] else { panic!() };
    assert!(seen.head.starts_with("post /v1/messages http/1.1\r\n"), "{}", seen.head);
    assert!(seen.head.contains(&format!("\r\nx-api-key: {KEY}\r\n")), "{}", seen.head);
    assert!(seen.head.contains("\r\nanthropic-version: 2023-06-01\r\n"), "{}", seen.head);
    assert_eq!(
        seen.body,
        json!({
            "model": "claude-sonnet-4-5",
            "system": "You make plans.",
            "messages": [
                {"role": "user", "content": "Sort the mail."},
                {"role": "assistant", "content": "{}"},
                {"role": "user", "content": "That is no plan."},
            ],
            "max_tokens": 16384,
            "stream": true,
            "tools": [{"name": "reply", "description": "Takes the whole reply.", "input_schema": schema()}],
            "tool_choice": {"type": "tool", "name": "reply", "disable_parallel_tool_use": true},
        })
    );
}

#[test]
fn a_chat_of_ollama_is_asked_for() {
    let stand_in = StandIn::new([chunked("application/x-ndjson", r#"{"message":{"content":"{}"},"done":true}"#)]);
    ask(&mut planner("ollama:llama3.2", &stand_in)).unwrap();
    let [seen] = &stand_in.seen()[..] else { panic!() };
    assert!(seen.head.starts_with("post /api/chat http/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.body["format"], schema());
    assert_eq!(seen.body["options"], json!({"num_ctx": 8192}));
    assert_eq!(seen.body["truncate"], json!(false));
}

#[test]
fn who_does_not_take_a_schema_is_asked_without_and_never_again_with_it() {
    let no_schema = || status("400 Bad Request", "", r#"{"error":{"message":"Invalid schema for response_format"}}"#);
    let stand_in = StandIn::new([no_schema(), openai_ok()]);
    let mut planner = planner("openai:m", &stand_in);
    ask(&mut planner).unwrap();
    ask(&mut planner).unwrap();
    let with: Vec<bool> = stand_in.seen().iter().map(|seen| seen.body.get("response_format").is_some()).collect();
    assert_eq!(with, [true, false, false]);
}

#[test]
fn what_is_bad_without_a_schema_too_is_told() {
    let too_long = || status("400 Bad Request", "", r#"{"error":{"message":"context length exceeded"}}"#);
    let stand_in = StandIn::new([too_long(), too_long(), openai_ok()]);
    let mut planner = planner("openai:m", &stand_in);
    insta::assert_snapshot!(told(ask(&mut planner)), @r"
    POST http://: 400 Bad Request: context length exceeded
    see what the service says of the request; a smaller task may help
    ");
    // It was not the schema.
    ask(&mut planner).unwrap();
    let with: Vec<bool> = stand_in.seen().iter().map(|seen| seen.body.get("response_format").is_some()).collect();
    assert_eq!(with, [true, false, true]);
}

#[test]
fn only_a_bad_request_is_asked_again_without_a_schema() {
    for code in ["401 Unauthorized", "404 Not Found", "413 Payload Too Large", "422 Unprocessable Entity"] {
        let stand_in = StandIn::new([status(code, "", "{}"), openai_ok()]);
        ask(&mut planner("openai:m", &stand_in)).unwrap_err();
        assert_eq!(stand_in.seen().len(), 1, "{code}");
    }
}
