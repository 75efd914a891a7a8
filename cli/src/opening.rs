//! A run that begins: its record, what it can reach, and the runs that were cut off before it.

use claw_audit::{CutOff, Machine, Record};
use claw_policy::Session;
use claw_policy::printable::printable;
use claw_runtime::{Run, Spare};

use crate::ambient;
use crate::error::Error;
use crate::load::{Loaded, folder_of};
use crate::network;

/// Opens a run of the session under the policy that is loaded; gives its id too.
pub(crate) fn open(loaded: &mut Loaded, session: Session, spare: Option<Spare>) -> Result<(Run, String), Error> {
    let id = ambient::run_id()?;
    let machine = Machine::open(&loaded.home.state)?;
    let (runs, now) = (loaded.home.runs(), ambient::now_ms());
    claw_audit::recover(&machine, &runs, now)?.iter().for_each(tell_cut_off);
    let record = Record::create(machine, &runs, &id, loaded.policy.limits.log, now)?;
    let network = network::network(&loaded.policy, &folder_of(&loaded.file)?)?;
    let (components, folders) = (std::mem::take(&mut loaded.components), std::mem::take(&mut loaded.folders));
    let mut runtime = Loaded::runtime(components, folders, network)?;
    runtime.spare = spare;
    let policy = std::sync::Arc::clone(&loaded.policy);
    let catalogue = loaded.catalogue.clone();
    let run = Run::open(policy, &loaded.document, catalogue, session, runtime, record, loaded.cache.engine())?;
    Ok((run, id))
}

/// What became of a run that was cut off earlier.
fn tell_cut_off(run: &CutOff) {
    let id = printable(&run.run);
    match &run.sealed {
        Ok(None) => tell!("the earlier run {id} was cut off: its record is sealed as interrupted"),
        Ok(Some(step)) => tell!(
            "the earlier run {id} was cut off: its record is sealed as interrupted; what its step `{}` did is unknown",
            printable(step)
        ),
        Err(fault) => {
            tell!("the earlier run {id} has a record that cannot be sealed: {}", printable(&fault.to_string()))
        }
    }
}
