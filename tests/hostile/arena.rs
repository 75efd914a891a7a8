//! Where an attack happens: folders that are granted, things that are not, another tenant, and a run that is watched.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::guests;
use crate::oracle::{Aftermath, Contained, Ending, Escape, judge};
use crate::program::{Place, copy, program};
use crate::watch::{orphans, watch};

/// What must not be read: it is in files that nobody is granted, beside those that are.
const SECRET: &str = "THE-SENTINELS-SECRET";

/// What may change while any attack runs: what is granted for writing, what a run uses for itself, and a place for what a
/// case does itself.
const CHANGES: &[&str] = &["out", "tmp", "home", "stage", "neighbour", "document"];

/// The arena of one case. `in/` can be read, `out/` be written, and all else is none of the guest's business.
#[derive(Debug)]
pub(crate) struct Arena {
    pub(crate) place: Place,
    /// Another tenant: another home, another policy.
    pub(crate) neighbour: Neighbour,
    /// The program that is attacked, where it is not claw: what shows that the oracle sees.
    pub(crate) program: PathBuf,
    /// Listeners that nobody may contact, at one port: of this machine's addresses, those that it has.
    sinkholes: Vec<TcpListener>,
    sentinel: BTreeMap<PathBuf, Fingerprint>,
    /// What it is to run: `--plan plan.json`, or a task and its model.
    what: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    changes: Vec<&'static str>,
    /// Whether the worker is taken over, and says what did not happen: a replay has to find it.
    pub(crate) worker_lies: bool,
}

/// All that can be seen of a file: kind and mode, length, times, content.
type Fingerprint = (u32, u64, i64, Vec<u8>);

