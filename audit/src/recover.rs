//! Runs that were cut off are sealed by the next start, as interrupted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use crate::checkpoint::{Checkpoint, run_origin};
use crate::disk::{Disk, put, put_synced, write_all};
use crate::error::RecordError;
use crate::event::{Event, Status};
use crate::fault::Fault;
use crate::log::{CHECKPOINT, LOG};
use crate::machine::{Held, Machine, MachineEvent};
use crate::reading::open;
use crate::verify::{Examined, examine, strays};

/// Bytes that are copied at once.
const COPIED_AT_ONCE: usize = 64 << 10;

/// A run that was cut off.
#[derive(Debug)]
pub struct CutOff {
    /// Its id.
    pub run: String,
    /// The step whose outcome is unknown, where the run is sealed now; or what is wrong with its record, which stays as it is.
    pub sealed: Result<Option<String>, Fault>,
}

/// Seals every run in `runs` that the machine's log opened, that was not sealed, and that nobody writes any more. `time` is
/// unix time in milliseconds.
///
/// Where there is none, this reads one small file. What is torn at the end of a log is taken away, and how much it was is
/// on record; a blob that no event refers to is taken away too.
///
/// # Errors
/// When a record cannot be written, or the machine's log is not what was signed.
pub fn recover(machine: &Machine, runs: &Path, time: u64) -> Result<Vec<CutOff>, RecordError> {
    let is_cut_off = |run: &String| record_folder(runs, run).is_some_and(|folder| hold(&folder).is_some());
    if machine.may_be_open().is_some_and(|open| !open.iter().any(is_cut_off)) {
        return Ok(Vec::new());
    }
    // Two that start at once do not seal one run twice.
    let mut log = machine.hold()?;
    let mut found = Vec::new();
    for run in log.open().clone() {
        let Some(folder) = record_folder(runs, &run) else { continue };
        let Some(_held) = hold(&folder) else { continue };
        let sealed = match examine(&folder, machine.key().public()) {
            Ok(record) => Ok(seal(machine, &mut log, &folder, &run, record, time)?),
            Err(fault) => Err(fault),
        };
        found.push(CutOff { run, sealed });
    }
    Ok(found)
}

/// The folder of a run's record. Whatever a log says that a run is called, nothing outside `runs` is meant.
pub(crate) fn record_folder(runs: &Path, run: &str) -> Option<PathBuf> {
    let mut parts = Path::new(run).components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { return None };
    let folder = runs.join(name);
    fs::symlink_metadata(&folder).is_ok_and(|folder| folder.is_dir()).then_some(folder)
}

/// The log of a record, which nobody else writes as long as it is open; nothing where somebody does, and where there is none.
pub(crate) fn hold(folder: &Path) -> Option<File> {
    // Open for writing: some network file systems lock nothing else.
    let log = open(&folder.join(LOG), OpenOptions::new().read(true).append(true)).ok()?;
    log.try_lock().ok()?;
    Some(log)
}

/// Ends a record that has no end, signs it, and notes that in the machine's log. Where it has one, it was cut off before that
/// was signed or noted.
fn seal(
    machine: &Machine,
    log: &mut Held<'_>,
    folder: &Path,
    run: &str,
    record: Examined,
    time: u64,
) -> Result<Option<String>, RecordError> {
    let (disk, mut tree) = (&**machine.disk(), record.read.tree);
    let status = match record.grammar.status() {
        Some(status) => status,
        None => {
            for stray in strays(folder, &record.blobs) {
                disk.remove(&stray).map_err(RecordError::Write)?;
            }
            let cut = Some(record.read.torn);
            let mut line =
                Event::Seal { status: Status::Interrupted, time, cut }.line().map_err(RecordError::Encoding)?;
            tree.push(&line);
            line.push(b'\n');
            end(disk, folder, record.read.bytes, &line).map_err(RecordError::Write)?;
            Status::Interrupted
        }
    };
    let checkpoint = Checkpoint::of(&run_origin(run), &tree).sign(machine.key());
    put_synced(disk, folder, CHECKPOINT, checkpoint.as_bytes()).map_err(RecordError::Write)?;
    log.note(&MachineEvent::Sealed { run: run.to_owned(), status, checkpoint, time })?;
    Ok(record.grammar.unknown().map(str::to_owned))
}

