//! The program and its worker are killed at random moments: nothing is said that is not on record, nothing is done that was
//! not meant to be, and the next start seals what was cut off.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{Place, Ran, copy, events, probe};

const RUN: [&str; 6] = ["run", "--policy", "policy.toml", "--plan", "plan.json", "--json"];
/// Kills of the parent, and as many of the worker.
const KILLS: u64 = 100;
/// Places that are worked on at once.
const THREADS: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Parent,
    Worker,
}

/// A xorshift generator: which moment comes next.
struct Moments(u64);

impl Moments {
    fn below(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        most.mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// The example `notes`, with a plan that writes its report.
fn notes() -> Place {
    let place = Place::with_own_home();
    copy(&Place::with_example("notes").path(""), &place.path(""));
    place
}

/// A probe that writes six files, a step each, in pieces.
fn writer() -> Place {
    let place = Place::with_own_home();
    let with_probe = Place::with_probe("");
    fs::create_dir(place.path("in")).expect("folders can be made");
    fs::copy(probe(), place.path("probe.wasm")).expect("files can be copied");
    place.write("policy.toml", with_probe.read("policy.toml"));
    let steps: Vec<Value> = (0..6)
        .map(|n| {
            let arguments = json!({ "what": "write", "n": 256 << 10, "path": format!("/out/{n}.md") });
            json!({ "id": format!("s{n}"), "capability": "probe", "arguments": arguments })
        })
        .collect();
    place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
    place
}

fn runs(place: &Place) -> BTreeSet<PathBuf> {
    let folder = fs::read_dir(place.home().join(".local/state/claw/runs"));
    folder.into_iter().flatten().map(|run| run.expect("it can be read").path()).collect()
}

/// The workers of a program: its children.
fn workers(parent: &Child) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", parent.id())).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Runs the plan, and kills it so long after it starts, or after its record is there, if it has not ended.
fn killed(place: &Place, victim: Victim, recorded: bool, after: Duration) -> Ran {
    let before = runs(place);
    let mut child = place.command(&RUN).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    while recorded && runs(place) == before && child.try_wait().expect("it can be waited for").is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(after);
    match victim {
        Victim::Parent => child.kill().expect("it can be killed"),
        Victim::Worker => workers(&child).into_iter().for_each(kill),
    }
    child.wait_with_output().expect("it ends").into()
}

/// A worker that has ended meanwhile is none: nobody else gets its number that soon.
fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a process has a number"));
    let _gone = rustix::process::kill_process(pid.expect("and it is not 0"), rustix::process::Signal::KILL);
}

/// What was written has its intent on record.
fn intended(place: &Place, record: Option<&Path>) {
    let events = record.map(events_so_far).unwrap_or_default();
    for entry in fs::read_dir(place.path("out")).into_iter().flatten() {
        let name = entry.expect("it can be read").file_name().into_string().expect("UTF-8");
        let of_it = |event: &Value| event["event"] == "step" && event["arguments"].to_string().contains(&name);
        assert!(events.iter().any(of_it), "`{name}` was written, and is not in {events:?}");
    }
}

/// The events of the whole lines of a log.
fn events_so_far(record: &Path) -> Vec<Value> {
    // Its folder is made first: a run that was cut off then has no log.
    let log = fs::read_to_string(record.join("log.jsonl")).unwrap_or_default();
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// Kills the program or its worker once, and looks at what is left.
fn once(place: &Place, victim: Victim, recorded: bool, after: Duration) {
    let _fresh = fs::remove_dir_all(place.path("out"));
    let before = runs(place);
    let ran = killed(place, victim, recorded, after);
    let record = runs(place).difference(&before).next().cloned();
    intended(place, record.as_deref());
    let said: Option<Value> = serde_json::from_str(&ran.out).ok();
    assert_eq!(ran.out.is_empty(), said.is_none(), "a document is whole: {ran:?}");
    assert!(victim == Victim::Parent || ran.code.is_some(), "it tells what became of its worker: {ran:?}");
    assert!(ran.code != Some(0) || said.is_some(), "{ran:?}");
    // What is said to have ended is on record as that.
    if let Some(said) = &said {
        assert!(matches!(said["status"].as_str(), Some("completed" | "failed")), "{said:#}");
        let found = events(record.as_deref().expect("there is a record"));
        assert_eq!(found.last().expect("events")["status"], said["status"]);
        for step in said["steps"].as_array().expect("steps") {
            let has = |name: &str| found.iter().any(|event| event["event"] == name && event["step"] == step["id"]);
            assert!(has("step") && has(if step["status"] == "done" { "done" } else { "failed" }), "{step}: {found:?}");
        }
    }
    // It verifies as it is, if the machine's log got to know of it.
    let Some(record) = record.filter(|record| is_opened(place, record)) else { return };
    let (code, document) = place.json(&["audit", "verify", &record.to_string_lossy()]);
    assert_eq!(code, Some(0), "{document:#}");
    let whole = fs::read_to_string(record.join("log.jsonl")).expect("there is a log").matches('\n').count();
    assert_eq!(document["verified"][0]["lines"], whole, "up to its last whole event");
    assert!(said.is_none() || document["verified"][0]["status"] != Value::Null, "{document:#}");
}

fn is_opened(place: &Place, record: &Path) -> bool {
    let log = fs::read_to_string(place.home().join(".local/state/claw/machine/log.jsonl")).unwrap_or_default();
    log.contains(record.file_name().and_then(|name| name.to_str()).expect("UTF-8"))
}

/// After the next start every run is sealed, and all verify.
fn sealed(place: &Place) -> usize {
    let (code, document) = place.json(&RUN[..5]);
    assert_eq!(code, Some(0), "{document:#}");
    let (code, document) = place.json(&["audit", "verify"]);
    assert_eq!((code, &document["notes"]), (Some(0), &json!([])), "{document:#}");
    let found = document["verified"].as_array().expect("runs");
    for run in found {
        assert!(matches!(run["status"].as_str(), Some("completed" | "failed" | "interrupted")), "{run:#}");
        let cut_off = run["notes"].to_string().contains("the next start sealed it");
        assert_eq!(run["status"] == "interrupted", cut_off, "{run:#}");
    }
    found.iter().filter(|run| run["status"] == "interrupted").count()
}

#[test]
fn whoever_is_killed_whenever_the_record_is_whole_and_the_next_start_seals_it() {
    let seed = std::env::var("CLAW_CRASHES_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
        now.as_nanos() as u64 | 1
    });
    println!("CLAW_CRASHES_SEED={seed}");
    let interrupted: usize = std::thread::scope(|scope| {
        let threads = (0..THREADS).map(|thread| {
            scope.spawn(move || {
                let (mut moments, place) =
                    (Moments(seed ^ (thread << 32)), if thread % 2 == 0 { notes() } else { writer() });
                // The first run compiles.
                assert_eq!(place.claw(&RUN).code, Some(0));
                let began = Instant::now();
                assert_eq!(place.claw(&RUN).code, Some(0));
                let most = began.elapsed().mul_f64(1.2);
                for kill in 0..2 * KILLS / THREADS {
                    let victim = if kill % 2 == 0 { Victim::Parent } else { Victim::Worker };
                    // Half of what a run takes is loading.
                    let recorded = kill % 4 < 2;
                    once(&place, victim, recorded, moments.below(if recorded { most / 3 } else { most }));
                }
                sealed(&place)
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().expect("it holds")).sum()
    });
    println!("{interrupted} of {KILLS} runs whose program was killed were sealed by the next start");
    assert!(interrupted > KILLS as usize / 10, "runs were cut off");
}
