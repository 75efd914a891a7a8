//! The runs that have a record, newest first.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::event::{Event, Status};
use crate::lines::Lines;
use crate::log::LOG;
use crate::stored::Stored;

/// The most bytes of an opening line that are read. It holds a policy of up to 64 KiB and its catalogue.
const OPEN_LINE_BYTES_MAX: u64 = 16 << 20;
/// The most bytes of a closing line.
const SEAL_LINE_BYTES_MAX: u64 = 4 << 10;
/// The most bytes of a log that are looked through for a capability: as many as the limit `log` has without a policy's word.
const SEARCHED_BYTES_MAX: u64 = 64 << 20;

/// One run, as its record's first and last line tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub run: String,
    /// When it was opened: unix time in milliseconds, where the record can be read.
    pub opened: Option<u64>,
    /// How it ended; `None` while it runs, or where it was cut off.
    pub status: Option<Status>,
    /// The policy's name, where its text is in the log.
    pub policy: Option<String>,
    /// Its record.
    pub folder: PathBuf,
}

/// Which runs are listed: all, but those that are known to be others. What cannot be read is never filtered out, or who
/// damages a record could hide it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Opened at this time or later: unix time in milliseconds.
    pub since: Option<u64>,
    /// Opened before this time.
    pub until: Option<u64>,
    /// Under the policy of this name.
    pub policy: Option<String>,
    /// Ended in this way; the inner `None` is not ended.
    pub status: Option<Option<Status>>,
    /// With a step that started and called this capability.
    pub capability: Option<String>,
}

impl Filter {
    fn admits(&self, run: &Summary) -> bool {
        fn fits<T>(known: Option<T>, wanted: impl FnOnce(T) -> bool) -> bool {
            known.is_none_or(wanted)
        }
        fits(run.opened, |opened| self.since.is_none_or(|since| opened >= since))
            && fits(run.opened, |opened| self.until.is_none_or(|until| opened < until))
            && fits(run.policy.as_ref(), |policy| self.policy.as_ref().is_none_or(|wanted| policy == wanted))
            // A record whose beginning cannot be read has no known end either.
            && fits(run.opened, |_| self.status.is_none_or(|wanted| run.status == wanted))
            && self.capability.as_ref().is_none_or(|wanted| fits(calls(&run.folder, wanted), |calls| calls))
    }
}

/// Lists the records in `runs` that `filter` admits. A record that cannot be read is listed with what is known of it.
/// Nothing is verified, and of each record only its first and last line are read, and for a capability its steps.
///
/// # Errors
/// When `runs` is there and cannot be read.
pub fn list(runs: &Path, filter: &Filter) -> io::Result<Vec<Summary>> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A link is no record: what it points at is somebody else's.
        if entry.file_type()?.is_dir() {
            found.push(summary(entry.path(), entry.file_name().to_string_lossy().into_owned()));
        }
    }
    found.retain(|run| filter.admits(run));
    found.sort_by(|a, b| (b.opened, &b.run).cmp(&(a.opened, &a.run)));
    Ok(found)
}

/// Whether a folder is the record of a run.
pub fn is_record(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(LOG)).is_ok_and(|log| log.is_file())
}

fn summary(folder: PathBuf, run: String) -> Summary {
    let mut summary = Summary { run, opened: None, status: None, policy: None, folder };
    let Some(mut log) = open(&summary.folder) else { return summary };
    if let Ok(Event::Open { time, policy, .. }) = first_line(&mut log) {
        summary.opened = Some(time);
        summary.policy = match &policy {
            Stored::Inline(text) => text.as_str().and_then(policy_name),
            Stored::Blob(_) | Stored::Raw(_) => None,
        };
    }
    if let Ok(Event::Seal { status, .. }) = last_line(&mut log) {
        summary.status = Some(status);
    }
    summary
}

fn open(folder: &Path) -> Option<File> {
    let path = folder.join(LOG);
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    let is_file = fs::symlink_metadata(&path).is_ok_and(|log| log.is_file());
    if is_file { File::open(path).ok() } else { None }
}

/// Whether a step that calls `capability` has started, as far as that can be read.
fn calls(folder: &Path, capability: &str) -> Option<bool> {
    /// What is wanted of a line.
    #[derive(Deserialize)]
    struct Line {
        event: String,
        capability: Option<String>,
    }
    let log = open(folder)?;
    let (mut lines, mut read) = (Lines::of(&log, OPEN_LINE_BYTES_MAX), 0);
    while let Some(line) = lines.next_whole().ok()? {
        read += line.len() as u64;
        if read > SEARCHED_BYTES_MAX {
            return None;
        }
        let line: Line = serde_json::from_slice(line).ok()?;
        if line.event == "step" && line.capability.as_deref() == Some(capability) {
            return Some(true);
        }
    }
    Some(false)
}

