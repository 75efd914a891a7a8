//! What strangers write stays inside its line of the log, and says nothing to the terminal that it is shown at: a hundred
//! hostile strings in each field that a stranger can reach, through each printer.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Stdio;

use claw_audit::{Event, Machine, Stored, Verified};
use serde_json::{Value, json};

use crate::program::{Place, Ran, copy};

/// Texts that end a line, move a cursor, turn or hide text, or look like the log's own.
fn hostile() -> Vec<String> {
    let told = [
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]8;;http://a.example\u{1b}\\link\u{1b}]8;;\u{1b}\\",
        "\u{1b}]52;c;cm0gLXJm\u{7}",
        "\u{9b}2J",
        "\u{1b}Pq\u{1b}\\",
        "one\r\ntwo",
        "done\rfailed",
        "\n\n\n",
        "x\n{\"event\":\"seal\",\"status\":\"completed\",\"time\":1}\n",
        "\"}\n{\"event\":\"seal\",\"status\":\"completed\",\"time\":1}",
        "\"},{\"event\":\"done\"}",
        "\\\"}\\n{\\\"event\\\":\\\"halt\\\"}",
        "\",\"outcome\":\"ok",
        "\\u000a\\u001b[2J",
        "\\ud800",
        "\\",
        "\"",
        "'; --",
        "%0a%1b",
        "&#10;",
        "$(id)`id`",
        "completed: every step is done",
        "error[plan.key]: no",
        "  = help: say yes",
        "\u{202e}gnp.exe\u{202c}",
        "\u{2066}\u{2067}\u{2068}\u{2069}",
        "\u{e0001}\u{e0041}\u{e007f}",
        "\u{fe0f}\u{fe0e}\u{e0100}",
        "a\u{0301}\u{0302}\u{0303}\u{0304}\u{0305}\u{0306}\u{0307}\u{0308}",
        "\u{ff1c}\u{fffd}\u{ffff}\u{10ffff}",
        "\u{fff9}a\u{fffa}b\u{fffb}",
        "пaypal",
        "日本\u{3000}語",
        "👩\u{200d}👩\u{200d}👧",
        "...........................................................................................................",
        "--json",
        "$step",
        "__proto__",
    ];
    let alone = (0..0x20).chain(0x7f..=0xa0).chain([0xad, 0x61c, 0x115f, 0x180e, 0x3164, 0xfeff, 0xffa0]);
    let alone = alone.chain(0x200b..=0x200f).chain(0x2028..=0x202e).chain(0x2060..=0x206f);
    let alone = alone.filter_map(char::from_u32).map(|c| format!("a{c}b"));
    let floods = ["\u{0336}", "\u{202e}", "\u{200b}", "\n", "long "].map(|piece| piece.repeat(50));
    told.into_iter().map(str::to_owned).chain(alone).chain(floods).collect()
}

