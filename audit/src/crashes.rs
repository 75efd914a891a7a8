//! Tests of a whole run's record on disks that fail or lose at every single operation.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use claw_policy::{Label, Narrowing};
use serde_json::Value;

use crate::disk::Disk;
use crate::faulty::{Fault, Faulty};
use crate::losses::Lost;
use crate::{Event, Host, Machine, Record, RecordError, Status, Stored, Usage, Verdict};
use crate::{recover, verify, verify_machine};

pub(crate) const RUN: &str = "20260101T000000Z-00000001";
const NEXT: &str = "20260102T000000Z-00000002";

/// Something that was said to be on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Opened,
    Synced(&'static str),
    Sealed,
}

fn step(step: &str, arguments: Stored) -> Event {
    let (step, capability, grants) = (step.to_owned(), "c".to_owned(), vec!["out".to_owned()]);
    Event::Step { step, capability, arguments, label: Label::default(), grants, clock: 1 }
}

fn done(step: &str, output: Stored) -> Event {
    Event::Done { step: step.to_owned(), output, label: Label::default(), usage: Usage::default(), tape: None }
}

/// A value that is a blob.
fn big(letter: &str) -> Value {
    Value::from(letter.repeat(70_000))
}

/// A run of three steps, of which two have an effect. Everything that is claimed is told with it.
fn run(disk: Arc<dyn Disk>, state: &Path, run: &str, claim: &mut dyn FnMut(Claim)) -> Result<(), RecordError> {
    let machine = Machine::on(disk, state)?;
    let mut record = Record::create(machine, &state.join("runs"), run, 1 << 30, 1)?;
    claim(Claim::Opened);
    steps(&mut record, claim)?;
    record.seal(Status::Completed, 2)?;
    claim(Claim::Sealed);
    Ok(())
}

fn steps(record: &mut Record, claim: &mut dyn FnMut(Claim)) -> Result<(), RecordError> {
    let text = |text: &str| Stored::Inline(Value::from(text));
    let host = Host { claw: String::new(), engine: String::new(), platform: String::new() };
    let open = Event::Open {
        run: record.folder().file_name().unwrap().to_string_lossy().into_owned(),
        time: 1,
        machine: record.opened().to_owned(),
        policy: text("a policy"),
        narrowing: Narrowing::default(),
        catalogue: Default::default(),
        inputs: Default::default(),
        task: None,
        context: None,
        host,
        seed: record.store_seed(&[7; 32])?,
    };
    record.append(&open)?;
    record.append(&Event::Plan { text: text("a plan"), base64: false })?;
    let verdict = Verdict::Accepted;
    record.append(&Event::Verdict { verdict, time: 1, violations: Vec::new(), steps: Vec::new() })?;
    record.append(&step("pure", text("none")))?;
    record.append(&done("pure", text("an output")))?;
    record.write()?;
    for (id, arguments, output) in [("one", big("a"), big("o")), ("two", big("a"), Value::from("small"))] {
        let arguments = record.store(&arguments)?;
        record.append(&step(id, arguments))?;
        record.sync()?;
        claim(Claim::Synced(id));
        let output = record.store(&output)?;
        record.append(&done(id, output))?;
        record.write()?;
    }
    Ok(())
}