impl Arena {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        for folder in ["in", "out", "tmp"] {
            fs::create_dir(place.path(folder)).expect("folders can be made");
        }
        place.write("sentinel/key", SECRET);
        place.write("sentinel/.ssh/id_ed25519", SECRET);
        symlink("key", place.path("sentinel/link")).expect("links can be made");
        let sinkholes = sinkholes();
        place.write("in/sinkhole", sinkholes[0].local_addr().expect("it has one").to_string());
        place.write("in/notes.md", "# Notes\n\nOne line.\n");
        let mut arena = Self {
            place,
            neighbour: Neighbour::shared(),
            program: program().to_owned(),
            sinkholes,
            sentinel: BTreeMap::new(),
            what: ["--plan", "plan.json"].map(str::to_owned).to_vec(),
            arguments: Vec::new(),
            environment: Vec::new(),
            changes: CHANGES.to_vec(),
            worker_lies: false,
        };
        arena.plan(json!([{ "id": "attack", "capability": "attack" }]));
        arena
    }

    /// Grants the guest `name` both folders, and has the plan call it.
    pub(crate) fn guest(&mut self, name: &str) -> &mut Self {
        self.component(&guests::guest(name))
    }

    /// The same for any bytes that are said to be a component.
    pub(crate) fn component(&mut self, bytes: &[u8]) -> &mut Self {
        self.place.write("attack.wasm", bytes);
        let digest = claw_policy::digest(bytes);
        self.policy(&format!(
            r#"claw = 1
name = "arena"

[grant.in]
dir = "in"
access = "read"

[grant.out]
dir = "out"
access = "write"
accepts = ["in"]

[capability.attack]
component = {{ path = "attack.wasm", digest = "{digest}" }}
grants = ["in", "out"]
"#
        ))
    }

    /// Has the built-in tools: `list` and `read` what is in `in/`, `write` into `out/`.
    pub(crate) fn tools(&mut self) -> &mut Self {
        self.policy(
            r#"claw = 1
name = "arena"

[grant.in]
dir = "in"
access = "read"

[grant.out]
dir = "out"
access = "write"
accepts = ["in"]

[capability.list]
component = "builtin:list-files"
grants = ["in"]

[capability.read]
component = "builtin:read-file"
grants = ["in"]

[capability.write]
component = "builtin:write-file"
grants = ["out"]
"#,
        )
    }

    /// Has this policy.
    pub(crate) fn policy(&mut self, text: &str) -> &mut Self {
        self.place.write("policy.toml", text);
        self
    }

    /// Adds lines to the end of the policy.
    pub(crate) fn and(&mut self, lines: &str) -> &mut Self {
        let text = self.place.read("policy.toml");
        self.policy(&format!("{text}\n{lines}\n"))
    }

    /// Replaces a part of the policy, which must be there.
    pub(crate) fn instead(&mut self, old: &str, new: &str) -> &mut Self {
        let text = self.place.read("policy.toml");
        assert!(text.contains(old), "the policy has no `{old}`");
        self.policy(&text.replace(old, new))
    }

    /// Grants the guest hosts too, by these lines of the policy; what is in its folders may be sent there.
    pub(crate) fn web(&mut self, lines: &str) -> &mut Self {
        self.instead("grants = [\"in\", \"out\"]\n", "grants = [\"in\", \"out\", \"web\"]\n");
        self.and(&format!("[grant.web]\n{lines}\nsecrecy = []\naccepts = [\"in\", \"out\"]"))
    }

    /// Has the built-in `http-fetch`, granted the hosts of these lines of the policy, send this.
    pub(crate) fn fetch(&mut self, lines: &str, arguments: &Value) -> &mut Self {
        self.plan(json!([{ "id": "attack", "capability": "attack", "arguments": arguments }]));
        self.policy(&format!(
            r#"claw = 1
name = "arena"

[grant.web]
{lines}
secrecy = []
accepts = []

[capability.attack]
component = "builtin:http-fetch"
grants = ["web"]
"#
        ))
    }

    /// The port at which nobody may be contacted.
    pub(crate) fn sinkhole_port(&self) -> u16 {
        self.sinkholes[0].local_addr().expect("it has one").port()
    }

    /// Takes away the folders: for a guest that is to have nothing.
    pub(crate) fn without_grants(&mut self) -> &mut Self {
        self.instead("grants = [\"in\", \"out\"]\n", "")
    }

    /// Tells the guest which of its attacks to try: it is in `/in/attack`.
    pub(crate) fn tell(&mut self, attack: &str) -> &mut Self {
        self.place.write("in/attack", attack);
        self
    }

    /// Sets limits of the guest's steps.
    pub(crate) fn limits(&mut self, lines: &str) -> &mut Self {
        self.and(&format!("[capability.attack.limits]\n{lines}"))
    }

    /// Has these steps as its plan.
    pub(crate) fn plan(&mut self, steps: Value) -> &mut Self {
        self.plan_text(json!({ "claw": 1, "steps": steps }).to_string())
    }

    /// Has this text as its plan, whatever it is.
    pub(crate) fn plan_text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.place.write("plan.json", text);
        self
    }

    /// Has a model work on a task, in the place of a plan; `model` is what `--model` is given, and more.
    pub(crate) fn task(&mut self, words: &str, model: &[&str]) -> &mut Self {
        self.what = ["--model"].iter().chain(model).chain([&words]).map(|part| (*part).to_owned()).collect();
        self
    }

    /// Adds arguments to the command line.
    #[allow(dead_code)]
    pub(crate) fn arguments(&mut self, arguments: &[&str]) -> &mut Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    /// Lets `name` change: because the case's policy grants it, or the case changes it itself.
    pub(crate) fn changing(&mut self, name: &'static str) -> &mut Self {
        self.changes.push(name);
        self
    }

    /// Has a variable name a place of the arena.
    pub(crate) fn environment(&mut self, variable: &'static str, name: &str) -> &mut Self {
        self.environment.push((variable, self.place.path(name)));
        self
    }

    /// Has a variable be this text.
    pub(crate) fn variable(&mut self, variable: &'static str, text: &str) -> &mut Self {
        self.environment.push((variable, text.into()));
        self
    }

    /// Runs the plan, and asks the oracle.
    pub(crate) fn attack(&mut self, expected: Ending) -> Contained {
        self.attack_while(&[expected], &mut |_, _| {})
    }

    /// The same, where an attack can end in several ways that are each as good.
    pub(crate) fn attack_any(&mut self, expected: &[Ending]) -> Contained {
        self.attack_while(expected, &mut |_, _| {})
    }

    /// The same, and `meanwhile` does something to it while it runs, given the program's process and its workers'.
    pub(crate) fn attack_while(&mut self, expected: &[Ending], meanwhile: &mut dyn FnMut(u32, &[u32])) -> Contained {
        self.try_attack(expected, meanwhile).unwrap_or_else(|escapes| {
            let all: Vec<String> = escapes.iter().map(ToString::to_string).collect();
            panic!("{}", all.join("\n"))
        })
    }

    /// Runs the plan, and says what got out.
    pub(crate) fn try_attack(
        &mut self,
        expected: &[Ending],
        meanwhile: &mut dyn FnMut(u32, &[u32]),
    ) -> Result<Contained, Vec<Escape>> {
        let normal = self.neighbour.normal();
        self.sentinel = self.snapshot();
        let (output, peak) = watch(&mut self.command(), meanwhile);
        let aftermath =
            Aftermath { output, peak, neighbour: self.neighbour.run(), neighbour_normal: normal, orphans: orphans() };
        judge(self, aftermath, expected)
    }

    /// The program, about to run the plan.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.place.command(&["run", "--policy", "policy.toml", "--json"]);
        command.args(&self.what);
        if self.program != program() {
            command = Command::new(&self.program);
            command.current_dir(self.place.path("")).env("CLAW", program()).env("HOME", self.place.home());
        }
        command.args(&self.arguments).env("TMPDIR", self.place.path("tmp"));
        command.envs(self.environment.iter().map(|(variable, path)| (variable, path)));
        // What only the program's own user gave it: nothing of it is a guest's, or on record.
        command.env("ARENA_SECRET", SECRET).stdin(File::open(self.place.path("sentinel/key")).expect("it is there"));
        command
    }

    /// The program, about to replay the run whose record is `record`. Always claw: what is judged is what it left.
    pub(crate) fn replay(&self, record: &Path) -> Command {
        let mut command = self.place.command(&["replay", "--json"]);
        command.arg(record).envs(self.environment.iter().map(|(variable, path)| (variable, path)));
        if self.place.path("attack.wasm").exists() {
            command.args(["--component", "attack.wasm"]);
        }
        command
    }

    /// What no output may hold.
    pub(crate) fn secret(&self) -> &'static str {
        SECRET
    }

    /// Paths and names of the host's that no guest and no planner is told.
    pub(crate) fn hidden(&self) -> Vec<String> {
        let place = self.place.path("").to_string_lossy().trim_end_matches('/').to_owned();
        [place.as_str(), "/root/", "/home/", ".cargo/", "/rustc/", "wasmtime"].map(str::to_owned).to_vec()
    }

    /// What changed that is not granted, and who was contacted.
    pub(crate) fn changed(&self) -> Vec<String> {
        let now = self.snapshot();
        let mut found: Vec<String> = Vec::new();
        for (path, before) in &self.sentinel {
            match now.get(path) {
                None => found.push(format!("{} is gone", path.display())),
                Some(after) if after != before => found.push(format!("{} has changed", path.display())),
                Some(_) => {}
            }
        }
        found.extend(
            now.keys()
                .filter(|path| !self.sentinel.contains_key(*path))
                .map(|path| format!("{} is new", path.display())),
        );
        for sinkhole in &self.sinkholes {
            match sinkhole.accept() {
                Ok((_, from)) => found.push(format!("the sinkhole was contacted from {from}")),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        found
    }

    /// Files that a run left where it should leave none.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place.path("tmp")).expect("it is there");
        entries.map(|entry| format!("{} is left", entry.expect("it can be read").path().display())).collect()
    }

    /// All that may not change: what can only be read, and what is not granted at all.
    fn snapshot(&self) -> BTreeMap<PathBuf, Fingerprint> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(self.place.path("")).expect("it is there") {
            let entry = entry.expect("it can be read");
            if !self.changes.iter().any(|name| entry.file_name() == *name) {
                fingerprint(&entry.path(), &mut found);
            }
        }
        found
    }
}

