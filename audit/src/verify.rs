//! Whether a record is what was written: every line, the signature over all of them, every blob, and its place in the
//! machine's log. It needs the record and the public key, and nothing of what ran.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::blobs::{blob, blob_folder, blob_path};
use crate::checkpoint::{Checkpoint, MACHINE_ORIGIN, PublicKey, run_origin};
use crate::event::{Event, Status, digests};
use crate::fault::{Fault, fault};
use crate::grammar::Grammar;
use crate::log::{CHECKPOINT, LOG};
use crate::machine::MachineEvent;
use crate::merkle::{Hash, Tree};
use crate::reading::{Read, open, read, signed};

/// A record in which nothing is wrong.
#[derive(Debug)]
pub struct Verified {
    /// Where it is.
    pub folder: PathBuf,
    /// Its run.
    pub run: String,
    /// How it ended, where it is sealed and that is signed; nothing where it was cut off, or goes on.
    pub status: Option<Status>,
    /// What it says, line by line.
    pub events: Vec<Event>,
    /// The step whose intent is on record, and whose outcome is not: what it did is not known.
    pub unknown: Option<String>,
    /// What is not as it should be, and may be: a run that was cut off, lines that were not signed.
    pub notes: Vec<String>,
    /// What the machine's log was when it had opened this run.
    opened: Option<Checkpoint>,
}

/// The machine's log, in which nothing is wrong.
#[derive(Debug, Default)]
pub struct VerifiedMachine {
    /// What it says, line by line.
    pub events: Vec<MachineEvent>,
    /// Its last checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What is not as it should be, and may be: a line that was cut off, or not signed yet.
    pub notes: Vec<String>,
    /// Its roots, after each line.
    roots: Vec<Hash>,
}

/// Verifies the machine's log in `folder`; with `since`, also that it goes on from that checkpoint of it.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_machine(folder: &Path, key: PublicKey, since: Option<&Checkpoint>) -> Result<VerifiedMachine, Fault> {
    let log = folder.join(LOG);
    let file = match open(&log, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VerifiedMachine::default()),
        Err(error) => return Err(fault(&log, None, error.to_string())),
    };
    // Nobody adds to it meanwhile: lines and checkpoint are of one moment.
    file.lock_shared().map_err(|error| fault(&log, None, error.to_string()))?;
    let mut machine = VerifiedMachine { checkpoint: signed(folder, MACHINE_ORIGIN, key)?, ..Default::default() };
    let read = read(&log, &file, &mut |event: MachineEvent, tree| {
        machine.events.push(event);
        machine.roots.push(tree.root());
        Ok(())
    })?;
    // Each line is signed before the next one is added.
    let signed = machine.checkpoint.as_ref().map_or(0, |signed| signed.size);
    if machine.checkpoint.as_ref().is_some_and(|signed| !machine.passed(signed)) || read.tree.size() > signed + 1 {
        return Err(fault(&log, None, "its lines are not those that its checkpoint signs"));
    }
    if since.is_some_and(|since| !machine.passed(since)) {
        let what = "it does not go on from the checkpoint that is given: lines before it were changed or taken away";
        return Err(fault(&log, None, what));
    }
    if read.tree.size() > signed {
        machine.notes.push("the last line of the machine's log is not signed yet: the next start does it".to_owned());
    }
    if read.torn > 0 {
        machine.notes.push(torn("the last line of the machine's log", read.torn));
    }
    Ok(machine)
}

/// Verifies the record of a run in `folder`, by itself: whether the machine's log has it is
/// [`in_machine`](Verified::in_machine), which alone tells a run that was cut off from one that was sealed.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(folder: &Path, key: PublicKey) -> Result<Verified, Fault> {
    let goes_on = is_held(&folder.join(LOG));
    let Examined { signed, read, grammar, events, blobs, opened } = examine(folder, key)?;
    let mut notes = Vec::new();
    if read.torn > 0 {
        notes.push(torn("its last line", read.torn));
    }
    let unsigned = read.tree.size() - signed.as_ref().map_or(0, |signed| signed.size);
    match (&signed, unsigned) {
        (_, 0) => {}
        (Some(_), unsigned) => notes.push(format!("its last {unsigned} lines were not signed")),
        (None, _) => notes.push("it was not signed: nothing in it had an effect".to_owned()),
    }
    let status = grammar.status().filter(|_| unsigned == 0);
    if status.is_none() {
        let why = if goes_on { "the run goes on" } else { "the run was cut off, and the next start seals it" };
        notes.push(format!("it is not sealed: {why}"));
    }
    if let Some(Event::Seal { cut: Some(cut), .. }) = events.last() {
        let torn = if *cut > 0 { format!(", without {cut} bytes of a torn last line") } else { String::new() };
        notes.push(format!("the run was cut off, and the next start sealed it{torn}"));
    }
    let unknown = grammar.unknown().map(str::to_owned);
    if let Some(step) = unknown.as_ref().filter(|_| !goes_on) {
        notes.push(format!("the outcome of the step `{step}` is unknown: its start is on record, and not its end"));
    }
    verify_blobs(folder, &blobs)?;
    for stray in strays(folder, &blobs) {
        if grammar.status().is_some() {
            return Err(fault(&stray, None, "nothing in the log refers to it"));
        }
        notes.push(format!("nothing in the log refers to the blob `{}`", name_of(&stray)));
    }
    let (folder, run) = (folder.to_owned(), name_of(folder));
    Ok(Verified { folder, run, status, events, unknown, notes, opened })
}