/// What is left verifies, has what was claimed, and goes on: the next start seals it, and runs.
pub(crate) fn holds(state: &Path, claims: &[Claim]) {
    let disk = Arc::new(Faulty::over(state));
    let machine = Machine::on(Arc::clone(&disk) as Arc<dyn Disk>, state).unwrap();
    let check = || {
        let log = verify_machine(machine.folder(), machine.key().public(), None).unwrap();
        if !log.opened().any(|run| run == RUN) {
            assert_eq!(claims, [], "it is not there at all");
            return None;
        }
        let record = verify(&state.join("runs").join(RUN), machine.key().public()).unwrap();
        record.in_machine(&log).unwrap();
        for claim in claims {
            let kept = match claim {
                Claim::Opened => true,
                Claim::Synced(id) => record.events.iter().any(|e| matches!(e, Event::Step { step, .. } if step == id)),
                Claim::Sealed => record.status == Some(Status::Completed),
            };
            assert!(kept, "{claim:?} of {:?}", record.events);
        }
        assert_eq!(record.status.is_none(), record.notes.iter().any(|note| note.contains("not sealed")));
        Some((log, record))
    };
    let before = check();
    let found = recover(&machine, &state.join("runs"), 3).unwrap();
    for run in &found {
        assert!(run.sealed.is_ok(), "{run:?}");
    }
    let cut_off = before.as_ref().is_some_and(|(_, record)| record.status.is_none());
    if let Some((log, record)) = check() {
        assert_eq!(log.notes, [""; 0]);
        assert!(record.status.is_some(), "it is sealed now");
        let unknown = before.and_then(|(_, record)| record.unknown);
        assert_eq!(record.unknown, unknown, "and says the same of the step that was cut off");
        assert!(!cut_off || found.iter().any(|found| found.run == RUN));
    }
    assert_eq!(recover(&machine, &state.join("runs"), 4).unwrap().len(), 0, "once");
    let mut sealed = false;
    run(disk, state, NEXT, &mut |claim| sealed |= claim == Claim::Sealed).unwrap();
    assert!(sealed);
    check();
}

/// What was not synced is lost or not: names before the last one that was changed, that one, and bytes.
pub(crate) struct Whole {
    names: bool,
    last: bool,
    bytes: bool,
}

pub(crate) const NOTHING: Whole = Whole { names: false, last: false, bytes: false };
pub(crate) const ALL: Whole = Whole { names: true, last: true, bytes: true };
/// Names without bytes, bytes without names, and one name before those that were there before it.
const PARTS: [Whole; 3] = [
    Whole { names: false, last: false, bytes: true },
    Whole { names: true, last: true, bytes: false },
    Whole { names: true, last: false, bytes: false },
];

impl Lost for Whole {
    fn name(&mut self, is_last: bool) -> bool {
        if is_last { self.last } else { self.names }
    }

    fn bytes(&mut self, synced: &[u8], written: &[u8]) -> Vec<u8> {
        if self.bytes { synced.to_vec() } else { written.to_vec() }
    }
}

/// Any part, by a xorshift generator: names, the end of a file, and holes of zeroes in what was written.
struct Any(u64);

impl Any {
    fn next(&mut self) -> u64 {
        for shift in [13_i32, -7, 17] {
            self.0 ^= if shift > 0 { self.0 << shift } else { self.0 >> -shift };
        }
        self.0
    }
}

impl Lost for Any {
    fn name(&mut self, _: bool) -> bool {
        self.next().is_multiple_of(2)
    }

    fn bytes(&mut self, synced: &[u8], written: &[u8]) -> Vec<u8> {
        if !written.starts_with(synced) {
            return if self.next().is_multiple_of(2) { synced.to_vec() } else { written.to_vec() };
        }
        let mut new = written[synced.len()..].to_vec();
        let mut place = || usize::try_from(self.next() % (written.len() - synced.len() + 1) as u64).unwrap();
        let (end, from, to) = (place(), place(), place());
        new[from.min(to)..to.max(from)].fill(0);
        new.truncate(end);
        [synced, &new].concat()
    }
}

/// Runs on a disk, and gives what was claimed, each with how long the journal was.
pub(crate) fn claims(disk: &Arc<Faulty>, state: &Path) -> Vec<(usize, Claim)> {
    let mut claims = Vec::new();
    let done = Arc::clone(disk);
    let _ended = run(Arc::clone(disk) as Arc<dyn Disk>, state, RUN, &mut |claim| claims.push((done.done(), claim)));
    claims
}

