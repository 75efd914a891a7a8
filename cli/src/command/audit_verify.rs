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
    let (verified, fault) = match found {
        Ok(verified) => (verified, None),
        Err((verified, fault)) => (verified, Some(fault)),
    };
    if json {
        let runs = verified.iter().map(|run| {
            json!({ "run": run.run, "status": run.status.map(claw_audit::Status::as_str), "lines": run.events.len(), "notes": run.notes })
        });
        let fault = fault.as_ref().map(|fault| json!({ "file": fault.file, "line": fault.line, "what": fault.what }));
        report::print_json(&json!({ "verified": runs.collect::<Vec<_>>(), "fault": fault }))?;
    } else {
        for run in &verified {
            let status = run.status.map_or("unfinished", claw_audit::Status::as_str);
            let notes = run.notes.iter().map(|note| format!("; {note}")).collect::<String>();
            report::print_text(&format!("{}: {status}, {} lines{notes}", printable(&run.run), run.events.len()))?;
        }
        match &fault {
            None => report::print_text(&format!("{} verified", counted(verified.len())))?,
            Some(fault) => tell!("{}", printable(&format!("does not verify: {fault}"))),
        }
    }
    Ok(ExitCode::from(if fault.is_none() { DONE } else { UNVERIFIED }))
}

/// Those that verify, and the first thing that is wrong.
type Found = Result<Vec<Verified>, (Vec<Verified>, Fault)>;

fn all(home: &Home, machine: &Machine, key: PublicKey, since: Option<&Checkpoint>, run: Option<PathBuf>) -> Found {
    let log = claw_audit::verify_machine(machine.folder(), key, since).map_err(|fault| (Vec::new(), fault))?;
    let folders: Vec<PathBuf> = match run {
        Some(run) => vec![records::folder(home, &run)],
        // Those that were opened: one that is gone is a fault.
        None => log.opened().map(|run| home.runs().join(run)).collect(),
    };
    let (mut verified, mut policies) = (Vec::new(), Policies::default());
    for folder in folders {
        match records::verify(home, &log, &folder, key, &mut policies) {
            Ok(run) => verified.push(run),
            Err(fault) => return Err((verified, fault)),
        }
    }
    Ok(verified)
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