/// Whether a character ends a line, moves a cursor, turns text, or is not seen (Unicode 16, general categories Cc, Zl, Zp and
/// Cf; said anew here, so that it does not rest on what it tests).
fn speaks(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Fails if a text says anything to a terminal, but for its line feeds.
#[track_caller]
fn harmless(what: &str, text: &str) {
    let line = text.split('\n').find(|line| line.contains(speaks));
    assert!(line.is_none(), "{what:?}: {line:?}");
}

struct Stranger {
    place: Place,
    strings: Vec<String>,
}

/// The steps of one plan, so that each violation is told.
const CHUNK: usize = 60;

impl Stranger {
    fn new() -> Self {
        let probe =
            Place::with_probe("[capability.probe.limits]\nargument-bytes = \"1MiB\"\noutput-bytes = \"1MiB\"\n");
        let place = Place::with_own_home();
        copy(&probe.path(""), &place.path(""));
        fs::create_dir(place.path("out")).expect("folders can be made");
        let policy = probe.read("policy.toml")
            + "[input.word]\ntype = \"string\"\n[limits]\nplan-steps = 500\n\
               [capability.list]\ncomponent = \"builtin:list-files\"\ngrants = [\"out\"]\n\
               [capability.read]\ncomponent = \"builtin:read-file\"\ngrants = [\"in\"]\n";
        place.write("policy.toml", policy);
        let strings = hostile();
        place.write("word", strings.join(" "));
        Self { place, strings }
    }

    /// What the program says to these arguments, which has to be harmless; with `--json` too, and the code of both.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let what = arguments.join(" ");
        let Ran { code, out, err } = self.place.claw(arguments);
        harmless(&what, &out);
        harmless(&what, &err);
        self.says_json(arguments, code)
    }

    #[track_caller]
    fn says_json(&self, arguments: &[&str], code: Option<i32>) -> (Option<i32>, Value) {
        let ran = self.place.claw(&[arguments, &["--json"]].concat());
        harmless("--json", &ran.out);
        harmless("--json", &ran.err);
        assert_eq!(ran.code, code, "{ran:?}");
        (code, serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}")))
    }

    /// Runs a plan, whose text and whose record have to be told harmlessly. Gives the record of the run.
    #[track_caller]
    fn runs(&self, plan: &[u8], code: i32) -> Verified {
        self.place.write("plan.json", plan);
        let with = ["--policy", "policy.toml", "--plan", "plan.json", "--input", "word=@word"];
        self.says(&[&["check"], with.as_slice()].concat());
        let (ran, run) = self.says(&[&["run"], with.as_slice()].concat());
        assert_eq!(ran, Some(code), "{run:#}");
        let id = run["run"].as_str().expect("an id");
        for more in [&[][..], &["--calls", "--values"]] {
            assert_eq!(self.says(&[&["audit", "show", id], more].concat()).0, Some(0));
        }
        let record = self.record(id);
        let Event::Plan { text, base64: false } = &record.events[1] else { panic!("{:?}", record.events) };
        assert_eq!(claw_audit::plan_text(&record.folder, text, false).expect("it is there"), plan);
        record
    }

    /// All runs so far, by the printers that are about all of them.
    #[track_caller]
    fn are_told(&self) {
        for all in ["list", "verify"] {
            assert_eq!(self.says(&["audit", all]).0, Some(0));
        }
    }

    fn state(&self) -> PathBuf {
        self.place.home().join(".local/state/claw")
    }

    /// A record, each line of which is one event in its canonical form, or it would not verify.
    fn record(&self, run: &str) -> Verified {
        let key = Machine::open(&self.state()).expect("there is a key").key().public();
        let record = claw_audit::verify(&self.state().join("runs").join(run), key);
        let record = record.unwrap_or_else(|fault| panic!("{fault}"));
        let log = fs::read_to_string(record.folder.join("log.jsonl")).expect("it is there");
        assert_eq!(log.lines().count(), record.events.len());
        assert!(!log.contains(|c: char| c < ' ' && c != '\n'), "RFC 8785 escapes them");
        record
    }

    /// All strings in chunks, each made a plan's steps.
    fn plans(&self, step: impl Fn(usize, &str) -> Value) -> Vec<Vec<u8>> {
        let chunks = self.strings.chunks(CHUNK).map(|chunk| {
            let steps: Vec<Value> = chunk.iter().enumerate().map(|(at, text)| step(at, text)).collect();
            json!({ "claw": 1, "steps": steps }).to_string().into_bytes()
        });
        chunks.collect()
    }
}

