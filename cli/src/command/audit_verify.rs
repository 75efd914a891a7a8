//! `claw audit verify`: whether records are what was written, and their verdicts still follow.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claw_audit::checkpoint::{Checkpoint, MACHINE_ORIGIN, PublicKey};
use claw_audit::{Fault, Machine, Policies, Verified};
use claw_policy::printable::printable;
use serde_json::json;

use crate::ambient::{self, Home};
use crate::error::{DONE, Error, UNVERIFIED};
use crate::{records, report};

pub(crate) fn verify(
    run: Option<PathBuf>,
    since: Option<PathBuf>,
    key: Option<String>,
    json: bool,
) -> Result<ExitCode, Error> {
    let home = Home::find()?.private()?;
    let machine = Machine::open(&home.state)?;
    let key = records::key(&machine, key.as_deref())?;
    let since = since.map(|file| checkpoint(&file, key)).transpose()?;
    let found = all(&home, &machine, key, since.as_ref(), run);
    if json {
        let runs = found.verified.iter().map(|run| {
            json!({
                "run": run.run, "status": run.status.map(claw_audit::Status::as_str), "lines": run.events.len(),
                "unknown": run.unknown, "notes": run.notes,
            })
        });
        let fault = found.fault.as_ref().map(records::fault_json);
        let (runs, pruned) = (runs.collect::<Vec<_>>(), &found.pruned);
        report::print_json(&json!({ "verified": runs, "pruned": pruned, "notes": found.notes, "fault": fault }))?;
    } else {
        tell_found(&found)?;
    }
    Ok(ExitCode::from(if found.fault.is_none() { DONE } else { UNVERIFIED }))
}

fn tell_found(found: &Found) -> Result<(), Error> {
    for run in &found.verified {
        let status = run.status.map_or("unfinished", claw_audit::Status::as_str);
        let notes = run.notes.iter().map(|note| format!("; {note}")).collect::<String>();
        let text = format!("{}: {status}, {} lines{notes}", run.run, run.events.len());
        report::print_text(&printable(&text))?;
    }
    for run in &found.pruned {
        report::print_text(&format!("{}: pruned", printable(run)))?;
    }
    found.notes.iter().try_for_each(|note| report::print_text(note))?;
    match &found.fault {
        None => report::print_text(&format!("{} verified", counted(found.verified.len())))?,
        Some(fault) => tell!("{}", printable(&format!("does not verify: {fault}"))),
    }
    Ok(())
}

/// What was looked at, up to the first thing that is wrong.
#[derive(Default)]
struct Found {
    verified: Vec<Verified>,
    /// Runs whose records were taken away by `claw audit prune`.
    pruned: Vec<String>,
    /// What is not as it should be in the machine's log, and may be.
    notes: Vec<String>,
    fault: Option<Fault>,
}

fn all(home: &Home, machine: &Machine, key: PublicKey, since: Option<&Checkpoint>, run: Option<PathBuf>) -> Found {
    if let (Some(run), None) = (&run, since)
        && !records::is_here(home, run)
    {
        // A record that was brought here is in no log of this machine's.
        return match records::one(home, machine, run, key) {
            Ok(record) => Found { verified: vec![record], ..Found::default() },
            Err(fault) => Found { fault: Some(fault), ..Found::default() },
        };
    }
    let mut log = match claw_audit::verify_machine(machine.folder(), key, since) {
        Ok(log) => log,
        Err(fault) => return Found { fault: Some(fault), ..Found::default() },
    };
    let folders: Vec<PathBuf> = match run {
        Some(run) => vec![records::folder(home, &run)],
        // Those that were opened: one that is gone is a fault.
        None => log.opened().map(|run| home.runs().join(run)).collect(),
    };
    let mut policies = Policies::default();
    let mut found = Found { notes: std::mem::take(&mut log.notes), ..Found::default() };
    for folder in folders {
        let run = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if log.is_pruned(&run) && folder == home.runs().join(&run) {
            found.pruned.push(run);
            continue;
        }
        match records::in_log(&log, &folder, key, &mut policies) {
            Ok(run) => found.verified.push(run),
            Err(fault) => {
                found.fault = Some(fault);
                break;
            }
        }
    }
    found
}

fn checkpoint(file: &Path, key: PublicKey) -> Result<Checkpoint, Error> {
    let cannot = |why: String| {
        Error::policy_file("usage", file, format!("the checkpoint cannot be read: {why}"))
            .help("give what `claw audit head` printed")
    };
    let note = ambient::read_text(file)?.ok_or_else(|| cannot("it is not there".to_owned()))?;
    Checkpoint::open(&note, MACHINE_ORIGIN, key).map_err(|error| cannot(error.to_string()))
}

fn counted(runs: usize) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}
