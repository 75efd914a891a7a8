//! The runs that have a record, newest first.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::event::{Event, Status, Stored};
use crate::log::LOG;

/// The most bytes of an opening line that are read. It holds a policy of up to 64 KiB and its catalogue.
const OPEN_LINE_BYTES_MAX: u64 = 16 << 20;
/// The most bytes of a closing line.
const SEAL_LINE_BYTES_MAX: u64 = 4 << 10;

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

/// Lists the records in `runs`. A record that cannot be read is listed with what is known of it.
///
/// # Errors
/// When `runs` is there and cannot be read.
pub fn list(runs: &Path) -> io::Result<Vec<Summary>> {
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
    found.sort_by(|a, b| (b.opened, &b.run).cmp(&(a.opened, &a.run)));
    Ok(found)
}

/// Whether a folder is the record of a run.
pub fn is_record(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(LOG)).is_ok_and(|log| log.is_file())
}

fn summary(folder: PathBuf, run: String) -> Summary {
    let mut summary = Summary { run, opened: None, status: None, policy: None, folder };
    let path = summary.folder.join(LOG);
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    if !fs::symlink_metadata(&path).is_ok_and(|log| log.is_file()) {
        return summary;
    }
    let Ok(mut log) = File::open(path) else { return summary };
    if let Ok(Event::Open { time, policy, .. }) = first_line(&mut log) {
        summary.opened = Some(time);
        summary.policy = match &policy {
            Stored::Inline(text) => text.as_str().and_then(policy_name),
            Stored::Blob(_) => None,
        };
    }
    if let Ok(Event::Seal { status, .. }) = last_line(&mut log) {
        summary.status = Some(status);
    }
    summary
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

    #[test]
    fn what_cannot_be_read_is_listed_with_what_is_known() {
        let runs = tempfile::tempdir().unwrap();
        assert_eq!(list(&runs.path().join("none")).unwrap(), []);
        fs::create_dir(runs.path().join("empty")).unwrap();
        fs::create_dir(runs.path().join("cut")).unwrap();
        fs::write(runs.path().join("cut").join(LOG), "{\"event\":\"seal\",\"status\":\"completed\",\"time\":1}")
            .unwrap();
        fs::write(runs.path().join("a-file"), "").unwrap();
        std::os::unix::fs::symlink("empty", runs.path().join("link")).unwrap();
        let found = list(runs.path()).unwrap();
        let names: Vec<(&str, Option<Status>)> = found.iter().map(|run| (run.run.as_str(), run.status)).collect();
        assert_eq!(names, [("empty", None), ("cut", None)], "a link is no record, and a line without its end is none");
    }
}
