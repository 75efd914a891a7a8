//! Real programs that are planners.

use std::fs;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::planner::{
    Bounds, Environment, Planner, PlannerError, Progress, Prompt, Reply, Settings, Tokens, Turn, open,
};

const BOUNDS: Bounds<'static> = Bounds { time: Duration::from_secs(20), bytes: 100_000, interrupt: None };

/// A folder with a program `planner` in it.
fn program(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [text, planner] = ["text", "planner"].map(|name| folder.path().join(name));
    fs::write(&text, script).unwrap();
    // Another process writes the program: one that was open for writing here could be so in the child of another test
    // too, and would then be too busy to be started.
    let status = Command::new("install").args(["-m", "755"]).args([&text, &planner]).status().unwrap();
    assert!(status.success());
    folder
}

fn planner(folder: &Path) -> Box<dyn Planner> {
    let environment =
        Environment { path: Some("/usr/local/bin:/usr/bin:/bin".into()), home: Some(folder.into()), lang: None };
    let choice = format!("command:{}", folder.join("planner").display()).parse().unwrap();
    open(choice, Settings { environment, ..Settings::default() }).unwrap()
}

fn ask(folder: &Path, bounds: Bounds<'_>, words: &str) -> Result<Reply, PlannerError> {
    let turns = [Turn::User("a task".to_owned()), Turn::Planner("{}".to_owned()), Turn::User(words.to_owned())];
    let schema = json!({"type": "object"});
    let prompt = Prompt { system: "the rules", turns: &turns, schema: &schema };
    planner(folder).ask(prompt, bounds, &mut |_| {})
}

fn run(script: &str, bounds: Bounds<'_>) -> Result<Reply, PlannerError> {
    ask(program(script).path(), bounds, "more")
}

/// Whether a process goes on living, by the id that a program wrote into the file `pid`. Who is killed is gone a moment
/// later.
fn lives(folder: &Path) -> bool {
    let pid = fs::read_to_string(folder.join("pid")).unwrap();
    let is_there = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // A zombie is nobody: it waits for whoever adopted it.
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    };
    (0..200).all(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_there()
    })
}

#[test]
fn what_a_program_writes_is_the_reply() {
    let reply = run("#!/bin/sh\nprintf '{\"a\": '\nsleep 0.05\nprintf '\"ü\"}'\n", BOUNDS).unwrap();
    assert_eq!(reply, Reply { text: "{\"a\": \"ü\"}".to_owned(), cut: false, tokens: Tokens::default() });
}

#[test]
fn it_reads_one_document() {
    let folder = program("#!/bin/sh\ncat\n");
    let reply = ask(folder.path(), BOUNDS, "more").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&reply.text).unwrap(),
        json!({
            "version": 1,
            "system": "the rules",
            "turns": [
                {"from": "user", "text": "a task"},
                {"from": "planner", "text": "{}"},
                {"from": "user", "text": "more"},
            ],
            "schema": {"type": "object"},
            "bounds": {"bytes": 100_000},
        })
    );
}

#[test]
fn it_has_no_arguments_and_three_variables_at_most() {
    let folder = program(
        "#!/bin/sh\necho $#\nenv | cut -d= -f1 | grep -v -e '^_$' -e '^PWD$' -e '^SHLVL$' -e '^OLDPWD$' | sort\n",
    );
    assert_eq!(ask(folder.path(), BOUNDS, "more").unwrap().text, "0\nHOME\nPATH\n");
}

#[test]
fn its_name_is_what_was_chosen_and_it_may_remember() {
    let folder = program("#!/bin/sh\n");
    let planner = planner(folder.path());
    assert_eq!(planner.name(), format!("command:{}/planner", folder.path().display()));
    assert!(planner.remembers());
}

#[test]
fn a_long_prompt_need_not_be_read_and_a_long_reply_need_not_wait() {
    let long = "x".repeat(10 << 20);
    let unread = program("#!/bin/sh\necho '{}'\n");
    assert_eq!(ask(unread.path(), BOUNDS, &long).unwrap().text, "{}\n");
    let echo = program("#!/bin/sh\ncat\n");
    let bounds = Bounds { bytes: 20 << 20, ..BOUNDS };
    assert!(ask(echo.path(), bounds, &long).unwrap().text.len() > 10 << 20);
}

