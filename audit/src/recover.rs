//! Runs that were cut off are sealed by the next start, as interrupted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use crate::canonical;
use crate::checkpoint::{Checkpoint, run_origin};
use crate::disk::{Disk, put, put_synced, write_all};
use crate::error::RecordError;
use crate::event::{Event, Status};
use crate::log::{CHECKPOINT, LOG};
use crate::machine::{Held, Machine, MachineEvent};
use crate::reading::open;
use crate::verify::{Examined, Fault, examine, strays};

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
    if machine.may_be_open().is_some_and(|open| !open.iter().any(|run| hold(runs, run).is_some())) {
        return Ok(Vec::new());
    }
    // Two that start at once do not seal one run twice.
    let mut log = machine.hold()?;
    let mut found = Vec::new();
    for run in log.open().clone() {
        let Some((folder, _held)) = hold(runs, &run) else { continue };
        let sealed = match examine(&folder, machine.key().public()) {
            Ok(record) => Ok(seal(machine, &mut log, &folder, &run, record, time)?),
            Err(fault) => Err(fault),
        };
        found.push(CutOff { run, sealed });
    }
    Ok(found)
}

/// The folder of a run's record and its log, which nobody else writes as long as it is open; nothing where somebody does, and
/// where there is no such record.
pub(crate) fn hold(runs: &Path, run: &str) -> Option<(PathBuf, File)> {
    // Whatever a log says that a run is called, nothing outside the folder of the runs is meant.
    let mut parts = Path::new(run).components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { return None };
    let folder = runs.join(name);
    if !fs::symlink_metadata(&folder).ok()?.is_dir() {
        return None;
    }
    // Open for writing: some network file systems lock nothing else.
    let log = open(&folder.join(LOG), OpenOptions::new().read(true).append(true)).ok()?;
    log.try_lock().ok()?;
    Some((folder, log))
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
            let event = serde_json::to_value(Event::Seal { status: Status::Interrupted, time, cut });
            let mut line = Vec::new();
            event.and_then(|event| canonical::write(&event, &mut line)).map_err(RecordError::Encoding)?;
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
