//! The oracle: after every attack the same eight questions, whatever the attack was.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use claw_audit::{Event, Machine};
use claw_policy::{Policy, Session};
use serde_json::Value;

use crate::arena::Arena;
use crate::watch::Peak;

/// The most bytes that the parent may take. It runs no guest.
const PARENT_BYTES_MAX: u64 = 256 << 20;
/// The most bytes of a worker: a guest's memories, what the host copies out of them, and the program.
const WORKER_BYTES_MAX: u64 = 512 << 20;
/// The most threads of either.
const THREADS_MAX: u64 = 16;
/// What another tenant's run may take besides twice its normal time, on a machine that runs other tests.
const NOISE: Duration = Duration::from_secs(3);

/// What the oracle asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// The program ended as it does, by itself, in time.
    Alive,
    /// Neither process took more memory or threads than it may.
    Bounded,
    /// Another tenant's run does what it always does, as fast.
    Neighbour,
    /// One record, one end, with a typed reason.
    Recorded,
    /// Nothing changed or was contacted that is not granted.
    Outside,
    /// No secret, and no path of the host's, is in what a guest, a planner or a record sees.
    Silent,
    /// No process and no file is left.
    Gone,
    /// The record alone gives the same verdict again, and running it again comes to the same.
    Repeated,
}

/// A question that was answered wrong: the attack got out.
#[derive(Clone, Debug)]
pub(crate) struct Escape {
    pub(crate) point: Point,
    what: String,
}

impl fmt::Display for Escape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "escaped ({:?}): {}", self.point, self.what)
    }
}

