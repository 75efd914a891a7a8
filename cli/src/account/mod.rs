//! What a record tells of its run, put together from its events: the document of `claw audit show --json`.

mod paths;
mod planner;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use claw_audit::{
    Approval, Call, Event, Exchange, FailureReason, Halt, Host, Input, Status, Stored, Usage, Verdict, Verified,
    Violation,
};
use claw_policy::{Document, Label, Narrowing, json};
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::paths::PathUse;
pub(crate) use self::planner::{PlannerUsed, Saying};

/// A run, as its record tells it.
///
/// Keys are never left out: what is not known, or not asked for, is `null`, and what there is none of is empty. Times
/// are RFC 3339 in UTC, to the millisecond.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Account {
    /// Its id.
    pub(crate) run: String,
    /// `completed`, `refused`, `failed`, `halted` or `interrupted`; `null` where the run was cut off, or goes on.
    pub(crate) status: Option<Status>,
    pub(crate) opened: String,
    pub(crate) ended: Option<String>,
    /// From one to the other.
    pub(crate) ms: Option<u64>,
    /// The folder of the record, how many events it has, and what verifying it had to say.
    pub(crate) record: PathBuf,
    pub(crate) events: usize,
    pub(crate) notes: Vec<String>,
    pub(crate) policy: PolicyUsed,
    pub(crate) host: Host,
    /// What the user bound, by name.
    pub(crate) inputs: BTreeMap<String, InputGiven>,
    /// The task that the user typed, where a planner made the plans.
    pub(crate) task: Option<String>,
    pub(crate) planner: Option<PlannerUsed>,
    /// The plans that were received, in their order.
    pub(crate) plans: Vec<PlanReceived>,
}

/// The policy that decided: its `name`, the `digest` of its text, and what of it was kept for this run.
#[derive(Debug, Serialize)]
pub(crate) struct PolicyUsed {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) task: Option<String>,
    /// The capabilities that were kept; empty is all.
    pub(crate) only: Vec<String>,
}

/// An input; its `value` with `--values` alone.
#[derive(Debug, Serialize)]
pub(crate) struct InputGiven {
    pub(crate) label: Label,
    pub(crate) value: Option<Value>,
}

/// A plan, and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct PlanReceived {
    /// Its text as it was received; in `base64` where it was not UTF-8.
    pub(crate) text: String,
    pub(crate) base64: bool,
    /// `accepted`, `needs-approval` or `refused`; `null` where the run was cut off before.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) decided: Option<String>,
    pub(crate) violations: Vec<Violation>,
    /// Its steps in their order, where its text can be read.
    pub(crate) steps: Vec<StepTaken>,
    /// The reference that it gives as its answer.
    pub(crate) answer: Option<Value>,
    /// The rules that stopped it while it ran.
    pub(crate) halt: Option<Halt>,
    /// The steps that a person allowed: of a plan that was then received again, or when they started.
    pub(crate) approvals: Vec<Approval>,
    /// The place of the step that started last.
    #[serde(skip)]
    last: usize,
}

/// A step of a plan, and what came of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StepTaken {
    pub(crate) id: String,
    pub(crate) capability: String,
    /// As the plan gives them, with references as references.
    pub(crate) arguments: Value,
    pub(crate) status: StepStatus,
    pub(crate) started: Option<String>,
    /// Wall time, as the parent saw it.
    pub(crate) ms: Option<f64>,
    /// What its output carries.
    pub(crate) label: Option<Label>,
    /// The grants that it held.
    pub(crate) grants: Vec<String>,
    pub(crate) failure: Option<FailureReason>,
    /// Its arguments with every reference filled in, and its output: with `--values` alone.
    pub(crate) resolved: Option<Value>,
    pub(crate) output: Option<Value>,
    /// The requests that claw sent for it, or did not send.
    pub(crate) exchanges: Vec<Exchange>,
    /// What nobody but its worker saw.
    pub(crate) worker_says: WorkerWord,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StepStatus {
    #[default]
    NotStarted,
    /// It started, and how it ended is not on record.
    Unknown,
    Done,
    Failed,
}