/// Puts a log in the place of the one in `folder`: its first bytes, and a last line. It is never there without that line, so
/// that how much was cut off is said once, and right, even if this is cut off too.
fn end(disk: &dyn Disk, folder: &Path, bytes: u64, line: &[u8]) -> io::Result<()> {
    let mut whole = File::open(folder.join(LOG))?.take(bytes);
    put(disk, folder, LOG, &mut |to| {
        let mut part = vec![0; COPIED_AT_ONCE];
        loop {
            match whole.read(&mut part)? {
                0 => break,
                read => write_all(disk, to, part.get(..read).unwrap_or_default())?,
            }
        }
        write_all(disk, to, line).and_then(|()| disk.sync(to))
    })?;
    disk.sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crashes::{Claim, NOTHING, RUN, claims, each_loss, folder, holds, lose, until};
    use crate::disk::Disk;
    use crate::faulty::Faulty;
    use crate::{Record, verify, verify_machine};

    /// A machine with a run whose writer is gone before its end.
    fn machine() -> (tempfile::TempDir, Machine, PathBuf) {
        let state = folder();
        let machine = Machine::on(Arc::new(Faulty::default()), state.path()).unwrap();
        let record = Record::create(machine.clone(), &state.path().join("runs"), RUN, 1 << 20, 1).unwrap();
        let folder = record.folder().to_owned();
        (state, machine, folder)
    }

    #[test]
    fn a_whole_line_that_is_no_event_is_not_cut_off_and_stops_nobody_else() {
        let (state, machine, record) = machine();
        let line = "{\"event\":\"of a later version\"}\n";
        fs::write(record.join(LOG), line).unwrap();
        let runs = state.path().join("runs");
        let found = recover(&machine, &runs, 2).unwrap();
        assert_eq!(found[0].sealed.as_ref().unwrap_err().line, Some(1));
        assert_eq!(fs::read_to_string(record.join(LOG)).unwrap(), line);
        assert!(Record::create(machine, &runs, "next", 1 << 20, 3).is_ok());
    }

    #[test]
    fn what_is_kept_beside_the_machines_log_seals_no_run_twice_and_hides_none_for_long() {
        let (state, machine, record) = machine();
        let (runs, kept) = (state.path().join("runs"), machine.folder().join("tree"));
        let is_open = fs::read_to_string(&kept).unwrap();
        assert_eq!(recover(&machine, &runs, 2).unwrap().len(), 1);
        let is_sealed = fs::read_to_string(&kept).unwrap();
        let bytes = |kept: &str| kept.split(',').next().unwrap().to_owned();
        // It says of a run that is sealed that it is open.
        fs::write(&kept, is_open.replacen(&bytes(&is_open), &bytes(&is_sealed), 1)).unwrap();
        assert!(recover(&machine, &runs, 3).unwrap().is_empty());
        let log = verify_machine(machine.folder(), machine.key().public(), None).unwrap();
        assert_eq!(log.sealed().count(), 1);
        verify(&record, machine.key().public()).unwrap().in_machine(&log).unwrap();
        // It is gone, or nonsense.
        let again = Record::create(machine.clone(), &runs, "again", 1 << 20, 4).unwrap();
        drop(again);
        for bad in ["", "{}"] {
            fs::write(&kept, bad).unwrap();
            assert_eq!(recover(&machine, &runs, 5).unwrap().len(), usize::from(bad.is_empty()));
        }
    }

    /// Of a run that was cut off in the middle of a line, after its second step had started.
    #[test]
    fn what_seals_a_run_that_was_cut_off_can_be_cut_off_itself() {
        let (state, disk) = (folder(), Arc::new(Faulty::default()));
        let claimed = claims(&disk, state.path());
        let after = claimed.iter().find(|(_, claim)| *claim == Claim::Synced("two")).unwrap().0;
        let claimed = until(&claimed, after);
        lose(&disk, after, state.path(), Box::new(NOTHING), "two", &mut |cut_off| {
            let log = cut_off.join("runs").join(RUN).join("log.jsonl");
            fs::write(&log, [&fs::read(&log).unwrap()[..], b"{\"event\":\"do"].concat()).unwrap();
            let disk = Arc::new(Faulty::over(cut_off));
            let (machine, before) = (Machine::on(Arc::clone(&disk) as Arc<dyn Disk>, cut_off).unwrap(), disk.done());
            let found = recover(&machine, &cut_off.join("runs"), 3).unwrap();
            assert_eq!(found[0].sealed.as_ref().unwrap().as_deref(), Some("two"));
            for done in before..=disk.done() {
                each_loss(&disk, done, cut_off, &mut |left| {
                    holds(left, &claimed);
                    let record = verify(&left.join("runs").join(RUN), machine.key().public()).unwrap();
                    assert_eq!(record.unknown.as_deref(), Some("two"));
                    assert!(
                        matches!(record.events.last(), Some(Event::Seal { cut: Some(12), .. })),
                        "{:?}",
                        record.events
                    );
                });
            }
        });
    }
}