/// One for each address of this machine that it has, with one port for all.
fn sinkholes() -> Vec<TcpListener> {
    let first = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let port = first.local_addr().expect("it has one").port();
    let others = ["127.0.0.2", "127.255.255.254", "::1"].map(|address| {
        let address: IpAddr = address.parse().expect("an address");
        TcpListener::bind((address, port))
    });
    let all: Vec<TcpListener> = std::iter::once(first).chain(others.into_iter().flatten()).collect();
    for sinkhole in &all {
        sinkhole.set_nonblocking(true).expect("it can be");
    }
    all
}

fn fingerprint(path: &Path, found: &mut BTreeMap<PathBuf, Fingerprint>) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    let content = match metadata.file_type() {
        kind if kind.is_symlink() => {
            fs::read_link(path).expect("links can be read").into_os_string().into_encoded_bytes()
        }
        // Only what a guest could change with effect: sparse files of exabytes are not read.
        kind if kind.is_file() && metadata.len() < 1 << 20 => fs::read(path).expect("files can be read"),
        kind if kind.is_dir() => {
            for entry in fs::read_dir(path).expect("folders can be read") {
                fingerprint(&entry.expect("it can be read").path(), found);
            }
            Vec::new()
        }
        _ => Vec::new(),
    };
    found.insert(path.to_owned(), (metadata.mode(), metadata.len(), metadata.mtime_nsec(), content));
}

