//! Records of runs that were sealed long ago are taken away, and the machine's log says which.

use std::path::Path;

use crate::error::RecordError;
use crate::fault::Fault;
use crate::machine::{Machine, MachineEvent};
use crate::recover::{hold, record_folder};
use crate::verify::{VerifiedMachine, verify, verify_machine};

/// A run whose record was to be taken away.
#[derive(Debug)]
pub struct Pruned {
    /// Its id.
    pub run: String,
    /// What is wrong with its record, which is kept then: it shows what was done to it.
    pub kept: Option<Fault>,
}

/// Takes away the records in `runs` of all runs that were sealed before `before`; both it and `now` are unix time in
/// milliseconds.
///
/// The machine's log says so first: what is gone without that was deleted by somebody. What is left of a record when this is
/// cut off goes the next time, whatever `before` is then. A run that goes on, or was never sealed, stays.
///
/// # Errors
/// When the machine's log does not verify or cannot be written, or a record cannot be removed.
pub fn prune(machine: &Machine, runs: &Path, before: u64, now: u64) -> Result<Vec<Pruned>, RecordError> {
    let log = verify_machine(machine.folder(), machine.key().public(), None).map_err(RecordError::Machine)?;
    let mut found = Vec::new();
    for (run, sealed) in log.sealed() {
        let Some(folder) = record_folder(runs, run) else { continue };
        if !log.is_pruned(run) {
            let Some(_held) = hold(&folder).filter(|_| sealed < before) else { continue };
            let kept = check(machine, &log, &folder).err();
            let is_kept = kept.is_some();
            found.push(Pruned { run: run.to_owned(), kept });
            if is_kept {
                continue;
            }
            machine.note(&MachineEvent::Pruned { run: run.to_owned(), time: now })?;
        }
        let disk = machine.disk();
        disk.remove_folder(&folder).and_then(|()| disk.sync_folder(runs)).map_err(RecordError::Write)?;
    }
    Ok(found)
}

fn check(machine: &Machine, log: &VerifiedMachine, folder: &Path) -> Result<(), Fault> {
    verify(folder, machine.key().public())?.in_machine(log)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::crashes::{RUN, claims, each_loss, folder};
    use crate::disk::Disk;
    use crate::faulty::Faulty;

    /// A machine with a run that was sealed at 2.
    fn machine() -> (tempfile::TempDir, Arc<Faulty>, Machine) {
        let (state, disk) = (folder(), Arc::new(Faulty::default()));
        claims(&disk, state.path());
        let machine = Machine::on(Arc::clone(&disk) as Arc<dyn Disk>, state.path()).unwrap();
        (state, disk, machine)
    }

    fn log(machine: &Machine) -> VerifiedMachine {
        verify_machine(machine.folder(), machine.key().public(), None).unwrap()
    }

    #[test]
    fn wherever_it_is_cut_off_no_run_is_missing_and_the_next_time_finishes() {
        let (state, disk, machine) = machine();
        let before = disk.done();
        let found = prune(&machine, &state.path().join("runs"), 3, 9).unwrap();
        assert!(matches!(&found[..], [Pruned { run, kept: None }] if run == RUN));
        assert!(!state.path().join("runs").join(RUN).exists() && log(&machine).is_pruned(RUN));
        for done in before..=disk.done() {
            each_loss(&disk, done, state.path(), &mut |left| {
                let again = Machine::on(Arc::new(Faulty::over(left)), left).unwrap();
                let (record, runs) = (left.join("runs").join(RUN), left.join("runs"));
                let pruned = log(&again).is_pruned(RUN);
                assert!(pruned || check(&again, &log(&again), &record).is_ok());
                // Whatever the time is then: what is pruned is not kept.
                prune(&again, &runs, if pruned { 0 } else { 3 }, 10).unwrap();
                assert!(!record.exists() && log(&again).is_pruned(RUN));
                assert_eq!(prune(&again, &runs, u64::MAX, 11).unwrap().len(), 0, "once");
            });
        }
    }

    #[test]
    fn what_is_young_changed_deleted_held_or_a_link_stays_as_it_is() {
        let (state, _, machine) = machine();
        let (runs, elsewhere) = (state.path().join("runs"), state.path().join("elsewhere"));
        let record = runs.join(RUN);
        let stays = |before: u64| {
            let found = prune(&machine, &runs, before, 9).unwrap();
            assert!(!log(&machine).is_pruned(RUN));
            found
        };
        assert!(stays(2).is_empty(), "it is not older than itself");
        let held = hold(&record).unwrap();
        assert!(stays(3).is_empty(), "somebody writes it");
        drop(held);
        fs::rename(&record, &elsewhere).unwrap();
        assert!(stays(3).is_empty(), "it was deleted");
        std::os::unix::fs::symlink(&elsewhere, &record).unwrap();
        assert!(stays(3).is_empty(), "a link is no record");
        fs::remove_file(&record).unwrap();
        fs::rename(&elsewhere, &record).unwrap();
        let text = fs::read_to_string(record.join("log.jsonl")).unwrap();
        fs::write(record.join("log.jsonl"), text.replacen("a plan", "b plan", 1)).unwrap();
        assert!(stays(3)[0].kept.is_some(), "it was changed");
        fs::write(record.join("log.jsonl"), text).unwrap();
        assert!(prune(&machine, &runs, 3, 9).unwrap()[0].kept.is_none());
    }
}