#[test]
fn what_goes_on_is_told() {
    let folder = program("#!/bin/sh\nprintf 12345\n");
    let mut heard = Vec::new();
    let mut watch = |progress: Progress<'_>| heard.push(format!("{progress:?}"));
    let prompt = Prompt { system: "", turns: &[], schema: &Value::Null };
    planner(folder.path()).ask(prompt, BOUNDS, &mut watch).unwrap();
    assert_eq!(heard, ["Waiting", "Replying(5)"]);
}

#[test]
fn a_program_that_fails_has_no_reply_and_says_why() {
    let cases = [
        ("#!/bin/sh\necho '{}'\nexit 3\n", "it ended with exit code 3"),
        ("#!/bin/sh\nkill -9 $$\n", "it was killed by signal 9"),
        (
            "#!/bin/sh\nprintf 'no \\033[2Jmodel\\nhere' >&2\nexit 1\n",
            "it ended with exit code 1: no \\u{1b}[2Jmodel\\nhere",
        ),
        ("#!/bin/sh\nprintf '\\377'\n", "its reply is not UTF-8 text"),
    ];
    for (script, expected) in cases {
        let Err(PlannerError::Failed { what, why, help }) = run(script, BOUNDS) else { panic!("{script}") };
        assert!(what.starts_with("command:/") && !help.is_empty(), "{what}");
        assert_eq!(why, expected, "{script}");
    }
}

#[test]
fn of_much_that_it_complains_of_the_end_is_shown() {
    let script = "#!/bin/sh\nhead -c 5000000 /dev/zero | tr '\\0' x >&2\necho ' the end' >&2\nexit 1\n";
    let Err(PlannerError::Failed { why, .. }) = run(script, BOUNDS) else { panic!() };
    assert!(why.ends_with("x the end") && why.len() < 2200, "{}", why.len());
}

#[test]
fn what_cannot_be_started_is_told_with_what_to_do() {
    let folder = program("#!/bin/sh\n");
    fs::set_permissions(folder.path().join("planner"), fs::Permissions::from_mode(0o644)).unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    let no_interpreter = program("#!/nowhere\n");
    for folder in [folder.path(), nowhere.path(), no_interpreter.path()] {
        let Err(PlannerError::Failed { why, help, .. }) = ask(folder, BOUNDS, "more") else { panic!() };
        assert!(why.starts_with("it cannot be started: "), "{why}");
        assert!(help.contains("chmod +x"), "{help}");
    }
}

#[test]
fn a_reply_that_is_too_large_is_ended() {
    for script in ["#!/bin/sh\nyes\n", "#!/bin/sh\nhead -c 100001 /dev/zero\n"] {
        assert_eq!(run(script, BOUNDS), Err(PlannerError::TooLarge(100_000)), "{script}");
    }
    assert_eq!(run("#!/bin/sh\nhead -c 100000 /dev/zero\n", BOUNDS).unwrap().text.len(), 100_000);
}

#[test]
fn it_and_what_it_started_are_killed_when_time_is_up() {
    let scripts = [
        "#!/bin/sh\nsleep 300 & echo $! > \"$HOME/pid\"\nwait\n",
        "#!/bin/sh\ntrap '' TERM INT HUP\nsleep 300 & echo $! > \"$HOME/pid\"\nexec >&- 2>&-\nwait\n",
    ];
    for script in scripts {
        let folder = program(script);
        let time = Duration::from_secs(1);
        let begun = Instant::now();
        assert_eq!(
            ask(folder.path(), Bounds { time, ..BOUNDS }, "more"),
            Err(PlannerError::TimedOut(time)),
            "{script}"
        );
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(!lives(folder.path()), "{script}");
    }
}

#[test]
fn what_it_left_running_is_killed_when_it_is_done() {
    // Also what keeps its output open.
    for output in [">/dev/null 2>&1", ""] {
        let folder = program(&format!("#!/bin/sh\nsleep 300 {output} & echo $! > \"$HOME/pid\"\necho '{{}}'\n"));
        assert_eq!(ask(folder.path(), BOUNDS, "more").unwrap().text, "{}\n");
        assert!(!lives(folder.path()), "{output}");
    }
}

#[test]
fn it_is_killed_when_the_user_interrupts() {
    let folder = program("#!/bin/sh\necho $$ > \"$HOME/pid\"\nexec sleep 300\n");
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let user = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        theirs.write_all(b"!").unwrap();
        theirs
    });
    let begun = Instant::now();
    let bounds = Bounds { interrupt: Some(ours.as_fd()), ..BOUNDS };
    assert_eq!(ask(folder.path(), bounds, "more"), Err(PlannerError::Interrupted));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!lives(folder.path()));
    drop(user.join());
}
