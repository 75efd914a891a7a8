//! Whether a record is what was written: every line, the signature over all of them, every blob, and its place in the
//! machine's log. It needs the record and the public key, and nothing of what ran.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::canonical;
use crate::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint, MACHINE_ORIGIN, PublicKey, run_origin};
use crate::event::{Event, Status, Stored};
use crate::grammar::Grammar;
use crate::lines::Lines;
use crate::log::{CHECKPOINT, LOG};
use crate::machine::MachineEvent;
use crate::merkle::Tree;

/// The most bytes of one line: an opening line holds a policy and its catalogue.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// The most bytes of a blob.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// The first thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {what}", .file.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct Fault {
    /// The file that it is in.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// A record in which nothing is wrong.
#[derive(Debug)]
pub struct Verified {
    /// Where it is.
    pub folder: PathBuf,
    /// Its run.
    pub run: String,
    /// How it ended; nothing where it was cut off, or goes on.
    pub status: Option<Status>,
    /// What it says, line by line.
    pub events: Vec<Event>,
    /// What is not as it should be, and may be: a run that was cut off, lines that were not signed.
    pub notes: Vec<String>,
}

/// The machine's log, in which nothing is wrong.
#[derive(Debug, Default)]
pub struct VerifiedMachine {
    /// What it says, line by line.
    pub events: Vec<MachineEvent>,
    /// Its last checkpoint.
    pub checkpoint: Option<Checkpoint>,
}

/// Verifies the machine's log in `folder`; with `since`, also that it goes on from that checkpoint of it.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_machine(folder: &Path, key: PublicKey, since: Option<&Checkpoint>) -> Result<VerifiedMachine, Fault> {
    let log = folder.join(LOG);
    // Nobody adds to it meanwhile: lines and checkpoint are of one moment.
    let held = match File::open(&log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VerifiedMachine::default()),
        Err(error) => return Err(fault(&log, None, error.to_string())),
    };
    held.lock_shared().map_err(|error| fault(&log, None, error.to_string()))?;
    let (mut events, mut passed) = (Vec::new(), Vec::new());
    let signed = signed(folder, MACHINE_ORIGIN, key)?;
    let wanted: Vec<&Checkpoint> = signed.iter().chain(since).collect();
    let mut note = |tree: &Tree| {
        let now = Checkpoint::of(MACHINE_ORIGIN, tree);
        passed.extend(wanted.contains(&&now).then_some(now));
    };
    let read = read(&log, &mut note, &mut |event: MachineEvent, _| {
        events.push(event);
        Ok(())
    })?;
    if read.torn {
        return Err(fault(&log, Some(read.tree.size() + 1), "the last line was cut off"));
    }
    if signed.as_ref().is_some_and(|signed| signed.size != read.tree.size() || !passed.contains(signed)) {
        return Err(fault(&log, None, "its lines are not those that its checkpoint signs"));
    }
    if signed.is_none() && !events.is_empty() {
        return Err(fault(&folder.join(CHECKPOINT), None, "there is none"));
    }
    if since.is_some_and(|since| !passed.contains(since)) {
        let what = "it does not go on from the checkpoint that is given: lines before it were changed or taken away";
        return Err(fault(&log, None, what));
    }
    Ok(VerifiedMachine { events, checkpoint: signed })
}

/// Verifies the record of a run in `folder`, by itself: whether the machine's log has it is
/// [`in_machine`](Verified::in_machine).
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(folder: &Path, key: PublicKey) -> Result<Verified, Fault> {
    let log = folder.join(LOG);
    let run = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let origin = run_origin(&run);
    let signed = signed(folder, &origin, key)?;
    let (mut grammar, mut events, mut blobs) = (Grammar::of(&run), Vec::new(), BTreeSet::new());
    let mut reached = false;
    let mut note = |tree: &Tree| reached |= signed.as_ref() == Some(&Checkpoint::of(&origin, tree));
    let read = read(&log, &mut note, &mut |event: Event, _| {
        grammar.next(&event)?;
        blobs.extend(digests(&event).map(str::to_owned));
        events.push(event);
        Ok(())
    })?;
    let status = grammar.status();
    let mut notes = Vec::new();
    if read.torn {
        if status.is_some() {
            return Err(fault(&log, Some(read.tree.size() + 1), "there is more after the line that seals it"));
        }
        notes.push("its last line was cut off".to_owned());
    }
    match &signed {
        Some(_) if !reached => return Err(fault(&log, None, "its lines are not those that its checkpoint signs")),
        Some(signed) if status.is_some() && signed.size != read.tree.size() => {
            return Err(fault(
                &log,
                Some(signed.size + 1),
                "it is sealed, and this line and those after it are not signed",
            ));
        }
        Some(signed) if signed.size < read.tree.size() => {
            notes.push(format!("its last {} lines were not signed", read.tree.size() - signed.size));
        }
        Some(_) => {}
        None if status.is_some() => return Err(fault(&folder.join(CHECKPOINT), None, "it is sealed, and not signed")),
        None => notes.push("it was not signed: nothing in it had an effect".to_owned()),
    }
    if status.is_none() {
        notes.push("it was not sealed: the run was cut off, or goes on".to_owned());
    }
    verify_blobs(folder, &blobs)?;
    Ok(Verified { folder: folder.to_owned(), run, status, events, notes })
}

pub(crate) fn fault(file: &Path, line: Option<u64>, what: impl Into<String>) -> Fault {
    Fault { file: file.to_owned(), line, what: what.into() }
}

/// What was read of a log.
struct Read {
    tree: Tree,
    torn: bool,
}

