//! `claw policy diff`: what a change of a policy makes wider, narrower, or otherwise different.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claw_policy::printable::printable;
use claw_policy::{Change, ChangeKind, Document, Folder, Narrowing};
use serde_json::{Map, Value, json};

use crate::ambient;
use crate::arguments::PolicyArguments;
use crate::error::{DONE, Error, REFUSED};
use crate::load::{Loaded, Purpose};
use crate::report;

/// The most columns of a line: the JSON has what is cut.
const COLUMNS_MAX: usize = 100;

pub(crate) fn diff(before: PathBuf, after: PathBuf, dir: &[(String, String)], json: bool) -> Result<ExitCode, Error> {
    let (old, new) = (binds(&before), binds(&after));
    let load = |policy: PathBuf, own: &BTreeSet<String>, other: &BTreeSet<String>| {
        // A folder may be for one of the two alone; one that is for neither is refused by both.
        let dir = dir.iter().filter(|(name, _)| own.contains(name) || !other.contains(name)).cloned().collect();
        Loaded::policy(&PolicyArguments { policy, dir }, &Narrowing::default(), Purpose::Test)
    };
    let (before, after) = (load(before, &old, &new)?, load(after, &new, &old)?);
    let changes = before.policy.diff(&after.policy);
    let kinds = [("wider", ChangeKind::Wider), ("narrower", ChangeKind::Narrower), ("other", ChangeKind::Other)];
    let groups = kinds.map(|(word, kind)| (word, changes.iter().filter(|c| c.kind == kind).collect::<Vec<_>>()));
    if json {
        let document: Map<String, Value> =
            groups.iter().map(|(word, changes)| ((*word).to_owned(), json!(changes))).collect();
        report::print_json(&document)?;
    } else {
        report::print_text(&as_text(&groups))?;
    }
    let is_wider = changes.iter().any(|change| change.kind == ChangeKind::Wider);
    Ok(ExitCode::from(if is_wider { REFUSED } else { DONE }))
}

/// The names of the folders that a policy leaves to be given. What is wrong with the file is said when it is loaded.
fn binds(file: &Path) -> BTreeSet<String> {
    let document = ambient::read_policy(file).ok().and_then(|text| Document::parse(&text).ok());
    let folders = document.iter().flat_map(Document::folders);
    folders
        .filter_map(|granted| match granted.folder {
            Folder::Bind(bind) => Some(bind.bind.to_string()),
            Folder::Path(_) => None,
        })
        .collect()
}

fn as_text(groups: &[(&str, Vec<&Change>)]) -> String {
    let mut text = String::new();
    for (word, changes) in groups.iter().filter(|(_, changes)| !changes.is_empty()) {
        text.push_str(&format!("{word}\n"));
        for change in changes {
            text.push_str(&format!("{}\n", line(change)));
        }
        text.push('\n');
    }
    let counts: Vec<String> = groups.iter().map(|(word, changes)| format!("{} {word}", changes.len())).collect();
    text.push_str(&format!("{}\n", counts.join(", ")));
    text
}

fn line(change: &Change) -> String {
    let what = printable(&change.what);
    let (before, after) = (change.before.as_deref().map(printable), change.after.as_deref().map(printable));
    let said = match (before, after) {
        (Some(before), Some(after)) => {
            // Two spaces, a colon, an arrow: each side gets half of what is left, or what the other does not need.
            let room = COLUMNS_MAX.saturating_sub(what.chars().count() + 7);
            let left = |other: &str| (room / 2).max(room.saturating_sub(other.chars().count()));
            format!("{} → {}", cut(&before, left(&after)), cut(&after, left(&before)))
        }
        (Some(before), None) => format!("removed {before}"),
        (None, Some(after)) => format!("added {after}"),
        (None, None) => "changed".to_owned(),
    };
    cut(&format!("  {what}: {said}"), COLUMNS_MAX)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(most.saturating_sub(1)).collect();
    shown.push('…');
    shown
}
