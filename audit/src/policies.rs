//! The policies that records were decided by, each loaded from a record alone, and once: most records of a machine share a few.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use claw_policy::fault::line_of;
use claw_policy::{
    Catalogue, Document, Given, LoadError, Narrowing, Policy, Refusal, Session, TaskText, Violation, digest,
};

use crate::blobs::blob;
use crate::event::{Event, Input};
use crate::plans::text;
use crate::stored::Stored;

/// The most policies that are kept. A machine has a handful; a stranger's records may each have another.
const KEPT_MAX: usize = 64;

/// Policies that have been loaded.
#[derive(Debug, Default)]
pub struct Policies {
    loaded: BTreeMap<String, Result<Arc<Policy>, Refusal>>,
}

impl Policies {
    /// A policy by its text and its catalogue, narrowed.
    ///
    /// # Errors
    /// Why it does not load, or has nothing to be narrowed to.
    pub fn load(&mut self, policy: &str, catalogue: &Catalogue, narrowing: &Narrowing) -> Result<Arc<Policy>, Refusal> {
        let Ok(key) = serde_json::to_vec(&(policy, catalogue, narrowing)) else {
            return load(policy, catalogue, narrowing).map(Arc::new);
        };
        let key = digest(&key);
        if let Some(loaded) = self.loaded.get(&key) {
            return loaded.clone();
        }
        let loaded = load(policy, catalogue, narrowing).map(Arc::new);
        if self.loaded.len() >= KEPT_MAX {
            self.loaded.clear();
        }
        self.loaded.insert(key, loaded.clone());
        loaded
    }

    /// What the run of the record in `folder` began with: its policy, and a session with its inputs.
    ///
    /// # Errors
    /// What of it does not load, in words.
    pub fn reopen(&mut self, folder: &Path, events: &[Event]) -> Result<(Arc<Policy>, Session), String> {
        let Some(Event::Open { policy, narrowing, catalogue, inputs, task, context, .. }) = events.first() else {
            return Err("it does not open".to_owned());
        };
        let policy = self.load(&text(folder, policy)?, catalogue, narrowing);
        let policy = policy.map_err(|refusal| format!("its policy does not load: {refusal}"))?;
        let session = Session::open(&policy, given(folder, inputs)?).map_err(|violations| {
            let why = violations.first().map_or("", |violation| &violation.message);
            format!("its inputs do not fit: {why}")
        })?;
        let session = with_task(session, folder, task.as_ref())?;
        let session = match context {
            Some(context) => session.with_context(&policy, context).map_err(|refusal| refusal.to_string())?,
            None => session,
        };
        Ok((policy, session))
    }
}

/// What the run of the record in `folder` began with: its policy, and a session with its inputs.
///
/// # Errors
/// What of it does not load, in words.
pub fn reopen(folder: &Path, events: &[Event]) -> Result<(Arc<Policy>, Session), String> {
    Policies::default().reopen(folder, events)
}

/// What all randomness of the run came from.
///
/// # Errors
/// A seed that is not in the record, in words.
pub fn seed(folder: &Path, events: &[Event]) -> Result<[u8; 32], String> {
    let Some(Event::Open { seed, .. }) = events.first() else { return Err("it does not open".to_owned()) };
    let bytes = blob(folder, seed).map_err(|error| format!("its seed cannot be read: {error}"))?;
    bytes.try_into().map_err(|_| "its seed is none".to_owned())
}

fn load(text: &str, catalogue: &Catalogue, narrowing: &Narrowing) -> Result<Policy, Refusal> {
    let unloadable = |error: &LoadError| Violation {
        rule: error.rule,
        step: None,
        at: String::new(),
        message: error.message.clone(),
        help: error.help.clone(),
        line: Some(line_of(text, error.span.start)),
        unseen: false,
    };
    let document = Document::parse(text).map_err(|error| unloadable(&error))?;
    let policy = Policy::load(&document, catalogue)
        .map_err(|errors| errors.first().map_or_else(|| Violation::of_session("it does not load"), unloadable))?;
    if narrowing.is_none() { Ok(policy) } else { policy.narrow(narrowing) }
}

/// A session with the task that is on record, where there is one.
///
/// # Errors
/// A task that is not there, or is none.
pub(crate) fn with_task(session: Session, folder: &Path, task: Option<&Stored>) -> Result<Session, String> {
    let Some(task) = task else { return Ok(session) };
    let task = TaskText::read(&text(folder, task)?).map_err(|refusal| format!("its task cannot be read: {refusal}"))?;
    Ok(session.with_task(task))
}

/// The inputs of a record as a user would give them.
///
/// # Errors
/// A value that is not there.
pub(crate) fn given(folder: &Path, inputs: &BTreeMap<String, Input>) -> Result<BTreeMap<String, Given>, String> {
    let given = inputs.iter().map(|(name, input)| {
        // Where a policy gives an input an origin of its own, the label no longer tells a file from a user's word: then it
        // counts as a file, which can choose less.
        let from_file = !input.label.origin.iter().any(|origin| origin.as_str() == "user");
        Ok((name.clone(), Given { text: text(folder, &input.value)?, from_file }))
    });
    given.collect()
}
