//! The program as its users run it: built, in a home of its own, with what it prints and leaves.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// The program. Cargo builds it with these tests, from what is here now.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_claw"))
}

/// A folder for one test, and a home for the program that its tests share, so that components are compiled once.
#[derive(Debug)]
pub(crate) struct Place {
    folder: tempfile::TempDir,
    home: PathBuf,
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let home = program().parent().expect("a file is in a folder").join("test-home");
        std::fs::create_dir_all(&home).expect("a home can be made");
        Self { folder: tempfile::tempdir().expect("a folder can be made"), home }
    }

    /// A place whose program has a home of its own: no cache, no records.
    pub(crate) fn with_own_home() -> Self {
        let mut place = Self::new();
        place.own_home();
        place
    }

    /// Gives the program a home of its own, where it has none yet.
    pub(crate) fn own_home(&mut self) {
        self.home = self.path("home");
    }

    /// A copy of an example of the repository, without what earlier runs wrote.
    pub(crate) fn with_example(name: &str) -> Self {
        let place = Self::new();
        copy(&repository().join("examples").join(name), place.folder.path());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Writes a file, with the folders that it is in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders can be made");
        std::fs::write(&path, content).expect("files can be written");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// A policy that grants the probe a folder `in` to read and a folder `out` to write, with `more` in its capability.
    pub(crate) fn with_probe(more: &str) -> Self {
        let place = Self::new();
        std::fs::create_dir(place.path("in")).expect("folders can be made");
        std::fs::copy(probe(), place.path("probe.wasm")).expect("files can be copied");
        place.write("policy.toml", probe_policy(&std::fs::read(probe()).expect("the probe is there"), more));
        place
    }

    /// Runs one action of the probe.
    pub(crate) fn act(&self, what: &str, n: u64, path: &str) -> (Option<i32>, Value) {
        let arguments = serde_json::json!({ "what": what, "n": n, "path": path });
        let step = serde_json::json!({ "id": "act", "capability": "probe", "arguments": arguments });
        self.write("plan.json", serde_json::json!({ "claw": 1, "steps": [step] }).to_string());
        self.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"])
    }

    /// The program, about to run in this folder, with nothing of the caller's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", &self.home);
        command
    }

    /// Runs the program.
    pub(crate) fn claw(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("the program starts"))
    }

    /// Runs the program, and reads the one JSON document that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let ran = self.claw(&[arguments, &["--json"]].concat());
        let document = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        (ran.code, document)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The component of `guests/`, which does what a test asks it to; built once.
pub(crate) fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| build_guests("tests/guests").join("probe.wasm"))
}

/// Builds a package of guests, and says in which folder its components are.
pub(crate) fn build_guests(package: &str) -> PathBuf {
    let folder = repository().join(package);
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip2"])
        .arg("--target-dir")
        .arg(folder.join("target"))
        .current_dir(&folder)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    folder.join("target/wasm32-wasip2/release")
}

/// The rules and places of what a document reports.
pub(crate) fn violations(document: &Value) -> Vec<(String, String)> {
    let violations = document["violations"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    violations.iter().map(|violation| (text(&violation["rule"]), text(&violation["at"]))).collect()
}

/// The events of a record, each line parsed.
pub(crate) fn events(record: &Path) -> Vec<Value> {
    let log = std::fs::read_to_string(record.join("log.jsonl")).expect("the record has a log");
    log.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn probe_policy(component: &[u8], more: &str) -> String {
    format!(
        r#"claw = 1
name = "probe"
[grant.in]
dir = "in"
access = "read"
[grant.out]
dir = "out"
access = "write"
create = true
accepts = ["in"]
[capability.probe]
component = {{ path = "probe.wasm", digest = "{}" }}
grants = ["in", "out"]
{more}
[capability.probe.argument]
what = {{ from = ["planner"] }}
n = {{ from = ["planner"] }}
path = {{ from = ["planner"] }}
"#,
        claw_policy::digest(component)
    )
}

/// Copies a folder with all that is in it, but for what an example's runs write.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the example is there") {
        let entry = entry.expect("it can be read");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("it has a type");
        if kind.is_symlink() {
            let link = std::fs::read_link(&source).expect("links can be read");
            std::os::unix::fs::symlink(link, target).expect("links can be made");
        } else if kind.is_dir() && entry.file_name() != "out" && entry.file_name() != "public" {
            std::fs::create_dir(&target).expect("folders can be made");
            copy(&source, &target);
        } else if kind.is_file() {
            std::fs::copy(&source, target).expect("files can be copied");
        }
    }
}
