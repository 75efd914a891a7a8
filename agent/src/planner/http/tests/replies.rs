//! What services say, in the shapes in which they say it (`wire/`).

use super::stand_in::{Answer, StandIn, chunked, cut, events, ok};
use super::{BOUNDS, ask, ask_within, planner, told};
use crate::planner::{Reply, Tokens};

const SSE: &str = "text/event-stream; charset=utf-8";
const LINES: &str = "application/x-ndjson";

macro_rules! wire {
    ($name:literal) => {
        include_str!(concat!("wire/", $name))
    };
}

fn whole(text: &str, prompt: impl Into<Option<u64>>, reply: impl Into<Option<u64>>) -> Reply {
    Reply { text: text.to_owned(), cut: false, tokens: Tokens { prompt: prompt.into(), reply: reply.into() } }
}

fn cut_off(text: &str, prompt: u64, reply: u64) -> Reply {
    Reply { cut: true, ..whole(text, prompt, reply) }
}

/// What the planner `choice` takes from each answer.
fn replies<const N: usize>(choice: &str, cases: [(&str, Answer, Reply); N]) {
    for (name, answer, expected) in cases {
        let stand_in = StandIn::new([answer]);
        assert_eq!(ask(&mut planner(choice, &stand_in)), Ok(expected), "{name}");
    }
}

#[test]
fn chat_completions_are_read_as_each_server_streams_them() {
    let sse = |body| chunked(SSE, body);
    let not_streamed = ok("application/json", wire!("not-streamed.json"));
    let no_last_event = events([r#"{"choices":[{"delta":{"content":"{}"},"finish_reason":"stop"}]}"#]);
    let more = events([
        r#"{"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"yes"}}]}"#,
        "[DONE]",
        r#"{"choices":[{"index":0,"delta":{"content":"too late"}}]}"#,
    ]);
    replies(
        "openai:m",
        [
            ("OpenAI", sse(wire!("openai.sse")), whole("{\"a\": \"ü\"}", 19, 10)),
            ("llama.cpp", sse(wire!("llama.cpp.sse")), whole("{}", 31, 2)),
            ("OpenRouter", sse(wire!("openrouter.sse")), whole("{}", 5, 1)),
            ("vLLM, cut by length", sse(wire!("vllm-length.sse")), cut_off("{}", 5, 1)),
            ("not streamed", not_streamed, whole("{}", 1, 2)),
            ("without `[DONE]`", no_last_event, whole("{}", None, None)),
            ("a second choice, and words after the end", more, whole("yes", None, None)),
        ],
    );
}

#[test]
fn calls_of_tools_are_replies_and_nothing_said_is_left_away() {
    let several = whole("{\"a\":1}\n{\"a\":2}\n{\"a\":3}", None, None);
    replies(
        "openai:m",
        [
            ("a call", chunked(SSE, wire!("openai-call.sse")), whole("{\"a\":1}", None, None)),
            ("prose and two calls", chunked(SSE, wire!("prose-and-calls.sse")), several),
        ],
    );
    replies("ollama:m", [("a call", chunked(LINES, wire!("ollama-call.ndjson")), whole("{\"a\":1}", 26, 5))]);
}

#[test]
fn messages_of_anthropic_are_read() {
    let stop = |reason: &str| {
        let reason = format!("\"stop_reason\":\"{reason}\"");
        chunked(SSE, &wire!("anthropic-tool.sse").replace("\"stop_reason\":\"tool_use\"", &reason))
    };
    replies(
        "anthropic:m",
        [
            ("a tool", stop("tool_use"), whole("{\"a\": 1}", 500, 89)),
            ("cut by length", stop("max_tokens"), cut_off("{\"a\": 1}", 500, 89)),
            ("no more room", stop("model_context_window_exceeded"), cut_off("{\"a\": 1}", 500, 89)),
            ("prose and a tool", chunked(SSE, wire!("anthropic-prose.sse")), whole("Here: \n{}", 500, 3)),
        ],
    );
    let stand_in = StandIn::new([stop("refusal")]);
    assert!(told(ask(&mut planner("anthropic:m", &stand_in))).contains("refused"));
}

#[test]
fn chats_of_ollama_are_read() {
    let length = wire!("ollama.ndjson").replace("\"stop\"", "\"length\"");
    replies(
        "ollama:m",
        [
            ("whole", chunked(LINES, wire!("ollama.ndjson")), whole("{\"a\": 1}", 26, 5)),
            ("without a last line break", chunked(LINES, wire!("ollama.ndjson").trim()), whole("{\"a\": 1}", 26, 5)),
            ("cut by length", chunked(LINES, &length), cut_off("{\"a\": 1}", 26, 5)),
        ],
    );
}

#[test]
fn what_goes_on_is_told() {
    let stand_in = StandIn::new([chunked(SSE, wire!("openai.sse"))]);
    let (reply, heard) = ask_within(&mut planner("openai:m", &stand_in), BOUNDS);
    let bytes = reply.unwrap().text.len();
    // Several words may come at once.
    assert_eq!(heard.first().unwrap(), "waiting");
    assert_eq!(heard.last().unwrap(), &format!("{bytes} bytes"));
}

#[test]
fn what_is_no_reply_is_told_with_what_to_do() {
    let chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"{}\"}}]}\n\n";
    let half = "data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\n";
    let cases = [
        ("a refusal", "openai:m", chunked(SSE, wire!("openai-refusal.sse"))),
        ("a filter", "openai:m", chunked(SSE, wire!("openai-filter.sse"))),
        ("a stream that is cut", "openai:m", cut(SSE, chunk)),
        ("a stream that ends too soon", "openai:m", chunked(SSE, chunk)),
        ("an event that is cut", "openai:m", chunked(SSE, half)),
        ("malformed JSON", "openai:m", events(["{\"choices\":[{]}"])),
        ("a member twice", "openai:m", events([r#"{"choices":[],"choices":[]}"#])),
        ("malformed events", "openai:m", chunked(SSE, "<html>\n\n</html>\n\n")),
        ("a page", "openai:m", ok("text/html", "<html>Log in</html>")),
        ("an error in the stream", "openai:m", events([r#"{"error":{"message":"out of memory","code":500}}"#])),
        ("a line that is cut", "ollama:m", chunked(LINES, r#"{"message":{"content":"{}"},"do"#)),
        ("lines that end too soon", "ollama:m", chunked(LINES, "{\"message\":{\"content\":\"{}\"}}\n")),
        ("Ollama's error", "ollama:m", chunked(LINES, "{\"error\":\"the runner stopped\"}\n")),
        ("Anthropic's error", "anthropic:m", chunked(SSE, wire!("anthropic-error.sse"))),
        ("Anthropic's stream without an end", "anthropic:m", chunked(SSE, wire!("anthropic-no-end.sse"))),
    ];
    let mut all = String::new();
    for (name, choice, answer) in cases {
        let stand_in = StandIn::new([answer]);
        all += &format!("# {name}\n{}\n", told(ask(&mut planner(choice, &stand_in))));
    }
    insta::assert_snapshot!(all);
}
