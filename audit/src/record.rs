//! The record of one run: a folder with its log, written in order, synced before effects.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::blobs::Blobs;
use crate::checkpoint::{Checkpoint, run_origin};
use crate::disk::{make_folders, put_synced};
use crate::error::RecordError;
use crate::event::{Event, Exchange, Status, digests};
use crate::log::{CHECKPOINT, Log};
use crate::machine::{Machine, MachineEvent};
use crate::reading::LINE_BYTES_MAX;
use crate::stored::Stored;

/// A run's record, open for its run alone.
#[derive(Debug)]
pub struct Record {
    run: String,
    machine: Machine,
    log: Log,
    blobs: Blobs,
    bytes_max: u64,
    /// Whether there is a checkpoint of what came before the first effect.
    signed: bool,
    /// The machine's log once it had opened this run.
    opened: String,
}

impl Record {
    /// Makes the record of the run `run` in `runs`, with a lock that is held as long as it lives, and notes in the machine's
    /// log that it is open.
    ///
    /// The folder has mode 0700. `bytes_max` is the limit `log`; what seals a record fits beyond it. `time` is unix time
    /// in milliseconds.
    ///
    /// # Errors
    /// When the folder is there already, or cannot be made.
    pub fn create(machine: Machine, runs: &Path, run: &str, bytes_max: u64, time: u64) -> Result<Self, RecordError> {
        let (folder, disk) = (runs.join(run), Arc::clone(machine.disk()));
        make_folders(&*disk, runs).map_err(RecordError::Write)?;
        disk.make_folder(&folder).map_err(RecordError::Write)?;
        let log = Log::create(Arc::clone(&disk), &folder).map_err(RecordError::Write)?;
        log.file().try_lock().map_err(|_| RecordError::Locked)?;
        let blobs = Blobs::create(Arc::clone(&disk), &folder)?;
        // All of it is on disk before the machine's log says that it is there; what is in `folder` was synced for the blobs.
        disk.sync_folder(runs).map_err(RecordError::Write)?;
        let opened = machine.note(&MachineEvent::Opened { run: run.to_owned(), time })?;
        Ok(Self { run: run.to_owned(), machine, log, blobs, bytes_max, signed: false, opened })
    }

    /// The checkpoint of the machine's log once it had opened this run: the event that opens the record holds it.
    pub fn opened(&self) -> &str {
        &self.opened
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.log.folder()
    }

    /// Stores a value for an event: in the event where it is small, else as a blob on disk.
    ///
    /// # Errors
    /// When the blob cannot be written.
    pub fn store(&self, value: &Value) -> Result<Stored, RecordError> {
        self.blobs.store(value)
    }

    /// Stores bytes for an event: in the event where they are few, else as a blob on disk.
    ///
    /// # Errors
    /// When the blob cannot be written.
    pub fn store_bytes(&self, bytes: &[u8]) -> Result<Stored, RecordError> {
        self.blobs.store_bytes(bytes)
    }

    /// Stores the seed of the run's randomness as a blob, and gives its digest.
    ///
    /// # Errors
    /// When the blob cannot be written.
    pub fn store_seed(&self, seed: &[u8; 32]) -> Result<String, RecordError> {
        self.blobs.write(seed)
    }

    /// Takes an event. It is written with the next [`write`](Self::write) or [`sync`](Self::sync).
    ///
    /// # Errors
    /// When the log has reached its limit.
    pub fn append(&mut self, event: &Event) -> Result<(), RecordError> {
        // What a guest or a planner can make many of is bounded; what was decided, and how it ended, always fits.
        let bounded = matches!(event, Event::Call(_) | Event::Exchange(_) | Event::Step { .. } | Event::Prompt(_));
        // What servers answer has half of the log: the rest is for what was done.
        let is_answered = matches!(event, Event::Exchange(Exchange { response: Some(_), .. }));
        let room = if is_answered { self.bytes_max / 2 } else { self.bytes_max };
        let left = room.saturating_sub(self.log.bytes()).min(LINE_BYTES_MAX);
        let most = if bounded { left } else { u64::MAX };
        match self.log.append(event, most).map_err(RecordError::Encoding)? {
            true => {
                self.blobs.refer(digests(event));
                Ok(())
            }
            false => Err(RecordError::Full(self.bytes_max)),
        }
    }