/// What a worker says of its own step. The parent did not see it, so it is no more than that.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct WorkerWord {
    /// Units of fuel, peak bytes of memory, bytes written, files and folders made.
    pub(crate) fuel: Option<u64>,
    pub(crate) memory: Option<u64>,
    pub(crate) written: Option<u64>,
    pub(crate) files: Option<u64>,
    /// The calls to the host by path.
    pub(crate) paths: Vec<PathUse>,
    /// The calls to the host, one by one.
    pub(crate) calls: Vec<Call>,
    /// How many more there were, which are not on record.
    pub(crate) calls_left_out: u64,
}

impl Account {
    /// Of a record that verifies. With `values`, also what was given and what came out.
    ///
    /// # Errors
    /// What of it cannot be read any more, in words.
    pub(crate) fn of(record: &Verified, values: bool) -> Result<Self, String> {
        let value = |stored: &Stored| claw_audit::stored_value(&record.folder, stored);
        let wanted = |stored: &Stored| if values { value(stored).map(Some) } else { Ok(None) };
        let mut events = record.events.iter();
        let Some(Event::Open { time: opened, policy, narrowing, inputs, task, host, .. }) = events.next() else {
            return Err("it has no first line yet".to_owned());
        };
        let policy = PolicyUsed::of(value(policy)?.as_str().unwrap_or_default(), narrowing)?;
        let inputs = inputs.iter().map(|(name, Input { value, label })| {
            Ok((name.clone(), InputGiven { label: label.clone(), value: wanted(value)? }))
        });
        let mut account = Self {
            run: record.run.clone(),
            status: record.status,
            opened: time(*opened),
            ended: None,
            ms: None,
            record: record.folder.clone(),
            events: record.events.len(),
            notes: record.notes.clone(),
            policy,
            host: host.clone(),
            inputs: inputs.collect::<Result<_, String>>()?,
            task: task.as_ref().map(value).transpose()?.and_then(|task| task.as_str().map(str::to_owned)),
            planner: None,
            plans: Vec::new(),
        };
        for event in events {
            if PlannerUsed::take(&mut account.planner, event, &wanted)? {
                continue;
            }
            if let Event::Seal { time: ended, .. } = event {
                account.ended = Some(time(*ended));
                account.ms = Some(ended.saturating_sub(*opened));
            } else if let Event::Plan { text, base64 } = event {
                let bytes = claw_audit::plan_text(&record.folder, text, *base64)?;
                let text = value(text)?.as_str().unwrap_or_default().to_owned();
                account.plans.push(PlanReceived::of(text, *base64, &bytes));
            } else if let Some(plan) = account.plans.last_mut() {
                plan.take(event, &wanted)?;
            }
        }
        for step in account.plans.iter_mut().flat_map(|plan| &mut plan.steps) {
            if !values {
                step.hide_queries();
            }
            step.worker_says.paths = paths::by_path(&step.worker_says.calls);
        }
        Ok(account)
    }
}

impl PolicyUsed {
    fn of(text: &str, narrowing: &Narrowing) -> Result<Self, String> {
        let name = Document::parse(text).map_err(|error| error.to_string())?.name().to_string();
        let digest = claw_policy::digest(text.as_bytes());
        Ok(Self { name, digest, task: narrowing.task.clone(), only: narrowing.only.clone() })
    }
}

/// The most bytes and the deepest nesting of a plan's text that is read for its steps: at least what any policy allows.
const PLAN: json::Bounds = json::Bounds { bytes: 16 << 20, depth: 64 };

impl PlanReceived {
    fn of(text: String, base64: bool, bytes: &[u8]) -> Self {
        // Strictly, as for the door: of a text that two readers could read in two ways no reading is shown.
        let plan = json::read(bytes, PLAN).unwrap_or_default();
        let steps = plan.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self {
            text,
            base64,
            verdict: None,
            decided: None,
            violations: Vec::new(),
            steps: steps.iter().filter_map(StepTaken::planned).collect(),
            answer: plan.get("answer").cloned(),
            halt: None,
            approvals: Vec::new(),
            last: 0,
        }
    }