fn policy_name(text: &str) -> Option<String> {
    claw_policy::Document::parse(text).ok().map(|document| document.name().to_string())
}

fn first_line(log: &mut File) -> io::Result<Event> {
    let mut line = Vec::new();
    BufReader::new(log.take(OPEN_LINE_BYTES_MAX)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

fn last_line(log: &mut File) -> io::Result<Event> {
    let length = log.metadata()?.len();
    log.seek(SeekFrom::Start(length.saturating_sub(SEAL_LINE_BYTES_MAX)))?;
    let mut tail = Vec::new();
    log.take(SEAL_LINE_BYTES_MAX).read_to_end(&mut tail)?;
    let lines: Vec<&[u8]> = tail.split(|byte| *byte == b'\n').collect();
    match lines.as_slice() {
        // A log ends with a line feed; what comes after the last one was cut off.
        [.., line, []] => Ok(serde_json::from_slice(line)?),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(runs: &[Summary]) -> Vec<&str> {
        runs.iter().map(|run| run.run.as_str()).collect()
    }

    /// A record of a run that began at `time`, whose steps call `capabilities`, with `end` as its last line.
    fn record(runs: &Path, run: &str, time: u64, capabilities: &[&str], end: &str) {
        let policy = format!("claw = 1\nname = \"{}\"\n", run.trim_end_matches(char::is_numeric));
        let open = serde_json::json!({
            "event": "open", "run": run, "time": time, "machine": "", "policy": { "inline": policy }, "inputs": {}, "seed": "",
            "catalogue": { "components": {}, "overlaps": [], "files": {} },
            "host": { "claw": "0", "engine": "", "platform": "" },
        });
        let steps = capabilities.iter().map(|name| format!("{{\"capability\":\"{name}\",\"event\":\"step\"}}\n"));
        fs::create_dir(runs.join(run)).unwrap();
        fs::write(runs.join(run).join(LOG), format!("{open}\n{}{end}", steps.collect::<String>())).unwrap();
    }

    const SEAL: &str = "{\"event\":\"seal\",\"status\":\"completed\",\"time\":1}\n";

    #[test]
    fn what_cannot_be_read_is_listed_with_what_is_known() {
        let runs = tempfile::tempdir().unwrap();
        let all = Filter::default();
        assert_eq!(list(&runs.path().join("none"), &all).unwrap(), []);
        fs::create_dir(runs.path().join("empty")).unwrap();
        fs::create_dir(runs.path().join("cut")).unwrap();
        fs::write(runs.path().join("cut").join(LOG), SEAL.trim_end()).unwrap();
        fs::write(runs.path().join("a-file"), "").unwrap();
        std::os::unix::fs::symlink("empty", runs.path().join("link")).unwrap();
        let found = list(runs.path(), &all).unwrap();
        let found: Vec<(&str, Option<Status>)> = found.iter().map(|run| (run.run.as_str(), run.status)).collect();
        assert_eq!(found, [("empty", None), ("cut", None)], "a link is no record, and a line without its end is none");
    }

    #[test]
    fn a_filter_takes_out_what_is_known_to_be_another_and_nothing_else() {
        let runs = tempfile::tempdir().unwrap();
        let runs = runs.path();
        record(runs, "notes1", 100, &["read", "write"], SEAL);
        record(runs, "notes2", 200, &["read"], "");
        record(runs, "mail3", 300, &[], &SEAL.replace("completed", "refused"));
        // Its steps cannot be read, and of the last one nothing can.
        record(runs, "mail4", 400, &[], &format!("nonsense\n{SEAL}"));
        fs::create_dir(runs.join("broken")).unwrap();
        let check = |filter: Filter, expect: &[&str]| {
            let found = list(runs, &filter).unwrap();
            assert_eq!(names(&found), [expect, &["broken"]].concat(), "{filter:?}");
        };
        let all = Filter::default();
        check(all.clone(), &["mail4", "mail3", "notes2", "notes1"]);
        check(Filter { since: Some(200), ..all.clone() }, &["mail4", "mail3", "notes2"]);
        check(Filter { until: Some(200), ..all.clone() }, &["notes1"]);
        check(Filter { since: Some(101), until: Some(300), ..all.clone() }, &["notes2"]);
        check(Filter { policy: Some("notes".to_owned()), ..all.clone() }, &["notes2", "notes1"]);
        check(Filter { status: Some(None), ..all.clone() }, &["notes2"]);
        check(Filter { status: Some(Some(Status::Completed)), ..all.clone() }, &["mail4", "notes1"]);
        check(Filter { capability: Some("read".to_owned()), ..all.clone() }, &["mail4", "notes2", "notes1"]);
        check(Filter { capability: Some("write".to_owned()), ..all }, &["mail4", "notes1"]);
    }
}
