//! Approvals in files: what `--json` prints of all that a person has to be asked, and `--approve-from` reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use claw_audit::ApprovedBy;
use claw_policy::Question;
use claw_policy::printable::printable;
use claw_runtime::{Consent, Person, Stage};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ambient;
use crate::error::Error;

/// How long an approval can be used that is printed now; who prepares the file may write another time.
const USABLE: SignedDuration = SignedDuration::from_hours(24);
/// The most bytes of a file of approvals.
const BYTES_MAX: u64 = 16 << 20;

/// What is asked, in the form in which it can be said yes to.
pub(crate) fn questions(questions: &[Question]) -> Vec<Value> {
    let until = Timestamp::now().saturating_add(USABLE).map(|until| until.to_string()).unwrap_or_default();
    let each = |question: &Question| {
        json!({
            "step": question.step, "capability": question.capability, "at": question.at, "subject": question.subject(),
            "until": until, "origins": question.origins, "line": question.line, "arguments": *question.arguments,
            "labels": *question.labels,
        })
    };
    questions.iter().map(each).collect()
}

/// The subjects that files say yes to, each until a time. A plan that was changed, or that another policy or other inputs make another one, has
/// other subjects; so has a step that is given other values than it was.
#[derive(Debug)]
pub(crate) struct Prepared(BTreeMap<String, Timestamp>);

#[derive(Debug, Deserialize)]
struct File {
    approvals: Vec<Approved>,
}

#[derive(Debug, Deserialize)]
struct Approved {
    step: String,
    subject: String,
    /// RFC 3339.
    until: String,
}

impl Prepared {
    /// All that these files say yes to.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, Error> {
        let subjects = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(subjects.into_iter().flatten().collect()))
    }
}

impl Person for Prepared {
    fn allows(&mut self, _: Stage, questions: &[Question]) -> Consent {
        let now = Timestamp::now();
        let counts = |question: &Question| self.0.get(&question.subject()).is_some_and(|until| *until >= now);
        match questions.iter().all(counts) {
            true => Consent::Yes(ApprovedBy::File),
            false => Consent::No,
        }
    }
}

fn read(file: &Path) -> Result<Vec<(String, Timestamp)>, Error> {
    let shown = printable(&file.to_string_lossy());
    let unusable = |why: String| {
        Error::policy_file("approval.file", file, format!("the approvals in `{shown}` cannot be used: {why}"))
            .help("it is what `claw check --json`, or a run that halted for the lack of a yes, printed; in a file of your own")
    };
    let bytes = ambient::read_own(file, BYTES_MAX).map_err(unusable)?;
    let File { approvals } = serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
    let each = approvals.into_iter().map(|Approved { step, subject, until }| {
        let step = printable(&step);
        let time: Timestamp = until
            .parse()
            .map_err(|_| unusable(format!("`until` of the step `{step}` is no time such as 2026-11-28T10:30:00Z")))?;
        if time < Timestamp::now() {
            return Err(unusable(format!("that of the step `{step}` could be used until {time}"))
                .help("look at what it is about again, and have it printed again"));
        }
        Ok((subject, time))
    });
    each.collect()
}