    /// Takes what came of it.
    fn take(&mut self, event: &Event, wanted: &dyn Fn(&Stored) -> Result<Option<Value>, String>) -> Result<(), String> {
        match event {
            Event::Verdict { verdict, time: decided, violations, steps } => {
                (self.verdict, self.decided) = (Some(*verdict), Some(time(*decided)));
                self.violations.clone_from(violations);
                for (step, told) in self.steps.iter_mut().zip(steps) {
                    step.label = Some(told.label.clone());
                }
            }
            Event::Step { step, capability, arguments, label, grants, clock } => {
                let resolved = wanted(arguments)?;
                let step = self.step(step);
                step.capability.clone_from(capability);
                step.status = StepStatus::Unknown;
                (step.started, step.label, step.resolved) = (Some(time(*clock)), Some(label.clone()), resolved);
                step.grants.clone_from(grants);
            }
            // What came back is a value: the step's output shows what became of it.
            Event::Exchange(exchange) => {
                self.step(&exchange.step).exchanges.push(Exchange { response: None, ..exchange.clone() });
            }
            Event::Call(call) => self.step(&call.step).worker_says.calls.push(call.clone()),
            Event::Done { step, output, label, usage, .. } => {
                let output = wanted(output)?;
                let step = self.step(step);
                (step.status, step.label, step.output) = (StepStatus::Done, Some(label.clone()), output);
                step.used(usage);
            }
            Event::Failed { step, reason, usage, .. } => {
                let step = self.step(step);
                (step.status, step.failure) = (StepStatus::Failed, Some(reason.clone()));
                step.used(usage);
            }
            Event::Halt(halt) => self.halt = Some(halt.clone()),
            Event::Approval(approval) => self.approvals.push(approval.clone()),
            Event::Open { .. } | Event::Plan { .. } | Event::Seal { .. } => {}
            Event::Prompt(_) | Event::Reply(_) | Event::NoReply(_) | Event::Disclosed(_) | Event::Ended(_) => {}
        }
        Ok(())
    }

    /// The step `id`: mostly the one that started last.
    fn step(&mut self, id: &str) -> &mut StepTaken {
        let is_it = |step: &StepTaken| step.id == id;
        if !self.steps.get(self.last).is_some_and(is_it) {
            self.last = self.steps.iter().position(is_it).unwrap_or(self.steps.len());
        }
        if self.last == self.steps.len() {
            self.steps.push(StepTaken { id: id.to_owned(), ..StepTaken::default() });
        }
        #[expect(clippy::indexing_slicing, reason = "it was found there, or put there")]
        &mut self.steps[self.last]
    }
}

impl StepTaken {
    /// Cuts what requests have behind `?`: values that earlier steps gave may be in it.
    fn hide_queries(&mut self) {
        let urls = self.exchanges.iter_mut().map(|exchange| &mut exchange.url);
        for url in urls.chain(self.worker_says.calls.iter_mut().filter_map(|call| call.subject.as_mut())) {
            if let (true, Some((before, _))) = (url.contains("://"), url.split_once('?')) {
                *url = format!("{before}?…");
            }
        }
    }

    fn planned(step: &Value) -> Option<Self> {
        let text = |key: &str| step.get(key).and_then(Value::as_str).map(str::to_owned);
        let arguments = step.get("arguments").cloned().unwrap_or_default();
        Some(Self { id: text("id")?, capability: text("capability")?, arguments, ..Self::default() })
    }

    fn used(&mut self, usage: &Usage) {
        self.ms = Some(usage.micros as f64 / 1000.0);
        let word = &mut self.worker_says;
        (word.fuel, word.memory) = (Some(usage.fuel), Some(usage.memory));
        (word.written, word.files) = (Some(usage.written), Some(usage.files));
        word.calls_left_out = usage.calls_left_out;
    }
}

/// RFC 3339, in UTC, to the millisecond.
fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}