/// How a run ended, by its typed reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every step was done.
    Completed,
    /// The first step that failed, by its kind.
    Failed(&'static str),
    /// A rule stopped it while it ran.
    Halted(&'static str),
    /// A rule refused the plan, before anything ran.
    Refused(&'static str),
    /// A policy, a component or an input did not load, by its rule; so there was no run.
    NotLoaded(&'static str),
    /// No rule refused the plan, and nobody said yes to it.
    Asked,
    /// Its user stopped it.
    Interrupted,
    /// A session with a planner came to an end that has a name, whichever it is.
    Planned,
}

/// An attack that the oracle found contained. Only [`judge`] makes one that counts.
#[derive(Debug)]
#[must_use]
pub(crate) struct Contained {
    /// The document that the program printed.
    pub(crate) document: Value,
    /// What it said to people, on standard error.
    pub(crate) told: String,
    /// The events of its record, if there is one.
    pub(crate) events: Vec<Value>,
    /// The most that its processes had.
    pub(crate) peak: Peak,
    /// What this machine lacks for the attack, where there was none.
    pub(crate) lacks: Option<&'static str>,
    _private: (),
}

impl Contained {
    /// A step's output.
    pub(crate) fn output(&self, step: usize) -> &Value {
        &self.document["steps"][step]["output"]
    }

    /// What the parent says that it sent, or did not.
    pub(crate) fn exchanges(&self) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == "exchange").collect()
    }

    /// No attack, for the lack of something: counted as open, and never as covered.
    pub(crate) fn lacking(what: &'static str) -> Self {
        Self {
            document: Value::Null,
            told: String::new(),
            events: Vec::new(),
            peak: Peak::default(),
            lacks: Some(what),
            _private: (),
        }
    }

    /// The policy of its record, and a session of it as new, for what is cheaper to try again without the program.
    pub(crate) fn reopen(&self) -> (Arc<Policy>, Session) {
        let record = self.document["record"].as_str().expect("a run has a record");
        let log = read_log(Path::new(record)).expect("a record has a log");
        claw_audit::reopen(Path::new(record), &events(&log)).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What is left of an attack, for the oracle to look at.
#[derive(Debug)]
pub(crate) struct Aftermath {
    /// How the program ended; `None` where it had to be killed.
    pub(crate) output: Option<Output>,
    pub(crate) peak: Peak,
    /// How long another tenant's run took after the attack, or what was wrong with it.
    pub(crate) neighbour: Result<Duration, String>,
    /// How long it takes otherwise.
    pub(crate) neighbour_normal: Duration,
    /// Workers without a parent.
    pub(crate) orphans: Vec<u32>,
}

/// Asks all eight.
///
/// # Errors
/// Every question that was answered wrong.
pub(crate) fn judge(arena: &Arena, after: Aftermath, expected: &[Ending]) -> Result<Contained, Vec<Escape>> {
    let mut escapes = Escapes(Vec::new());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = after.output.as_ref().map(|o| (text(&o.stdout), text(&o.stderr))).unwrap_or_default();
    let document: Value = serde_json::from_str(&out).unwrap_or(Value::Null);

    alive(&mut escapes, after.output.as_ref(), &out, &err);
    bounded(&mut escapes, after.peak);
    neighbour(&mut escapes, &after);
    let log = document["record"].as_str().and_then(|record| read_log(Path::new(record)));
    let ending = ending(&document);
    escapes.unless(
        Point::Recorded,
        ending.as_ref().is_some_and(|ending| expected.iter().any(|e| same(*e, ending))),
        || format!("it ended as {ending:?} and not as {expected:?}: {document:#} {err}"),
    );
    recorded(&mut escapes, &document, log.as_deref());
    escapes.extend(Point::Outside, arena.changed());
    silent(&mut escapes, arena, &document, &[&out, &err], log.as_deref());
    escapes.extend(Point::Gone, arena.left_over());
    escapes.unless(Point::Gone, after.orphans.is_empty(), || format!("workers are left: {:?}", after.orphans));
    if let (Some(record), Some(log)) = (document["record"].as_str().map(Path::new), &log) {
        let verified = verified(record);
        let again = claw_audit::recheck(record, &events(log));
        escapes.extend(Point::Repeated, again.err().map(|fault| fault.to_string()));
        // What is not whole is not run again.
        escapes.extend(Point::Repeated, verified.is_ok().then(|| replayed(arena, record).err()).flatten());
        escapes.extend(Point::Recorded, verified.err());
    }
    if !escapes.0.is_empty() {
        return Err(escapes.0);
    }
    let lines = log.unwrap_or_default();
    let events = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(Contained { document, told: err, events, peak: after.peak, lacks: None, _private: () })
}

struct Escapes(Vec<Escape>);

impl Escapes {
    fn unless(&mut self, point: Point, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Escape { point, what: what() });
        }
    }

    fn extend(&mut self, point: Point, found: impl IntoIterator<Item = String>) {
        self.0.extend(found.into_iter().map(|what| Escape { point, what }));
    }
}

fn alive(escapes: &mut Escapes, output: Option<&Output>, out: &str, err: &str) {
    let Some(output) = output else {
        return escapes.unless(Point::Alive, false, || "it did not end, and was killed".to_owned());
    };
    escapes.unless(Point::Alive, output.status.code().is_some(), || format!("signal {:?}", output.status.signal()));
    // What a guest printed before it failed is shown, on a line that says so; a panic there is the guest's own.
    let own = |line: &&str| !line.starts_with("    it printed: ");
    for text in ["panicked at", "RUST_BACKTRACE", "fatal runtime error", "internal error"] {
        let said = out.lines().chain(err.lines().filter(own)).any(|line| line.contains(text));
        escapes.unless(Point::Alive, !said, || err.to_owned());
    }
}

fn bounded(escapes: &mut Escapes, peak: Peak) {
    for (who, had, most) in [
        ("the parent", peak.parent_bytes, PARENT_BYTES_MAX),
        ("a worker", peak.worker_bytes, WORKER_BYTES_MAX),
        ("threads", peak.threads, THREADS_MAX),
    ] {
        escapes.unless(Point::Bounded, had <= most, || format!("{who}: {had} of {most}"));
    }
}

fn neighbour(escapes: &mut Escapes, after: &Aftermath) {
    match &after.neighbour {
        Ok(took) => {
            let most = after.neighbour_normal * 2 + NOISE;
            escapes.unless(Point::Neighbour, *took <= most, || format!("took {took:?}, and normally {most:?} at most"));
        }
        Err(why) => escapes.unless(Point::Neighbour, false, || why.clone()),
    }
}

/// How a document says that a run ended.
fn ending(document: &Value) -> Option<(String, Vec<String>)> {
    let rules = |list: &Value| {
        let rules = list.as_array().into_iter().flatten().filter_map(|violation| violation["rule"].as_str());
        rules.map(str::to_owned).collect::<Vec<_>>()
    };
    if let Some(rule) = document["error"]["rule"].as_str() {
        return Some(("not-loaded".to_owned(), vec![rule.to_owned()]));
    }
    let status = document["status"].as_str()?;
    let failures = document["steps"].as_array()?.iter().filter_map(|step| step["failure"]["kind"].as_str());
    let reasons =
        if status == "failed" { failures.map(str::to_owned).collect() } else { rules(&document["violations"]) };
    Some((status.to_owned(), reasons))
}

fn same(expected: Ending, (status, reasons): &(String, Vec<String>)) -> bool {
    if expected == Ending::Planned {
        return ["completed", "failed", "halted", "refused"].contains(&status.as_str());
    }
    let (word, reason) = match expected {
        Ending::Completed => ("completed", None),
        Ending::Failed(kind) => ("failed", Some(kind)),
        Ending::Halted(rule) => ("halted", Some(rule)),
        Ending::Refused(rule) => ("refused", Some(rule)),
        Ending::NotLoaded(rule) => ("not-loaded", Some(rule)),
        Ending::Asked => ("needs-approval", None),
        Ending::Interrupted | Ending::Planned => ("interrupted", None),
    };
    status == word && reason.is_none_or(|reason| reasons.first().is_some_and(|first| first == reason))
}

fn read_log(record: &Path) -> Option<String> {
    std::fs::read_to_string(record.join("log.jsonl")).ok()
}

/// Every line is an event, the first opens, the last one seals, no other does, and what it says is what was printed.
fn recorded(escapes: &mut Escapes, document: &Value, log: Option<&str>) {
    if document["error"].is_object() {
        // What did not load is no run.
        return;
    }
    let Some(log) = log else {
        return escapes.unless(Point::Recorded, false, || "there is no record".to_owned());
    };
    let events: Vec<Option<Event>> = log.lines().map(|line| serde_json::from_str(line).ok()).collect();
    escapes.unless(Point::Recorded, events.iter().all(Option::is_some), || format!("a line is no event: {log}"));
    let events: Vec<Event> = events.into_iter().flatten().collect();
    let count = |what: fn(&Event) -> bool| events.iter().filter(|event| what(event)).count();
    let (opens, seals) =
        (count(|event| matches!(event, Event::Open { .. })), count(|event| matches!(event, Event::Seal { .. })));
    escapes.unless(Point::Recorded, (opens, seals) == (1, 1), || format!("opened {opens} times, sealed {seals} times"));
    let sealed = match events.last() {
        Some(Event::Seal { status, .. }) => Some(status.as_str()),
        _ => None,
    };
    let said = document["status"].as_str().map(|status| if status == "needs-approval" { "refused" } else { status });
    escapes.unless(Point::Recorded, sealed == said, || format!("sealed as {sealed:?}, and said to be {said:?}"));
    let mut open = BTreeMap::new();
    for event in &events {
        match event {
            Event::Step { step, .. } => *open.entry(step.clone()).or_insert(0) += 1,
            Event::Done { step, .. } | Event::Failed { step, .. } => *open.entry(step.clone()).or_insert(0) -= 1,
            _ => {}
        }
    }
    escapes.unless(Point::Recorded, open.values().all(|n| *n == 0), || format!("steps without one end: {open:?}"));
    let last = log.ends_with('\n');
    escapes.unless(Point::Recorded, last, || "the last line is not whole".to_owned());
}

/// The secret is nowhere, and what a planner or a guest is told has no path of the host's.
fn silent(escapes: &mut Escapes, arena: &Arena, document: &Value, printed: &[&str], log: Option<&str>) {
    for text in printed.iter().copied().chain(log) {
        escapes.unless(Point::Silent, !text.contains(arena.secret()), || format!("the secret is in {text}"));
    }
    let told = ["steps", "answer", "violations"].map(|key| document[key].to_string()).join("\n");
    for hidden in arena.hidden() {
        escapes.unless(Point::Silent, !told.contains(&hidden), || format!("`{hidden}` is in {told}"));
    }
}

/// Every line, the signature over all of them, and every blob, as `claw audit verify` looks at them.
fn verified(record: &Path) -> Result<(), String> {
    let state = record.parent().and_then(Path::parent).expect("a record is in claw's folder");
    let key = Machine::open(state).map_err(|error| error.to_string())?.key().public();
    claw_audit::verify(record, key).map(drop).map_err(|fault| fault.to_string())
}

/// A replay comes to the same, as `claw replay` says; what cannot be repeated stands as it is recorded.
fn replayed(arena: &Arena, record: &Path) -> Result<(), String> {
    let output = arena.replay(record).output().map_err(|error| error.to_string())?;
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    match (output.status.code(), document["result"].as_str()) {
        (Some(0), Some("same" | "cut-off")) if !arena.worker_lies || document["steps"] == 0 => Ok(()),
        (Some(5), Some("differs")) if arena.worker_lies => Ok(()),
        _ => Err(format!("a replay is not the same: {document:#} {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn events(log: &str) -> Vec<Event> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