    /// Writes what is pending, in one `write`.
    ///
    /// # Errors
    /// When it cannot be written whole.
    pub fn write(&mut self) -> Result<(), RecordError> {
        self.log.write().map_err(RecordError::Write)
    }

    /// Writes what is pending, and returns once it is on disk; the first time, it is signed too.
    ///
    /// # Errors
    /// When it cannot be written or synced.
    pub fn sync(&mut self) -> Result<(), RecordError> {
        self.log.sync().map_err(RecordError::Write)?;
        if !self.signed {
            self.sign()?;
        }
        Ok(())
    }

    /// Writes what is pending, and signs it: it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written or synced.
    pub fn sync_signed(&mut self) -> Result<(), RecordError> {
        self.log.sync().map_err(RecordError::Write)?;
        self.sign().map(drop)
    }

    /// Ends the record, and notes that in the machine's log.
    ///
    /// # Errors
    /// When it cannot be written or synced.
    pub fn seal(mut self, status: Status, time: u64) -> Result<PathBuf, RecordError> {
        self.blobs.remove_loose()?;
        self.append(&Event::Seal { status, time, cut: None })?;
        self.log.sync().map_err(RecordError::Write)?;
        let checkpoint = self.sign()?;
        self.machine.note(&MachineEvent::Sealed { run: self.run, status, checkpoint, time })?;
        Ok(self.log.folder().to_owned())
    }