/// A way for a stranger's text into a step.
type Field = (&'static str, fn(usize, &str) -> Value);

/// Fields whose hostile strings are refused, mostly with a violation each.
const REFUSED: &[Field] = &[
    ("id", |_, text| json!({ "id": text, "capability": "probe" })),
    ("capability", |at, text| json!({ "id": format!("a{at}"), "capability": text })),
    ("key", |at, text| json!({ "id": format!("a{at}"), "capability": "list", text: 1 })),
    (
        "argument",
        |at, text| json!({ "id": format!("a{at}"), "capability": "list", "arguments": { format!("x{text}"): "x" } }),
    ),
    ("reference", |at, text| probe(at, "nothing", &json!({ "$step": text }))),
    ("pointer", |at, text| probe(at, "nothing", &json!({ "$step": "a0", "at": format!("/{text}") }))),
    ("unknown reference", |at, text| probe(at, "nothing", &json!({ format!("${text}"): 1 }))),
    (
        "path",
        |at, text| json!({ "id": format!("a{at}"), "capability": "read", "arguments": { "path": format!("../{text}") } }),
    ),
];

fn probe(at: usize, what: &str, path: &Value) -> Value {
    json!({ "id": format!("a{at}"), "capability": "probe", "arguments": { "what": what, "n": 0, "path": path } })
}

fn one(what: &str, path: &str) -> Vec<u8> {
    json!({ "claw": 1, "steps": [probe(0, what, &json!(path))] }).to_string().into_bytes()
}

#[test]
fn what_a_plan_says_is_refused_recorded_and_told_in_one_line() {
    let stranger = Stranger::new();
    assert!(stranger.strings.len() >= 100, "{}", stranger.strings.len());
    for (field, step) in REFUSED {
        for plan in stranger.plans(step) {
            let record = stranger.runs(&plan, 3);
            let Event::Verdict { violations, .. } = &record.events[2] else { panic!("{field}: {:?}", record.events) };
            assert!(violations.len() > 10, "{field}: {violations:?}");
        }
    }
    // Texts that are no plans at all, and escapes that are half of a character.
    stranger.runs(stranger.strings.join(" ").as_bytes(), 3);
    stranger.runs(br#"{"claw":1,"\ud800\u001b[2J":"\udfff","steps":[]}"#, 3);
    stranger.are_told();
}

#[test]
fn what_a_guest_does_says_and_answers_is_recorded_and_told_in_one_line() {
    let stranger = Stranger::new();
    // Arguments, and names of files that are made, written, listed.
    let mut given = Vec::new();
    for plan in stranger.plans(|at, text| probe(at, "nothing", &json!(text))) {
        let record = stranger.runs(&plan, 0);
        given.extend(record.events.iter().filter_map(|event| match event {
            Event::Step { arguments: Stored::Inline(arguments), .. } => arguments["path"].as_str().map(str::to_owned),
            _ => None,
        }));
    }
    assert_eq!(given, stranger.strings, "they are read back as they were");
    let is_name = |text: &&String| !text.contains(['/', '\0']) && !text.is_empty() && text.len() < 200;
    let names: Vec<&String> = stranger.strings.iter().filter(is_name).collect();
    let steps = names.iter().enumerate().map(|(at, name)| probe(at, "write", &json!(format!("/out/x{name}"))));
    let plan =
        json!({ "claw": 1, "steps": steps.chain([json!({ "id": "list", "capability": "list" })]).collect::<Vec<_>>() });
    let record = stranger.runs(plan.to_string().as_bytes(), 0);
    let subjects: Vec<&String> = record
        .events
        .iter()
        .filter_map(|event| if let Event::Call(call) = event { call.subject.as_ref() } else { None })
        .collect();
    for name in &names {
        assert!(subjects.contains(&&format!("/out/x{name}")), "{name:?} is read back as it was");
    }
    // Errors, prints and denials end their plan: as many strings at once as one text has room for.
    for chunk in stranger.strings.chunks(CHUNK) {
        let text = chunk.join(" ");
        stranger.runs(&one("fail", &text), 4);
        stranger.runs(&one("say", &text), 4);
        let denied = format!("/in/../{}", text.replace(['/', '\0'], " "));
        stranger.runs(&one("read", &denied.chars().take(900).collect::<String>()), 3);
    }
    // An output is a plan's answer: at a terminal it is escaped, and into a pipe it goes as it is.
    let text = stranger.strings.join("\n");
    stranger.place.write("in/said.md", &text);
    stranger.place.write("plan.json", one("read", "/in/said.md"));
    let run = ["run", "--policy", "policy.toml", "--plan", "plan.json"];
    assert_eq!(stranger.place.claw(&run).out.trim_end(), text.trim_end());
    harmless("at a terminal, where an answer keeps its tabs", &at_a_terminal(&stranger.place, &run).replace('\t', " "));
    stranger.says_json(&run, Some(0));
    stranger.are_told();
}

#[test]
fn what_files_and_policies_are_called_is_told_in_one_line() {
    let stranger = Stranger::new();
    let Stranger { place, strings } = &stranger;
    let toml = |text: &str| toml::Value::String(text.to_owned()).to_string();
    // A policy that holds them all, where any text can stand.
    let all: Vec<String> = strings.iter().map(|text| toml(text)).collect();
    let good =
        place.read("policy.toml").replace("path = { from", &format!("path = {{ enum = [{}], from", all.join(", ")));
    place.write("good.toml", format!("{good}# {}\n", strings.join(" ").replace(|c: char| c.is_control(), " ")));
    assert_eq!(stranger.says(&["policy", "explain", "good.toml"]).0, Some(0));
    let plan = place.write("plan.json", one("nothing", "none of them"));
    stranger.says(&["check", "--policy", "good.toml", "--plan", &plan.to_string_lossy(), "--input", "word=@word"]);
    assert_eq!(stranger.says(&["policy", "diff", "good.toml", "policy.toml"]).0, Some(3));
    // Policies that do not load, in each of several ways.
    for chunk in strings.chunks(CHUNK) {
        let text = toml(&chunk.join(" "));
        for bad in [
            format!("{text} = 1\n"),
            format!("[capability.{text}]\ncomponent = \"builtin:list-files\"\n"),
            format!("[capability.more]\ncomponent = {text}\n"),
            format!("[grant.more]\ndir = {text}\naccess = \"read\"\n"),
            format!("[input.more]\ntype = {text}\n"),
            format!("[prove]\nnever = [{text}]\n"),
            format!("[[test]]\nplan = {text}\nverdict = \"refused\"\n"),
            format!("{}\n", chunk.join(" ")),
        ] {
            place.write("bad.toml", format!("{}{bad}", place.read("policy.toml")));
            assert_eq!(stranger.says(&["policy", "explain", "bad.toml"]).0, Some(2), "{bad}");
        }
    }
    // Names on the command line, as a shell's `*` would give them.
    let is_name = |text: &&String| !text.contains(['/', '\0']) && !text.is_empty() && text.len() < 200;
    let names: Vec<&String> = strings.iter().filter(is_name).collect();
    let runs = stranger.state().join("runs");
    fs::create_dir_all(&runs).expect("folders can be made");
    let together: Vec<String> =
        names.chunks(12).map(|chunk| chunk.iter().map(|name| name.as_str()).collect()).collect();
    for name in together.iter().filter(is_name) {
        let (policy, plan) = (format!("./{name}.toml"), format!("./{name}.json"));
        place.write(&policy, place.read("policy.toml"));
        place.write(&plan, r#"{"claw":1,"steps":[{"id":"x","capability":"shell"}]}"#);
        let with = ["--policy", &policy, "--plan", &plan];
        assert_eq!(stranger.says(&[&["check"], with.as_slice(), &["--input", "word=@word"]].concat()).0, Some(3));
        assert_eq!(
            stranger.says(&[&["check"], with.as_slice(), &["--input", &format!("x{name}=x")]].concat()).0,
            Some(2)
        );
        assert_eq!(stranger.says(&[&["run"], with.as_slice(), &["--only", &format!("x{name}")]].concat()).0, Some(2));
        assert_eq!(stranger.says(&["check", "--policy", &format!("./no{name}"), "--plan", "x"]).0, Some(2));
        assert_eq!(stranger.says(&["capability", "inspect", &policy]).0, Some(2));
        assert_eq!(stranger.says(&["audit", "list", "--since", &format!("x{name}")]).0, Some(2));
        assert_eq!(stranger.says(&["audit", "verify", &format!("x{name}")]).0, Some(5));
        assert_eq!(stranger.says(&["audit", "show", &format!("x{name}")]).0, Some(2));
    }
    // Folders where records should be.
    for name in &names {
        fs::create_dir_all(runs.join(name)).expect("folders can be made");
    }
    let (_, list) = stranger.says(&["audit", "list"]);
    assert_eq!(list.as_array().map(Vec::len), Some(names.len()));
    for name in together.iter().filter(is_name) {
        let folder = runs.join(name);
        fs::create_dir_all(&folder).expect("folders can be made");
        assert_eq!(stranger.says(&["audit", "show", &folder.to_string_lossy()]).0, Some(5));
        assert_eq!(stranger.says(&["audit", "verify", &folder.to_string_lossy()]).0, Some(5));
    }
}

/// What the program says on standard output where that is a terminal.
fn at_a_terminal(place: &Place, arguments: &[&str]) -> String {
    let pty = nix::pty::openpty(None, None).expect("there are terminals");
    let mut child =
        place.command(arguments).stdout(Stdio::from(pty.slave)).stderr(Stdio::null()).spawn().expect("it starts");
    let mut said = Vec::new();
    // The other end hangs up when the program ends: that is an error to who reads.
    let _hung_up = File::from(pty.master).read_to_end(&mut said);
    assert!(child.wait().expect("it ends").success());
    String::from_utf8(said).expect("what is printed is UTF-8").replace("\r\n", "\n")
}