pub(crate) fn until(claims: &[(usize, Claim)], done: usize) -> Vec<Claim> {
    claims.iter().filter(|(at, _)| *at <= done).map(|(_, claim)| *claim).collect()
}

/// A folder of its own, in memory where that can be had: nothing here waits for a disk.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Looks at what is left after `done` of a journal, in every way of losing.
pub(crate) fn each_loss(disk: &Faulty, done: usize, state: &Path, look: &mut dyn FnMut(&Path)) {
    let whole = [NOTHING, ALL].into_iter().chain(PARTS).map(|lost| Box::new(lost) as Box<dyn Lost>);
    let any = [done, done << 32].map(|seed| Box::new(Any(0x9e37_79b9_7f4a_7c15 ^ seed as u64)) as Box<dyn Lost>);
    for (number, lost) in whole.chain(any).enumerate() {
        lose(disk, done, state, lost, &format!("after {done} operations, loss {number}"), look);
    }
}

/// Looks at what is left after `done` of a journal, and says where that was if it panics.
pub(crate) fn lose(
    disk: &Faulty,
    done: usize,
    state: &Path,
    mut lost: Box<dyn Lost>,
    what: &str,
    look: &mut dyn FnMut(&Path),
) {
    let left = folder();
    disk.left(done, state, left.path(), &mut *lost);
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(left.path())));
    assert!(looked.is_ok(), "{what}");
}

#[test]
fn a_crash_after_any_operation_leaves_what_was_claimed_and_the_next_start_goes_on() {
    let (state, disk) = (folder(), Arc::new(Faulty::default()));
    let claimed = claims(&disk, state.path());
    assert_eq!(claimed.len(), 4, "{claimed:?}");
    for done in 0..=disk.done() {
        each_loss(&disk, done, state.path(), &mut |left| holds(left, &until(&claimed, done)));
    }
}

#[test]
fn whatever_fails_anywhere_nothing_is_claimed_that_is_not_on_record() {
    let (state, disk) = (folder(), Arc::new(Faulty::default()));
    claims(&disk, state.path());
    for number in 0..disk.operations() {
        for fault in [Fault::Short, Fault::NoSpace, Fault::Io] {
            let (state, disk) = (folder(), Arc::new(Faulty::with(fault, number)));
            let claimed = claims(&disk, state.path());
            let sealed = claimed.contains(&(disk.done(), Claim::Sealed));
            assert!(sealed || fault != Fault::Short, "a short write is gone on with: {claimed:?}");
            for lost in [NOTHING, ALL] {
                let what = format!("{fault:?} at {number}");
                let claims = until(&claimed, usize::MAX);
                lose(&disk, disk.done(), state.path(), Box::new(lost), &what, &mut |left| holds(left, &claims));
            }
        }
    }
}

/// The key is the same, and the machine's log is not: a record of another history.
#[test]
fn a_record_that_names_what_the_machines_log_never_was_does_not_verify() {
    let places = [folder(), folder()];
    let disks = [(); 2].map(|()| Arc::new(Faulty::default()));
    claims(&disks[0], places[0].path());
    fs::copy(places[0].path().join("record.key"), places[1].path().join("record.key")).unwrap();
    run(Arc::clone(&disks[1]) as Arc<dyn Disk>, places[1].path(), NEXT, &mut |_| {}).unwrap();
    claims(&disks[1], places[1].path());
    let machine = Machine::open(places[0].path()).unwrap();
    let logs =
        places.each_ref().map(|place| verify_machine(&place.path().join("machine"), machine.key().public(), None));
    let record = verify(&places[1].path().join("runs").join(RUN), machine.key().public()).unwrap();
    assert!(record.in_machine(logs[1].as_ref().unwrap()).is_ok());
    let fault = record.in_machine(logs[0].as_ref().unwrap()).unwrap_err();
    assert_eq!(fault.line, Some(1), "{fault}");
}
