//! `claw replay RUN`: a recorded run, run again with the answers that it got.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claw_audit::{Event, Verified};
use claw_policy::catalogue::Component;
use claw_policy::printable::printable;
use claw_runtime::{Cache, Compiler, ComponentError, Difference, Ended, Folders, Replayed, replay};
use serde_json::{Value, json};

use crate::ambient::{self, Home};
use crate::error::{DONE, Error, UNVERIFIED};
use crate::load::Loaded;
use crate::progress::{self, Live};
use crate::report;

/// The most characters of an event that a difference shows.
const EVENT_SHOWN_MAX: usize = 2_000;

/// Replays a record that has been verified. `files` are components that are no longer where claw keeps them.
pub(crate) fn run(home: &Home, record: Verified, files: &[PathBuf], json: bool) -> Result<ExitCode, Error> {
    let Verified { folder, run, events, mut notes, .. } = record;
    let cache = Cache::open(&home.cache, &home.state)?;
    notes.extend(other_host(&events, cache.engine()));
    let program = ambient::program()?;
    let components = Compiler { cache: &cache, program: &program }
        .recorded(&called(&folder, &events)?, files, &mut progress::note)
        .map_err(|error| gone(&error))?;
    let runtime = Loaded::runtime(components, Folders::default())?;
    let live = Live::new();
    let replayed = replay(&folder, events, runtime, &mut |progress| live.show(&progress));
    live.end();
    let replayed = replayed.map_err(|error| {
        Error::input("replay", error.to_string()).help("`claw audit verify` says whether the record is whole")
    })?;
    if json {
        report::print_json(&document(&run, &replayed, &notes))?;
    } else {
        tell(&run, &replayed, &notes)?;
    }
    Ok(ExitCode::from(if matches!(replayed.end, Ended::Differs(_)) { UNVERIFIED } else { DONE }))
}

/// The components of the capabilities that a run called, by the names that its policy gives them.
fn called(folder: &Path, events: &[Event]) -> Result<BTreeMap<String, Component>, Error> {
    let (policy, _) = claw_audit::reopen(folder, events).map_err(|why| Error::input("replay", why))?;
    let Some(Event::Open { catalogue, .. }) = events.first() else { return Ok(BTreeMap::new()) };
    let planned = events.iter().flat_map(|event| match event {
        Event::Verdict { steps, .. } => steps.as_slice(),
        _ => &[],
    });
    let capabilities = planned.filter_map(|step| policy.capabilities.get(step.capability.as_str()));
    let components = capabilities.filter_map(|capability| catalogue.components.get_key_value(&capability.component));
    Ok(components.map(|(name, component)| (name.clone(), component.clone())).collect())
}

/// What is another host than this one's: components may take other fuel there.
fn other_host(events: &[Event], engine: &str) -> Option<String> {
    match events.first() {
        Some(Event::Open { host, .. }) if host.engine != engine => {
            Some(format!("it was run by claw {} on {}, with another engine than this one's", host.claw, host.platform))
        }
        _ => None,
    }
}

fn gone(error: &ComponentError) -> Error {
    let help = match error {
        ComponentError::Gone { .. } => "give its file with `--component FILE`",
        _ => "a component is WebAssembly with the component model",
    };
    Error::input("component.gone", error.to_string()).help(help)
}

/// `{"run", "result": "same"|"cut-off"|"differs", "status", "steps", "not-run-again": [{"step", "why"}], "difference":
/// {"line", "recorded", "replayed"}, "notes"}`: what a replay came to.
fn document(run: &str, replayed: &Replayed, notes: &[String]) -> Value {
    let stood = replayed.stood.iter().map(|stood| json!({ "step": stood.step, "why": stood.why }));
    let mut document = json!({
        "run": run, "steps": replayed.steps, "not-run-again": stood.collect::<Vec<_>>(), "notes": notes,
    });
    let more = match &replayed.end {
        Ended::Same(status) => json!({ "result": "same", "status": status.map(claw_audit::Status::as_str) }),
        Ended::Over { line, why } => json!({ "result": "cut-off", "line": line, "why": why }),
        Ended::Differs(difference) => json!({ "result": "differs", "difference": {
            "line": difference.line, "recorded": difference.recorded, "replayed": difference.replayed,
        } }),
    };
    if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
    document
}

fn tell(run: &str, replayed: &Replayed, notes: &[String]) -> Result<(), Error> {
    for note in notes {
        tell!("note: {}", printable(note));
    }
    for stood in &replayed.stood {
        tell!("note: the step `{}` was not run again: {}", printable(&stood.step), printable(&stood.why));
    }
    let run = printable(run);
    let steps = match replayed.steps {
        1 => "1 step was run again, with the same output, label and fuel".to_owned(),
        many => format!("{many} steps were run again, with the same outputs, labels and fuel"),
    };
    match &replayed.end {
        Ended::Same(_) => report::print_text(&format!("{run}: the same; {steps}")),
        Ended::Over { line, why } => {
            report::print_text(&format!("{run}: the same up to line {line}, where {}; {steps}", printable(why)))
        }
        Ended::Differs(difference) => report::print_text(&format!("{run}: {}", shown(difference))),
    }
}

fn shown(difference: &Difference) -> String {
    let event = |event: &Event| {
        let text = serde_json::to_string(event).unwrap_or_default();
        let (shown, cut) = match text.char_indices().nth(EVENT_SHOWN_MAX) {
            Some((end, _)) => (text.get(..end).unwrap_or_default(), " …"),
            None => (text.as_str(), ""),
        };
        format!("{}{cut}", printable(shown))
    };
    let recorded = difference.recorded.as_ref().map_or_else(|| "nothing".to_owned(), event);
    let replayed = event(&difference.replayed);
    format!("differs at line {}\n  recorded: {recorded}\n  replayed: {replayed}", difference.line)
}
