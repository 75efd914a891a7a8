//! Making a validated plan happen: each step in the worker, its intent on disk before its effect.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use claw_audit::{FailureReason, Status, Usage};
use claw_policy::{
    Access, Capability, Execution, Limits, Name, OutputFault, Policy, Question, ReadyStep, Refusal, Session,
    ValidatedPlan, Violation,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::components::Components;
use crate::ending::{Ending, INTERRUPTED, StepOutcome, failed, fault_ending, reason, settle};
use crate::engine::Allocation;
use crate::folders::Folders;
use crate::host::Report;
use crate::journal::{Journal, JournalError};
use crate::network::{Network, Sent, Traffic};
use crate::person::{Consent, Person, Stage};
use crate::playback::Play;
use crate::recording::{conclude, halt, intend, log_is_full};
use crate::worker::{Call, Ended, FolderUse, Preparation, Spare, Worker, WorkerFault};

/// Everything that plans of one policy run with: its components, its folders, and the worker, once there is one.
#[derive(Debug)]
pub struct Runtime {
    /// The program to start as a worker: this one.
    pub program: PathBuf,
    /// Where guests' memories come from.
    pub allocation: Allocation,
    /// The components, compiled.
    pub components: Components,
    /// The folders, open.
    pub folders: Folders,
    /// What all randomness of the run comes from.
    pub seed: [u8; 32],
    /// The first worker, where it has been started ahead.
    pub spare: Option<Spare>,
    /// What sends the requests of guests. None is fine: then each is denied.
    pub network: Option<Network>,
    /// Becomes readable when the user interrupts.
    pub interrupt: Option<OwnedFd>,
    worker: Option<Started>,
}

#[derive(Debug)]
struct Started {
    worker: Worker,
    prepared: BTreeSet<Name>,
}

/// What a plan calls: capabilities of a policy.
struct Calls<'p> {
    policy: &'p Policy,
    wanted: BTreeSet<Name>,
}

/// How a plan ended.
#[derive(Debug)]
pub struct Outcome {
    /// The session, grown by what happened.
    pub session: Session,
    /// How it ended.
    pub status: Status,
    /// The steps that started, in order.
    pub steps: Vec<StepOutcome>,
    /// What halted it.
    pub violations: Vec<Violation>,
    /// What nobody said yes to, where that halted it.
    pub questions: Vec<Question>,
    /// The plan's answer, where every step is done.
    pub answer: Option<Value>,
}

/// Something that a run tells while it goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A step starts.
    Started {
        /// Its place in the plan, from 0.
        index: usize,
        /// Its id.
        id: &'a Name,
        /// The capability that it calls.
        capability: &'a Name,
    },
    /// It ended.
    Ended(&'a StepOutcome),
}

/// A plan cannot go on, by no fault of its own.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// It cannot be recorded, or is not what was.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The plan is another session's.
    #[error(transparent)]
    Session(#[from] Refusal),
}

impl Runtime {
    /// A runtime without a worker; the first step starts one.
    pub fn new(
        program: PathBuf,
        allocation: Allocation,
        components: Components,
        folders: Folders,
        seed: [u8; 32],
    ) -> Self {
        Self {
            program,
            allocation,
            components,
            folders,
            seed,
            spare: None,
            network: None,
            interrupt: None,
            worker: None,
        }
    }