/// Reads a log line by line. Each has to be the one canonical form of an event.
fn read<E: serde::de::DeserializeOwned + serde::Serialize>(
    log: &Path,
    note: &mut dyn FnMut(&Tree),
    take: &mut dyn FnMut(E, u64) -> Result<(), String>,
) -> Result<Read, Fault> {
    let file = File::open(log).map_err(|error| fault(log, None, error.to_string()))?;
    let (mut lines, mut tree) = (Lines::of(&file, LINE_BYTES_MAX), Tree::default());
    loop {
        let number = tree.size() + 1;
        let wrong = |what: &str| fault(log, Some(number), what);
        let line = match lines.next_whole() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(wrong("it is too long for a line"));
            }
            Err(error) => return Err(wrong(&error.to_string())),
        };
        let event: E = serde_json::from_slice(line).map_err(|_| wrong("it is no event"))?;
        let mut form = Vec::new();
        let again = serde_json::to_value(&event).map_err(|error| wrong(&error.to_string()))?;
        canonical::write(&again, &mut form).map_err(|error| wrong(&error.to_string()))?;
        if form != line {
            return Err(wrong("it is not in its canonical form"));
        }
        tree.push(line);
        note(&tree);
        take(event, number).map_err(|what| wrong(&what))?;
    }
    Ok(Read { torn: !lines.torn().is_empty(), tree })
}

/// The checkpoint in `folder`, if there is one.
fn signed(folder: &Path, origin: &str, key: PublicKey) -> Result<Option<Checkpoint>, Fault> {
    let path = folder.join(CHECKPOINT);
    let mut note = String::new();
    let read = File::open(&path).and_then(|file| file.take(CHECKPOINT_BYTES_MAX).read_to_string(&mut note));
    match read {
        Ok(_) => Checkpoint::open(&note, origin, key).map(Some).map_err(|error| fault(&path, None, error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(&path, None, error.to_string())),
    }
}

impl Verified {
    /// Whether the machine's log opened this run once, and sealed it once, with this very checkpoint.
    ///
    /// # Errors
    /// What it says that this record does not.
    pub fn in_machine(&self, machine: &VerifiedMachine) -> Result<(), Fault> {
        let (log, signed) = (self.folder.join(LOG), self.folder.join(CHECKPOINT));
        if machine.opened().filter(|run| *run == self.run).count() != 1 {
            return Err(fault(&log, None, "the machine's log did not open this run once"));
        }
        let mut sealed = machine.events.iter().filter_map(|event| match event {
            MachineEvent::Sealed { run, status, checkpoint, .. } if *run == self.run => Some((*status, checkpoint)),
            _ => None,
        });
        match (sealed.next(), sealed.next()) {
            // The program can be cut off between the two.
            (None, _) => Ok(()),
            (Some((status, checkpoint)), None) if Some(status) == self.status => {
                if fs::read_to_string(&signed).is_ok_and(|own| own == *checkpoint) {
                    Ok(())
                } else {
                    Err(fault(&signed, None, "the machine's log sealed this run with another checkpoint"))
                }
            }
            _ => Err(fault(&log, None, "the machine's log sealed this run in another way than its record says")),
        }
    }
}

impl VerifiedMachine {
    /// The runs that it opened.
    pub fn opened(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| match event {
            MachineEvent::Opened { run, .. } => Some(run.as_str()),
            _ => None,
        })
    }
}

/// The digests of the blobs that an event refers to.
fn digests(event: &Event) -> impl Iterator<Item = &str> {
    let (mut stored, mut plain): (Vec<&Stored>, Option<&str>) = (Vec::new(), None);
    match event {
        Event::Open { policy, inputs, seed, .. } => {
            stored.push(policy);
            stored.extend(inputs.values().map(|input| &input.value));
            plain = Some(seed);
        }
        Event::Plan { text, .. } => stored.push(text),
        Event::Step { arguments, .. } => stored.push(arguments),
        Event::Done { output, tape, .. } => stored.extend([output].into_iter().chain(tape)),
        Event::Failed { tape, .. } => stored.extend(tape),
        Event::Verdict { .. } | Event::Call(_) | Event::Halt(_) | Event::Seal { .. } => {}
    }
    let blobs = stored.into_iter().filter_map(|stored| match stored {
        Stored::Blob(digest) => Some(digest.as_str()),
        Stored::Inline(_) => None,
    });
    blobs.chain(plain)
}

/// Every blob that is referred to is there and is what its name says, and there is no other.
fn verify_blobs(folder: &Path, wanted: &BTreeSet<String>) -> Result<(), Fault> {
    let blobs = folder.join("blobs").join("sha256");
    for digest in wanted {
        let path = blobs.join(digest.trim_start_matches("sha256:"));
        // Looked at before it is opened: opening a FIFO would wait for its other end.
        let metadata = fs::symlink_metadata(&path).map_err(|error| fault(&path, None, error.to_string()))?;
        if !metadata.is_file() || metadata.len() > BLOB_BYTES_MAX {
            return Err(fault(&path, None, "it is no blob"));
        }
        let bytes = fs::read(&path).map_err(|error| fault(&path, None, error.to_string()))?;
        if claw_policy::digest(&bytes) != *digest {
            return Err(fault(&path, None, "it is not what its name says"));
        }
    }
    for entry in fs::read_dir(&blobs).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !wanted.contains(&format!("sha256:{name}")) {
            return Err(fault(&entry.path(), None, "nothing in the log refers to it"));
        }
    }
    Ok(())
}