/// A record as its log and its checkpoint have it.
pub(crate) struct Examined {
    pub(crate) signed: Option<Checkpoint>,
    pub(crate) read: Read,
    pub(crate) grammar: Grammar,
    pub(crate) events: Vec<Event>,
    /// The blobs that its events refer to.
    pub(crate) blobs: BTreeSet<String>,
    /// What the machine's log was when it had opened this run.
    opened: Option<Checkpoint>,
}

/// Reads a record: what is signed of it is there, each event can come where it comes, and nothing comes after its end.
pub(crate) fn examine(folder: &Path, key: PublicKey) -> Result<Examined, Fault> {
    let (log, run) = (folder.join(LOG), name_of(folder));
    // Before the log, which a run that goes on writes first.
    let signed = signed(folder, &run_origin(&run), key)?;
    let file = open(&log, OpenOptions::new().read(true)).map_err(|error| fault(&log, None, error.to_string()))?;
    let (mut grammar, mut events, mut blobs) = (Grammar::of(&run), Vec::new(), BTreeSet::new());
    let (mut reached, mut opened) = (signed.is_none(), None);
    let read = read(&log, &file, &mut |event: Event, tree| {
        grammar.next(&event)?;
        if let Event::Open { machine, .. } = &event {
            let checkpoint = Checkpoint::open(machine, MACHINE_ORIGIN, key);
            opened = Some(checkpoint.map_err(|error| format!("the checkpoint of the machine's log: {error}"))?);
        }
        reached |= signed.as_ref().is_some_and(|signed| signed.is_of(tree));
        blobs.extend(digests(&event).map(str::to_owned));
        events.push(event);
        Ok(())
    })?;
    let next = Some(read.tree.size() + 1);
    match (reached, read.torn > 0) {
        (false, true) => Err(fault(&log, next, "it is no event")),
        (false, false) => Err(fault(&log, None, "its lines are not those that its checkpoint signs")),
        (true, true) if grammar.status().is_some() => {
            Err(fault(&log, next, "there is more after the line that seals it"))
        }
        (true, _) => Ok(Examined { signed, read, grammar, events, blobs, opened }),
    }
}

/// Whether somebody writes a log.
fn is_held(log: &Path) -> bool {
    open(log, OpenOptions::new().read(true)).is_ok_and(|file| file.try_lock_shared().is_err())
}

fn torn(what: &str, bytes: u64) -> String {
    format!("{what} was cut off: {bytes} bytes at the end are no event")
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
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
        if self.opened.as_ref().is_some_and(|opened| !machine.has_opened(&self.run, opened)) {
            return Err(fault(&log, Some(1), "the machine's log was never what this line says that it was"));
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
    /// Whether it once was what `checkpoint` says.
    fn passed(&self, checkpoint: &Checkpoint) -> bool {
        match usize::try_from(checkpoint.size).ok().and_then(|size| size.checked_sub(1)) {
            Some(last) => self.roots.get(last) == Some(&checkpoint.root),
            // Of a log without lines.
            None => checkpoint.is_of(&Tree::default()),
        }
    }

    /// Whether it once was what `checkpoint` says, and the line that it ended with opened `run`.
    fn has_opened(&self, run: &str, checkpoint: &Checkpoint) -> bool {
        let last = usize::try_from(checkpoint.size).ok().and_then(|size| self.events.get(size.checked_sub(1)?));
        self.passed(checkpoint) && matches!(last, Some(MachineEvent::Opened { run: opened, .. }) if opened == run)
    }

    /// The runs that it sealed, and when: unix time in milliseconds.
    pub fn sealed(&self) -> impl Iterator<Item = (&str, u64)> {
        self.events.iter().filter_map(|event| match event {
            MachineEvent::Sealed { run, time, .. } => Some((run.as_str(), *time)),
            _ => None,
        })
    }

    /// Whether it says that the record of `run`, which it sealed, was taken away.
    pub fn is_pruned(&self, run: &str) -> bool {
        let pruned = |event: &MachineEvent| matches!(event, MachineEvent::Pruned { run: pruned, .. } if pruned == run);
        self.sealed().any(|(sealed, _)| sealed == run) && self.events.iter().any(pruned)
    }

    /// The runs that it opened.
    pub fn opened(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| match event {
            MachineEvent::Opened { run, .. } => Some(run.as_str()),
            _ => None,
        })
    }
}

/// Every blob that is referred to is there and is what its name says.
fn verify_blobs(folder: &Path, wanted: &BTreeSet<String>) -> Result<(), Fault> {
    wanted.iter().try_for_each(|digest| {
        blob(folder, digest).map(drop).map_err(|error| fault(&blob_path(folder, digest), None, error.to_string()))
    })
}

/// What is beside the blobs that are wanted: those of an event that was not written before the run was cut off, or somebody's.
pub(crate) fn strays(folder: &Path, wanted: &BTreeSet<String>) -> Vec<PathBuf> {
    let entries = fs::read_dir(blob_folder(folder)).into_iter().flatten().flatten();
    let stray = entries.map(|entry| entry.path()).filter(|path| !wanted.contains(&format!("sha256:{}", name_of(path))));
    stray.collect()
}