    /// Runs a plan in the session that it was checked against. Both are used up.
    ///
    /// # Errors
    /// A record that cannot be written, or another session: then nothing of it has run.
    pub(crate) fn execute(
        &mut self,
        session: Session,
        plan: ValidatedPlan,
        journal: &mut Journal,
        person: &mut dyn Person,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Outcome, ExecuteError> {
        let policy = Arc::clone(plan.policy());
        let wanted = plan.steps().iter().map(|step| step.capability().clone()).collect();
        let calls = Calls { policy: &policy, wanted };
        let mut execution = Execution::start(plan, session)?;
        let (mut steps, mut violations, mut status) = (Vec::new(), Vec::new(), Status::Completed);
        let mut questions = Vec::new();
        loop {
            let asked = execution.asks();
            if let Some(question) = asked.first() {
                match journal.consent(person, Stage::Step, &asked) {
                    Consent::Yes(by) => execution.approve(journal.approve(question, by)?),
                    Consent::No => questions = asked,
                    Consent::Interrupt => {
                        status = Status::Interrupted;
                        break;
                    }
                }
            }
            let Some(ready) = execution.next_step() else { break };
            let ready = match ready {
                Ok(ready) => ready,
                Err(refusal) => {
                    violations = refusal.violations().to_vec();
                    journal.append(&halt(&violations))?;
                    status = Status::Halted;
                    break;
                }
            };
            if self.is_interrupted() || journal.was_interrupted() {
                status = Status::Interrupted;
                break;
            }
            let Some(capability) = policy.capabilities.get(&ready.capability) else {
                status = Status::Failed;
                break;
            };
            watch(Progress::Started { index: ready.index, id: &ready.id, capability: &ready.capability });
            let clock_ms = journal.now_ms();
            // INVARIANT (intent before effect): here for what the worker writes, in `network.rs` for what is sent for it.
            let intended = intend(journal, &policy, capability, &ready, clock_ms);
            if let Some(violation) = log_is_full(&intended, &ready) {
                violations.push(violation);
                journal.append(&halt(&violations))?;
                status = Status::Halted;
                break;
            }
            intended?;
            let play = journal.play()?;
            let (ending, usage, report, sent) = self.step(&calls, &mut execution, &ready, clock_ms, play, journal);
            let (outcome, ended) = settle(&ready, ending, usage, &report);
            let recorded = conclude(journal, &ready, &outcome, &report, sent);
            let full = log_is_full(&recorded, &ready);
            if full.is_none() {
                // However the step ended: what cannot be recorded ends the run, and no more is written after it.
                recorded?;
            }
            watch(Progress::Ended(&outcome));
            steps.push(outcome);
            match (ended, full) {
                (Some((ended, found)), None) => {
                    (status, violations) = (ended, found);
                }
                // However it ended: the record has no room to say.
                (ended, Some(full)) => {
                    let found = ended.map(|(_, found)| found).unwrap_or_default();
                    (status, violations) = (Status::Halted, [full].into_iter().chain(found).collect());
                }
                (None, None) => continue,
            }
            if !violations.is_empty() {
                journal.append(&halt(&violations))?;
            }
            journal.write()?;
            break;
        }
        let (session, answer) = execution.finish();
        Ok(Outcome { session, status, steps, violations, questions, answer })
    }

    /// Has one step, in the worker or as it is recorded, and gives its output to the session.
    fn step(
        &mut self,
        calls: &Calls<'_>,
        execution: &mut Execution,
        ready: &ReadyStep,
        clock_ms: u64,
        play: Play,
        journal: &mut Journal,
    ) -> (Ending, Usage, Report, Sent) {
        let policy = calls.policy;
        let Some(capability) = policy.capabilities.get(&ready.capability) else {
            execution.failed(ready, 0, 0);
            let reason = reason("worker", "the policy has no such capability");
            return (Ending::Failed(reason), Usage::default(), Report::default(), Sent::default());
        };
        let has_effects = capability.has_effects(&policy.grants);
        let (written_left, files_left) = execution.budgets_left();
        // What a worker wrote before it was killed is not known, so all that it was allowed counts.
        let spent = if has_effects { (written_left, files_left) } else { (0, 0) };
        let (tape, responses, recorded) = match play {
            Play::Live => (None, None, None),
            Play::Again { tape, responses, recorded } => (Some(tape), Some(responses), Some(recorded)),
            Play::Stands { result, calls, usage } => {
                let report = Report { calls, calls_left_out: usage.calls_left_out, ..Report::default() };
                let ending = stand(execution, ready, result, usage, spent);
                return (ending, usage, report, Sent::default());
            }
        };
        let call = Call {
            capability: ready.capability.to_string(),
            arguments: ready.arguments.clone(),
            written_left,
            files_left,
            clock_ms,
            seed: self.step_seed(ready),
            tape,
        };
        let began = Instant::now();
        let is_ready = self.ready_worker(calls);
        let interrupt = self.interrupt.as_ref().map(|interrupt| interrupt.as_fd());
        let (answer, sent) = match (is_ready, &mut self.worker, responses) {
            (Err(fault), ..) => (Err(fault), Sent::default()),
            (Ok(()), None, _) => (Err(WorkerFault::Broken("there is none".to_owned())), Sent::default()),
            (Ok(()), Some(started), Some(mut responses)) => {
                (started.worker.call(call, &capability.limits, interrupt, &mut responses), Sent::default())
            }
            (Ok(()), Some(started), None) => {
                let Capability { grants, limits, .. } = capability;
                let network = self.network.as_ref();
                let mut traffic = Traffic::new(network, journal, &ready.id, grants, limits, interrupt);
                traffic.syncs = capability.sends(&policy.grants);
                (started.worker.call(call, limits, interrupt, &mut traffic), traffic.end())
            }
        };
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        match answer {
            Ok(Ended { result, fuel, report }) => {
                let usage = usage(fuel, &report, micros, recorded, (written_left, files_left));
                let ending = match result {
                    Ok(output) => taken(execution.done(ready, output, usage.written, usage.files)),
                    Err(failure) => {
                        execution.failed(ready, usage.written, usage.files);
                        failed(capability, ready, &failure, &report)
                    }
                };
                (ending, usage, report, sent)
            }
            Err(fault) => {
                self.worker = None;
                execution.failed(ready, spent.0, spent.1);
                let usage = Usage { micros, ..Usage::default() };
                (fault_ending(fault, capability, has_effects), usage, Report::default(), sent)
            }
        }
    }

    /// Has the worker end: no more plans come.
    pub(crate) fn dismiss(&mut self) {
        let started = self.worker.iter_mut().map(|started| &mut started.worker);
        started.chain(self.spare.iter_mut().map(|spare| &mut spare.0)).for_each(Worker::dismiss);
    }

    /// Whether the user has interrupted since the last step.
    fn is_interrupted(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let Some(interrupt) = &self.interrupt else { return false };
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(interrupt, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// Has a worker in which every capability that the plan calls is ready, behind the wall.
    ///
    /// What is loaded is native code, and a walled worker takes none: one that lacks something is replaced.
    fn ready_worker(&mut self, calls: &Calls<'_>) -> Result<(), WorkerFault> {
        let Calls { policy, wanted } = calls;
        let mut prepared = wanted.clone();
        if let Some(started) = &self.worker {
            if wanted.is_subset(&started.prepared) {
                return Ok(());
            }
            prepared.extend(started.prepared.iter().cloned());
            self.worker = None;
        }
        let said = |limits: &Limits| {
            let Limits { output_bytes, tape, http_bytes, .. } = limits;
            output_bytes.saturating_mul(2).saturating_add(*tape).saturating_add(*http_bytes)
        };
        let most = policy.capabilities.values().map(|capability| said(&capability.limits)).max().unwrap_or_default();
        let started = self.spare.take().map_or_else(|| Spare::start(&self.program), Ok);
        let Spare(mut worker) = started.map_err(|error| WorkerFault::Broken(error.to_string()))?;
        worker.open(self.allocation, &self.folders.descriptors(), most)?;
        let mut loaded = BTreeSet::new();
        for (name, capability) in prepared.iter().filter_map(|name| policy.capabilities.get_key_value(name)) {
            if loaded.insert(&capability.digest) {
                let compiled = self.components.get(&capability.component);
                let compiled = compiled.ok_or_else(|| WorkerFault::Broken("its component is not loaded".to_owned()))?;
                let code = compiled.code(&self.program).map_err(|error| WorkerFault::Refused(error.to_string()))?;
                worker.load(&capability.digest, &code)?;
            }
            worker.prepare(preparation(policy, capability, name, &self.folders))?;
        }
        let wall = worker.enclose()?;
        let missing: Vec<&str> = wall.missing().into_iter().filter(|part| policy.requires.contains(*part)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(WorkerFault::Refused(format!("the policy requires {missing}, and the worker is without it")));
        }
        self.worker = Some(Started { worker, prepared });
        Ok(())
    }

    /// The seed of a step's randomness: another one for each step, and the same in each replay.
    fn step_seed(&self, ready: &ReadyStep) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update((ready.index as u64).to_be_bytes());
        hash.update(ready.id.as_str());
        hash.finalize().into()
    }
}

/// What a step used; of its budgets, no more than it was left, whatever its worker says. In a replay nothing is written: what
/// it wrote, and how long it took, is as it was recorded.
fn usage(fuel: u64, report: &Report, micros: u64, recorded: Option<Usage>, left: (u64, u64)) -> Usage {
    let memory = report.peak_memory;
    match recorded {
        Some(recorded) => Usage { fuel, memory, ..recorded },
        None => Usage {
            fuel,
            memory,
            written: report.written.min(left.0),
            files: report.files.min(left.1),
            calls_left_out: report.calls_left_out,
            micros,
        },
    }
}

/// What an output became, once the session has taken it.
fn taken(taken: Result<Value, OutputFault>) -> Ending {
    match taken {
        Ok(output) => Ending::Done(output),
        Err(OutputFault::Failed(why)) => Ending::Failed(reason("output", why)),
        Err(OutputFault::Halted(violation)) => {
            Ending::Halted(reason(violation.rule, violation.message.clone()), *violation)
        }
    }
}

/// A step that is not run again: the session grows by what is recorded of it. `spent` is what counts as written where
/// its worker did not live to tell.
fn stand(
    execution: &mut Execution,
    ready: &ReadyStep,
    result: Result<Value, FailureReason>,
    usage: Usage,
    spent: (u64, u64),
) -> Ending {
    match result {
        Ok(output) => taken(execution.recorded(ready, output, usage.written, usage.files)),
        Err(reason) => {
            let (written, files) = if reason.is_untold(&usage) { spent } else { (usage.written, usage.files) };
            execution.failed(ready, written, files);
            if reason.kind == INTERRUPTED { Ending::Interrupted } else { Ending::Failed(reason) }
        }
    }
}

fn preparation(policy: &Policy, capability: &Capability, name: &Name, folders: &Folders) -> Preparation {
    let (interface, function) = match capability.function.rsplit_once('#') {
        Some((interface, function)) => (Some(interface.to_owned()), function.to_owned()),
        None => (None, capability.function.clone()),
    };
    let uses = capability.mounts(&policy.grants).into_iter().map(|(grant_name, grant, guest_path)| FolderUse {
        descriptor: folders.position(grant_name),
        guest_path,
        write: grant.access == Access::Write,
        dotfiles: grant.dotfiles,
        files: grant.files.clone(),
    });
    Preparation {
        capability: name.to_string(),
        component: capability.digest.clone(),
        interface,
        function,
        folders: uses.collect(),
        connects: capability.connects(&policy.grants),
        limits: capability.limits.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_cannot_say_that_more_was_written_than_was_left() {
        let report = Report { written: u64::MAX, files: 9, ..Report::default() };
        let live = usage(7, &report, 1, None, (5, 20));
        assert_eq!((live.written, live.files, live.fuel), (5, 9, 7));
        // What is on record stands, as it was clamped then.
        let again = usage(7, &report, 1, Some(Usage { written: 3, ..live }), (0, 0));
        assert_eq!((again.written, again.files), (3, 9));
    }
}
