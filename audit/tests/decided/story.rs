//! A session that is told and not run: its plans go through the door, the test says what came of each step, and the record is
//! written as the runtime writes it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use claw_audit::{Event, Machine, Record, Status, verdict_of, verify};
use claw_policy::catalogue::{Catalogue, Component, Failure, Function, Signature};
use claw_policy::types::{Field, Type};
use claw_policy::{
    Approval, Execution, Given, Name, OutputFault, Plan, Policy, Question, Session, TaskText, Violation,
};
use serde_json::{Value, json};

/// Reads notes, asks for JSON, counts, and writes; a read has to come before a write, and there are three reads.
pub(crate) const POLICY: &str = r#"
claw = 1
name = "notes"
[input.customer]
pattern = '[a-z]{1,20}'
[input.amount]
type = "number"
[grant.notes]
dir = "notes"
access = "read"
[grant.out]
dir = "out"
access = "write"
accepts = ["notes"]
[capability.read]
component = { path = "read.wasm", digest = "sha256:read" }
grants = ["notes"]
calls = 3
[capability.read.argument]
path = { format = "path", from = ["any"] }
[capability.ask]
component = { path = "ask.wasm", digest = "sha256:ask" }
output = "json"
[capability.ask.argument]
data = { type = "json", from = ["any"] }
[capability.count]
component = { path = "count.wasm", digest = "sha256:count" }
[capability.count.argument]
n = { type = "integer", from = ["any"] }
[capability.write]
component = { path = "write.wasm", digest = "sha256:write" }
grants = ["out"]
[capability.write.argument]
path = { from = ["planner", "user"] }
text = { from = ["any"] }
[plan]
steps = 8
before = [["read", "write"]]
"#;

pub(crate) struct Story {
    folder: tempfile::TempDir,
    machine: Machine,
    policy: Arc<Policy>,
    record: Record,
    session: Option<Session>,
    /// What a person was asked last.
    asked: Vec<Question>,
    /// Whether a person says yes when a step starts.
    yes: bool,
}

/// A record that is sealed, and verifies.
pub(crate) struct Told {
    _folder: tempfile::TempDir,
    pub(crate) folder: PathBuf,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn catalogue() -> Catalogue {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    let text = |name: &str| field(name, Type::String);
    let component = |name: &str, parameters: Vec<Field>, output: Option<Type>| {
        let signature = Signature { parameters, output, failure: Some(Failure { ty: Some(Type::String) }) };
        let function = Function { interface: None, name: name.to_owned(), docs: None, signature: Ok(signature) };
        let digest = format!("sha256:{name}");
        let component = Component { digest, functions: vec![function], imports: Vec::new(), defaults: None };
        (format!("{name}.wasm"), component)
    };
    let components = BTreeMap::from([
        component("read", vec![text("path")], Some(Type::String)),
        component("ask", vec![text("data")], Some(Type::String)),
        component("count", vec![field("n", Type::Signed(64))], None),
        component("write", vec![text("path"), text("text")], None),
    ]);
    Catalogue { components, ..Default::default() }
}

impl Story {
    /// A session with these inputs; `amount` comes from a file.
    pub(crate) fn of(policy: &str, inputs: &[(&str, &str)]) -> Self {
        Self::open(policy, inputs, None)
    }

    /// A session with a task.
    pub(crate) fn with_task(policy: &str, task: &str) -> Self {
        Self::open(policy, &[], Some(task))
    }

    fn open(policy: &str, inputs: &[(&str, &str)], task: Option<&str>) -> Self {
        let loaded = Policy::parse(policy, &catalogue()).map(Arc::new).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let given = |name: &str, text: &str| Given { text: text.to_owned(), from_file: name == "amount" };
        let given = inputs.iter().map(|(name, text)| ((*name).to_owned(), given(name, text)));
        let session = Session::open(&loaded, given.collect()).unwrap_or_else(|violations| panic!("{violations:#?}"));
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::open(folder.path()).unwrap();
        let record = Record::create(machine.clone(), &folder.path().join("runs"), "a", 1 << 20, 0).unwrap();
        let mut story = Self { folder, machine, policy: loaded, record, session: None, asked: Vec::new(), yes: true };
        let bound = session.inputs().iter().map(|(name, bound)| {
            let value = story.record.store(&bound.value).unwrap();
            (name.to_string(), json!({ "value": value, "label": bound.label }))
        });
        let mut open = json!({
            "event": "open", "run": "a", "time": 0, "machine": story.record.opened(),
            "policy": { "inline": policy }, "catalogue": catalogue(),
            "inputs": bound.collect::<BTreeMap<_, _>>(), "seed": story.record.store_seed(&[7; 32]).unwrap(),
            "host": { "claw": "0", "engine": "none", "platform": "none" },
        });
        if let Some(task) = task {
            open["task"] = json!({ "inline": task });
        }
        story.append(open);
        story.session = Some(match task {
            Some(task) => session.with_task(TaskText::read(task).unwrap()),
            None => session,
        });
        story
    }

    /// Something that is only said.
    pub(crate) fn say(mut self, event: Value) -> Self {
        self.append(event);
        self
    }