/// Another tenant of the machine, who runs the same plan again and again.
#[derive(Clone, Debug)]
pub(crate) struct Neighbour {
    pub(crate) folder: PathBuf,
}

impl Neighbour {
    /// The one that all cases share.
    fn shared() -> Self {
        static PLACE: OnceLock<Place> = OnceLock::new();
        let place = PLACE.get_or_init(|| {
            let place = Place::with_example("notes");
            Self { folder: place.path("") }.run().expect("another tenant's plan runs");
            place
        });
        Self { folder: place.path("") }
    }

    /// One of its own, which can be broken.
    pub(crate) fn copied_to(&self, folder: &Path) -> Self {
        fs::create_dir(folder).expect("folders can be made");
        copy(&self.folder, folder);
        Self { folder: folder.to_owned() }
    }

    /// How long its run takes on this machine when nothing is wrong: the median of five.
    fn normal(&self) -> Duration {
        static NORMAL: OnceLock<Duration> = OnceLock::new();
        *NORMAL.get_or_init(|| {
            let mut times: Vec<Duration> = (0..5).filter_map(|_| self.run().ok()).collect();
            times.sort();
            times.get(times.len() / 2).copied().expect("another tenant's plan runs")
        })
    }

    /// Runs its plan. It must give what it always gives.
    pub(crate) fn run(&self) -> Result<Duration, String> {
        // One at a time: cases run at once, and each run writes the same report.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let mut command = Command::new(program());
        command.args(["run", "--policy", "policy.toml", "--plan", "plan.json", "--json"]).current_dir(&self.folder);
        let output = command.env_clear().env("HOME", self.folder.join("home")).output().map_err(|e| e.to_string())?;
        let took = started.elapsed();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let notes = fs::read_to_string(self.folder.join("notes/week-47.md")).map_err(|error| error.to_string())?;
        let report = fs::read_to_string(self.folder.join("out/report.md")).unwrap_or_default();
        if document["status"] != "completed" || report != notes {
            return Err(format!(
                "another tenant's run ended so: {document:#} {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Ok(took)
    }
}
