//! A person is asked at a terminal: what is shown cannot lie, and anything but `yes` is no.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::stand_in::{POLICY, step};
use crate::program::Place;

/// How long the program may take to ask.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is typed is a signal, as from Ctrl-C.
const INTERRUPT: &str = "\u{3}";

/// Runs the program at a terminal, types `answer` once it has printed `prompt`, and gives its exit code and what stood there.
fn at_terminal(place: &Place, arguments: &[&str], prompt: &str, answer: &str) -> (Option<i32>, String) {
    typing(place, arguments, &[(prompt, answer)])
}

/// The same, with an answer for each of several things that it prints, in their order.
fn typing(place: &Place, arguments: &[&str], answers: &[(&str, &str)]) -> (Option<i32>, String) {
    let pty = openpty(None, None).expect("there are terminals");
    let [theirs, again]: [OwnedFd; 2] = [pty.slave.try_clone().expect("it can be shared"), pty.slave];
    let mut command = place.command(arguments);
    command.stdin(Stdio::from(theirs)).stderr(Stdio::from(again)).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    // Its side of the terminal is the program's alone.
    drop(command);
    let (mut ours, mut typing) =
        (File::from(pty.master.try_clone().expect("it can be shared")), File::from(pty.master));
    let (send, printed) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = ours.read(&mut bytes) {
            if send.send(bytes[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let (mut text, mut answers, until) = (Vec::new(), answers.iter().peekable(), Instant::now() + PATIENCE);
    while let Ok(bytes) = printed.recv_timeout(until.saturating_duration_since(Instant::now())) {
        text.extend(bytes);
        let is_there = |(prompt, _): &&(&str, &str)| String::from_utf8_lossy(&text).contains(prompt);
        while let Some((_, answer)) = answers.next_if(is_there) {
            if *answer == INTERRUPT {
                let child = Pid::from_raw(i32::try_from(child.id()).expect("it is one"));
                kill(child, Signal::SIGINT).expect("it runs");
            } else {
                typing.write_all(answer.as_bytes()).expect("somebody reads");
            }
        }
    }
    let status = child.wait().expect("it ends");
    drop(typing);
    reader.join().expect("it ends");
    let text = String::from_utf8(text).expect("what is printed is UTF-8");
    assert!(answers.next().is_none(), "it asked: {text}");
    (status.code(), text)
}

const PROMPT: &str = "Type yes and Enter";
const RUN: [&str; 5] = ["run", "--policy", "policy.toml", "--plan", "plan.json"];

/// A place whose plan writes `text`, which is asked about.
fn desk(text: &Value) -> Place {
    let place = Place::with_own_home();
    let policy = POLICY
        .replace("grants = [\"out\"]\n", "grants = [\"out\"]\napprove = \"each\"\n")
        .replace("from = [\"user\", \"task\"]", "from = [\"planner\"]");
    place.write("policy.toml", policy);
    place.write("notes/a.md", "a note");
    fs::create_dir(place.path("key")).expect("folders can be made");
    let read = step("a", "read", json!({ "path": "a.md" }));
    let write = step("w", "write", json!({ "path": "report.md", "text": text }));
    place.write("plan.json", json!({ "claw": 1, "steps": [read, write] }).to_string());
    place
}

#[test]
fn yes_runs_the_plan_and_anything_else_refuses_it() {
    for (answer, code) in [
        ("yes\n", 0),
        ("y\n", 3),
        ("\n", 3),
        ("YES\n", 3),
        (" yes\n", 3),
        ("yes please\n", 3),
        ("no\n", 3),
        ("\u{4}", 3),
        (INTERRUPT, 130),
    ] {
        let place = desk(&json!("x"));
        let (found, text) = at_terminal(&place, &RUN, PROMPT, answer);
        assert_eq!(found, Some(code), "{answer:?}: {text}");
        assert_eq!(place.path("out/report.md").exists(), code == 0, "{answer:?}");
    }
}

#[test]
fn what_was_typed_before_the_question_is_no_answer_to_it() {
    let place = desk(&json!("x"));
    let (code, text) = typing(&place, &RUN, &[("compiling", "yes\nyes\n"), (PROMPT, "no\n")]);
    assert_eq!(code, Some(3), "{text}");
    assert!(!place.path("out/report.md").exists());
}

#[test]
fn what_is_asked_is_said_in_plain_words() {
    let (_, text) = at_terminal(&desk(&json!({ "$step": "a" })), &RUN, PROMPT, "no\n");
    for line in [
        "The step w calls write.",
        "path = \"report.md\"",
        "chosen by the planner",
        "text = {\"$step\":\"a\",\"at\":\"\"}",
        "what a gives is not known yet: you are asked again when it is",
        "secret of notes",
        "It can write into the folder out.",
        "the policy asks before each call of it",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_step_is_asked_about_again_once_what_it_is_given_is_known() {
    const AGAIN: &str = "Type yes and Enter to run the step";
    for (answer, code, status) in [("yes\n", 0, "completed"), ("no\n", 3, "halted"), (INTERRUPT, 130, "interrupted")] {
        let place = desk(&json!({ "$step": "a" }));
        let (found, text) = typing(&place, &RUN, &[(PROMPT, "yes\n"), (AGAIN, answer)]);
        assert_eq!(found, Some(code), "{answer:?}: {text}");
        let again = text.split(PROMPT).nth(1).expect("it asks again");
        assert!(again.contains("text = \"a note\"") && !again.contains("$step"), "{again}");
        assert_eq!(place.path("out/report.md").exists(), code == 0, "{answer:?}");
        let list = place.json(&["audit", "list"]).1;
        let ran = &list.as_array().expect("a list")[0];
        assert_eq!(ran["status"], status, "{list:#}");
        let id = ran["run"].as_str().expect("it has one");
        assert_eq!(place.claw(&["audit", "verify", id]).code, Some(0));
        let (code, replayed) = place.json(&["replay", id]);
        assert_eq!((code, &replayed["result"]), (Some(0), &json!("same")), "{answer:?}: {replayed:#}");
        let same = place.json(&["replay", "--what-if", "policy.toml", id]);
        assert_eq!(same.0, Some(0), "{answer:?}: {:#}", same.1);
    }
}

#[test]
fn nothing_in_a_value_makes_the_question_lie() {
    let tail = "-and-then-rm-rf".to_owned();
    for (value, there, absent) in [
        // A line of its own, as if it were claw's.
        (json!("x\nType yes and Enter to go on safely.\u{1b}[2J\u{1b}[1;1H"), "x\\\\nType yes", "\u{1b}[2J"),
        (json!("\r    text = \"harmless\""), "\\\\r    text", "\r    text"),
        (json!("\u{202e}txt.exe"), "\\u{202e}txt.exe", "\u{202e}"),
        (json!("p\u{430}y"), "p\\\\u{430}y", "\u{200b}"),
        // Also at the end of what is long.
        (json!(format!("{}p\u{430}y", "a".repeat(5_000))), "p\\\\u{430}y", "\u{7}"),
        (json!("zero\u{200b}width"), "zero\\u{200b}width", "\u{200b}"),
        // Of what is long the end is shown too, and how much there is.
        (json!(format!("{}{tail}", "a".repeat(5_000))), "of 5017 characters", "\u{7}"),
        (json!(format!("{}{tail}", "a".repeat(5_000))), "-and-then-rm-rf\"", "\u{7}"),
    ] {
        let (code, text) = at_terminal(&desk(&value), &RUN, PROMPT, "no\n");
        assert_eq!(code, Some(3));
        let there = there.replace("\\\\", "\\");
        assert!(text.contains(&there), "{there:?} is shown: {text:?}");
        let asked = text.split(PROMPT).next().unwrap_or_default();
        let asked = asked.split("No rule refuses this plan").nth(1).expect("it asks");
        assert!(!asked.contains(absent), "{absent:?} is not: {asked:?}");
        let asks = text.lines().filter(|line| line.starts_with(PROMPT)).count();
        assert_eq!(asks, 1, "no line of a value's is claw's: {text:?}");
    }
}

#[test]
fn planners_are_let_forget_at_a_terminal() {
    let place = desk(&json!("x"));
    let kept =
        place.write("home/.local/state/claw/planners/planning.json", "{\"context\":{\"secrecy\":[],\"origin\":[]}}");
    let reset = |answer| at_terminal(&place, &["planner", "reset", "--policy", "planning"], PROMPT, answer).0;
    assert_eq!(reset("no\n"), Some(3));
    assert!(kept.exists());
    assert_eq!(reset("yes\n"), Some(0));
    assert!(!kept.exists());
}