    /// Tells the planner of a step.
    pub(crate) fn disclose(mut self, step: &str) -> Self {
        let mut session = self.session.take().unwrap();
        let told = session.disclose(&self.policy, &Name::new(step).unwrap()).expect("it has run");
        let told = claw_audit::Told::from(&told);
        self.append(json!({ "event": "disclosed", "step": step, "told": told, "context": session.context() }));
        self.session = Some(session);
        self
    }

    /// Says yes to all that was asked last.
    pub(crate) fn approve(mut self) -> Self {
        let mut session = self.session.take().unwrap();
        for question in std::mem::take(&mut self.asked) {
            session.approve(self.allow(&question));
        }
        self.session = Some(session);
        self
    }

    /// Says no from now on when a step starts.
    pub(crate) fn deny(mut self) -> Self {
        self.yes = false;
        self
    }

    fn allow(&mut self, question: &Question) -> Approval {
        let (step, subject) = (&question.step, question.subject());
        self.append(json!({ "event": "approval", "step": step, "subject": subject, "by": "terminal", "time": 0 }));
        question.approve(SystemTime::UNIX_EPOCH)
    }

    /// Submits a plan of these steps. Of each that starts, `came` says its output, or that it failed.
    pub(crate) fn submit(mut self, steps: Value, came: &[(&str, Result<Value, ()>)]) -> Self {
        let text = json!({ "claw": 1, "steps": steps }).to_string();
        self.append(json!({ "event": "plan", "text": { "inline": text } }));
        let session = self.session.take().unwrap();
        let checked = Plan::parse(text.as_bytes(), &self.policy.limits)
            .and_then(|plan| self.policy.check(&session, plan, SystemTime::UNIX_EPOCH));
        let (verdict, violations, labels) = verdict_of(&checked);
        self.append(json!({
            "event": "verdict", "verdict": verdict, "time": 0, "violations": violations, "steps": labels,
        }));
        self.session = Some(match checked {
            Ok(plan) => self.run(Execution::start(plan, session).unwrap(), came),
            Err(refusal) => {
                self.asked = refusal.questions().to_vec();
                session
            }
        });
        self
    }

    fn run(&mut self, mut execution: Execution, came: &[(&str, Result<Value, ()>)]) -> Session {
        let usage = json!({ "fuel": 7, "memory": 1, "written": 2, "files": 1, "calls-left-out": 0, "micros": 9 });
        loop {
            if let Some(question) = execution.asks().first().filter(|_| self.yes) {
                execution.approve(self.allow(question));
            }
            let Some(ready) = execution.next_step() else { break };
            let ready = match ready {
                Ok(ready) => ready,
                Err(refusal) => {
                    self.halt(refusal.violations());
                    break;
                }
            };
            let arguments = self.record.store(&Value::Object(ready.given.clone())).unwrap();
            let grants = &self.policy.capabilities[&ready.capability].grants;
            self.append(json!({
                "event": "step", "step": ready.id, "capability": ready.capability, "arguments": arguments,
                "label": ready.label, "grants": grants, "clock": 0,
            }));
            let (_, output) = came.iter().find(|(id, _)| *id == ready.id.as_str()).expect("it is said what came of it");
            let halted = match output.clone().map(|output| execution.done(&ready, output, 2, 1)) {
                Ok(Ok(output)) => {
                    let output = self.record.store(&output).unwrap();
                    self.append(json!({
                        "event": "done", "step": ready.id, "output": output, "label": ready.label, "usage": usage,
                    }));
                    continue;
                }
                Ok(Err(OutputFault::Halted(violation))) => Some(violation),
                Ok(Err(OutputFault::Failed(_))) => None,
                Err(()) => {
                    execution.failed(&ready, 2, 1);
                    None
                }
            };
            let reason = json!({ "kind": "capability", "message": "no" });
            self.append(json!({ "event": "failed", "step": ready.id, "reason": reason, "usage": usage }));
            if let Some(violation) = halted {
                self.halt(&[*violation]);
            }
            break;
        }
        execution.finish().0
    }

    fn halt(&mut self, violations: &[Violation]) {
        let halted: Vec<claw_audit::Violation> = violations.iter().map(Into::into).collect();
        self.append(json!({ "event": "halt", "step": violations[0].step, "violations": halted }));
    }

    fn append(&mut self, event: Value) {
        self.record.append(&serde_json::from_value::<Event>(event).unwrap()).unwrap();
    }

    /// Seals the record, and reads it back.
    pub(crate) fn seal(self) -> Told {
        let key = self.machine.key().public();
        let folder = self.record.seal(Status::Completed, 0).unwrap();
        let verified = verify(&folder, key).unwrap_or_else(|fault| panic!("{fault}"));
        Told { _folder: self.folder, folder, events: verified.events }
    }
}

/// A step of a plan.
pub(crate) fn step(id: &str, capability: &str, arguments: Value) -> Value {
    json!({ "id": id, "capability": capability, "arguments": arguments })
}

/// A reference to an output, or a part of it.
pub(crate) fn output(step: &str, at: &str) -> Value {
    json!({ "$step": step, "at": at })
}