    fn sign(&mut self) -> Result<String, RecordError> {
        let checkpoint = Checkpoint::of(&run_origin(&self.run), self.log.tree()).sign(self.machine.key());
        put_synced(self.log.disk(), self.log.folder(), CHECKPOINT, checkpoint.as_bytes())
            .map_err(RecordError::Write)?;
        self.signed = true;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use claw_policy::types::EXACT_INTEGER_MAX;

    use super::*;
    use crate::log::LOG;

    fn record(folder: &Path, bytes_max: u64) -> Result<Record, RecordError> {
        Record::create(Machine::open(&folder.join("state"))?, folder, "a", bytes_max, 0)
    }

    fn plan(text: &str) -> Event {
        Event::Plan { text: Stored::Inline(Value::from(text)), base64: false }
    }

    #[test]
    fn nothing_is_written_before_it_is_asked_for_and_all_of_it_after() {
        let runs = tempfile::tempdir().unwrap();
        let mut record = record(runs.path(), 1 << 20).unwrap();
        let log = || fs::read_to_string(runs.path().join("a").join(LOG)).unwrap();
        record.append(&plan("one")).unwrap();
        record.append(&plan("two")).unwrap();
        assert_eq!(log(), "");
        record.write().unwrap();
        assert_eq!(log().lines().count(), 2);
        record.seal(Status::Completed, 7).unwrap();
        assert!(log().ends_with("{\"event\":\"seal\",\"status\":\"completed\",\"time\":7}\n"), "{}", log());
    }

    #[test]
    fn a_record_is_made_once_and_locked_while_it_is_written() {
        let runs = tempfile::tempdir().unwrap();
        let open = record(runs.path(), 1 << 20).unwrap();
        assert!(matches!(record(runs.path(), 1 << 20), Err(RecordError::Write(_))));
        let other = File::open(open.folder().join(LOG)).unwrap();
        assert!(other.try_lock().is_err());
        open.seal(Status::Completed, 0).unwrap();
        assert!(other.try_lock().is_ok());
    }

    #[test]
    fn a_full_log_takes_only_how_it_ends() {
        let runs = tempfile::tempdir().unwrap();
        let mut record = record(runs.path(), 100).unwrap();
        let call = Event::Call(crate::Call {
            step: "a".to_owned(),
            function: "f".repeat(200),
            arguments: claw_policy::digest(b""),
            subject: None,
            to: None,
            bytes: None,
            outcome: "ok".to_owned(),
        });
        assert!(matches!(record.append(&call), Err(RecordError::Full(100))));
        record.append(&plan(&"x".repeat(200))).unwrap();
        record.seal(Status::Halted, 0).unwrap();
        assert_eq!(fs::read_to_string(runs.path().join("a").join(LOG)).unwrap().lines().count(), 2);
    }

    #[test]
    fn what_servers_answer_has_half_of_a_log() {
        let runs = tempfile::tempdir().unwrap();
        let mut record = record(runs.path(), 4_000).unwrap();
        let exchange = |body: Option<&Stored>| {
            let response = body.map(|body| crate::Response { head: Stored::Inline(Value::Null), body: body.clone() });
            let (step, url, outcome) = ("a".to_owned(), "http://a.example/".to_owned(), "ok".to_owned());
            let (method, body, grant) = ("GET".to_owned(), claw_policy::digest(b""), None);
            Event::Exchange(Exchange {
                step,
                method,
                url,
                sent: 0,
                body,
                grant,
                address: None,
                status: Some(200),
                received: 0,
                response,
                outcome,
            })
        };
        let body = record.store_bytes(&[b'x'; 900]).unwrap();
        record.append(&exchange(Some(&body))).unwrap();
        assert!(matches!(record.append(&exchange(Some(&body))), Err(RecordError::Full(_))));
        for _ in 0..5 {
            record.append(&exchange(None)).unwrap();
        }
    }

    #[test]
    fn a_blob_that_no_event_refers_to_is_gone_once_the_record_is_sealed() {
        let runs = tempfile::tempdir().unwrap();
        let mut record = record(runs.path(), 1_000).unwrap();
        let step = |arguments| Event::Step {
            step: "a".repeat(2_000),
            capability: String::new(),
            arguments,
            label: Default::default(),
            grants: Vec::new(),
            clock: 0,
        };
        let kept = record.store(&Value::from("k".repeat(70_000))).unwrap();
        record.append(&Event::Plan { text: kept.clone(), base64: false }).unwrap();
        for value in ["k", "x"] {
            let arguments = record.store(&Value::from(value.repeat(70_000))).unwrap();
            assert!(matches!(record.append(&step(arguments)), Err(RecordError::Full(1_000))));
        }
        let blobs = record.folder().join("blobs/sha256");
        assert_eq!(fs::read_dir(&blobs).unwrap().count(), 2);
        record.seal(Status::Halted, 0).unwrap();
        let left: Vec<String> = fs::read_dir(&blobs)
            .unwrap()
            .map(|blob| format!("sha256:{}", blob.unwrap().file_name().into_string().unwrap()))
            .collect();
        assert_eq!(kept, Stored::Raw(left.concat()));
    }

    #[test]
    fn a_count_that_a_worker_made_up_leaves_a_line_that_can_be_read() {
        let runs = tempfile::tempdir().unwrap();
        let mut record = record(runs.path(), 1 << 20).unwrap();
        let reason = crate::FailureReason { kind: "trap".to_owned(), message: String::new() };
        let usage = |fuel| crate::Usage { fuel, ..Default::default() };
        for fuel in [7, EXACT_INTEGER_MAX, EXACT_INTEGER_MAX + 1, u64::MAX] {
            let failed =
                |fuel| Event::Failed { step: "a".to_owned(), reason: reason.clone(), usage: usage(fuel), tape: None };
            record.append(&failed(fuel)).unwrap();
            record.write().unwrap();
            let log = fs::read_to_string(record.folder().join(LOG)).unwrap();
            let event: Event = serde_json::from_str(log.lines().last().unwrap()).unwrap();
            assert_eq!(event, failed(fuel.min(EXACT_INTEGER_MAX)));
            // Nor one that a service did.
            let replied = |count| {
                let (text, tokens) = (Stored::Inline(Value::from("a plan")), Some(count));
                Event::Reply(crate::Reply { time: 1, text, cut: false, prompt_tokens: tokens, reply_tokens: tokens })
            };
            let line = replied(fuel).line().unwrap();
            assert_eq!(serde_json::from_slice::<Event>(&line).unwrap(), replied(fuel.min(EXACT_INTEGER_MAX)));
        }
    }

    #[test]
    fn lines_are_canonical_and_hold_one_line_each() {
        let runs = tempfile::tempdir().unwrap();
        let mut record = record(runs.path(), 1 << 20).unwrap();
        record.append(&plan("a\nb\r\u{2028}\"event\":\"seal\"\u{1b}[2J")).unwrap();
        record.write().unwrap();
        let log = fs::read_to_string(runs.path().join("a").join(LOG)).unwrap();
        assert_eq!(log.lines().count(), 1, "case 208: {log}");
        let event: Event = serde_json::from_str(log.trim_end()).unwrap();
        assert_eq!(event, plan("a\nb\r\u{2028}\"event\":\"seal\"\u{1b}[2J"));
    }
}
