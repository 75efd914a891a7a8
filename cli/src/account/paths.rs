//! A step's calls to the host in summary: what was done to each path.

use std::collections::BTreeMap;

use claw_audit::Call;
use serde::Serialize;

/// What a step did to one path. What it asked for and was not given is in `refused` alone.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PathUse {
    /// As the guest sees it.
    pub(crate) path: String,
    /// How often it was opened, and listed.
    pub(crate) opened: u64,
    pub(crate) listed: u64,
    /// Bytes of all reads, of all writes, and of what went straight from one file to another, at both of them.
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) spliced: u64,
    /// How often a folder, a link or a second name was made there, something removed, and its size or times set.
    pub(crate) made: u64,
    pub(crate) removed: u64,
    pub(crate) changed: u64,
    /// What it was renamed to, each time.
    pub(crate) renamed: Vec<String>,
    /// Calls that only looked, and those that this version does not know.
    pub(crate) other: u64,
    /// How often which error was the answer.
    pub(crate) refused: BTreeMap<String, u64>,
}

/// What `calls` did to each path, in the order of the paths. Calls about none are left out.
pub(crate) fn by_path(calls: &[Call]) -> Vec<PathUse> {
    let mut paths: BTreeMap<&str, PathUse> = BTreeMap::new();
    for call in calls {
        // A second name is made where the call's other path says.
        let path = if function(&call.function) == "link-at" { &call.to } else { &call.subject };
        if let Some(path) = path {
            paths.entry(path).or_insert_with(|| PathUse { path: path.to_owned(), ..PathUse::default() }).take(call);
        }
    }
    paths.into_values().collect()
}

impl PathUse {
    fn take(&mut self, call: &Call) {
        // `closed` is how the end of a file is told.
        if call.outcome != "ok" && call.outcome != "closed" {
            *self.refused.entry(call.outcome.clone()).or_default() += 1;
            return;
        }
        let bytes = call.bytes.unwrap_or_default();
        match function(&call.function) {
            "open-at" => self.opened += 1,
            "read-directory" => self.listed += 1,
            "read" | "blocking-read" | "skip" | "blocking-skip" => self.read = self.read.saturating_add(bytes),
            "write" | "blocking-write-and-flush" | "write-zeroes" | "blocking-write-zeroes-and-flush" => {
                self.written = self.written.saturating_add(bytes);
            }
            "splice" | "blocking-splice" => self.spliced = self.spliced.saturating_add(bytes),
            "create-directory-at" | "symlink-at" | "link-at" => self.made += 1,
            "unlink-file-at" | "remove-directory-at" => self.removed += 1,
            "set-size" | "set-times" | "set-times-at" => self.changed += 1,
            "rename-at" => self.renamed.extend(call.to.clone()),
            // The stream's own calls say what came of it.
            "read-via-stream" | "write-via-stream" | "append-via-stream" => {}
            _ => self.other += 1,
        }
    }
}

/// The last part of `wasi:filesystem/types#[method]descriptor.open-at`.
fn function(name: &str) -> &str {
    name.rsplit(['#', '.']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(function: &str, subject: Option<&str>, to: Option<&str>, bytes: u64, outcome: &str) -> Call {
        let call = json!({
            "step": "a", "function": function, "arguments": "sha256:", "subject": subject, "to": to, "bytes": bytes, "outcome": outcome,
        });
        serde_json::from_value(call).unwrap()
    }

    #[test]
    fn what_was_done_to_a_path_is_summed_and_what_was_not_done_is_not() {
        let on = |method: &str| format!("wasi:filesystem/types#[method]descriptor.{method}");
        let input = "wasi:io/streams#[method]input-stream.blocking-read";
        let output = "wasi:io/streams#[method]output-stream.write";
        let calls = [
            call("wasi:filesystem/preopens#get-directories", None, None, 0, "ok"),
            call(&on("open-at"), Some("/a"), None, 0, "ok"),
            call(&on("read-via-stream"), Some("/a"), None, 0, "ok"),
            call(input, Some("/a"), None, 100, "ok"),
            call(input, Some("/a"), None, 20, "ok"),
            call(input, Some("/a"), None, 0, "closed"),
            call(&on("open-at"), Some("/b"), None, 0, "not-permitted"),
            call(&on("open-at"), Some("/b"), None, 0, "not-permitted"),
            call(output, Some("/c"), None, 7, "ok"),
            call(output, Some("/c"), None, 1 << 40, "quota"),
            call(&on("link-at"), Some("/c"), Some("/d"), 0, "ok"),
            call(&on("rename-at"), Some("/c"), Some("/e"), 0, "ok"),
            call(&on("stat-at"), Some("/f"), None, 0, "ok"),
            call("of:a-later/version#x", Some("/f"), None, u64::MAX, "ok"),
        ];
        let used = |path: &str| PathUse { path: path.to_owned(), ..PathUse::default() };
        let refused = |error: &str, count| BTreeMap::from([(error.to_owned(), count)]);
        let expected = [
            PathUse { opened: 1, read: 120, ..used("/a") },
            PathUse { refused: refused("not-permitted", 2), ..used("/b") },
            PathUse { written: 7, renamed: vec!["/e".to_owned()], refused: refused("quota", 1), ..used("/c") },
            PathUse { made: 1, ..used("/d") },
            PathUse { other: 2, ..used("/f") },
        ];
        assert_eq!(by_path(&calls), expected);
    }
}
