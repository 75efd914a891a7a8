//! A session with a planner that says what a test has it say: real components, a real record, and what was told to it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use claw_agent::planner::{Bounds, Planner, PlannerError, Progress, Prompt, Reply, Tokens, Turn};
use claw_agent::{Ending, With, converse};
use claw_audit::{ApprovedBy, Event, Machine, Record, recheck, verify};
use claw_policy::{Catalogue, Document, Given, Label, Policy, Question, Session, TaskText};
use claw_runtime::{
    Allocation, Cache, Compiler, Components, Consent, Ended, Folders, Nobody, Person, Places, Run, Runtime, Stage,
    replay,
};
use serde_json::{Value, json};

use crate::program::{Place, program};

/// Lists and reads notes, which the planner may see, and writes reports, whose folder it may not.
pub(crate) const POLICY: &str = r#"claw = 1
name = "planning"
[input.name]
type = "string"
pattern = '[a-z]{1,20}\.md'
secrecy = ["out"]
[grant.notes]
dir = "notes"
access = "read"
[grant.key]
dir = "key"
access = "read"
[grant.out]
dir = "out"
access = "write"
create = true
accepts = ["notes", "key"]
[capability.list]
component = "builtin:list-files"
grants = ["notes"]
[capability.read]
component = "builtin:read-file"
grants = ["notes"]
[capability.look]
component = "builtin:read-file"
grants = ["notes"]
[capability.open]
component = "builtin:read-file"
grants = ["key"]
[capability.write]
component = "builtin:write-file"
grants = ["out"]
[capability.write.argument]
path = { format = "path", from = ["user", "task"] }
text = { from = ["any"] }
mode = { from = ["any"] }
[planner]
shows = ["list", "read"]
accepts = ["notes"]
"#;

/// What the planner says to one prompt.
#[derive(Debug)]
pub(crate) enum Say {
    Text(String),
    Cut(String),
    No(PlannerError),
}

/// A reply that is a plan of these steps.
pub(crate) fn plan(steps: Value) -> Say {
    Say::Text(json!({ "claw": 1, "steps": steps }).to_string())
}

/// The same, with the step that it gives as its answer.
pub(crate) fn last(steps: Value, answer: &str) -> Say {
    Say::Text(json!({ "claw": 1, "steps": steps, "answer": { "$step": answer } }).to_string())
}

/// A reply in words.
pub(crate) fn answer(words: &str) -> Say {
    Say::Text(json!({ "answer": words }).to_string())
}

pub(crate) fn step(id: &str, capability: &str, arguments: Value) -> Value {
    json!({ "id": id, "capability": capability, "arguments": arguments })
}

/// A planner that says these replies, and after them the last one again and again.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    replies: VecDeque<Say>,
    /// The system text, and the last turn of each prompt.
    pub(crate) told: Vec<String>,
    pub(crate) system: String,
    pub(crate) schema: Value,
    pub(crate) tokens: Tokens,
    pub(crate) takes: Duration,
    pub(crate) remembers: bool,
}

impl Planner for Scripted {
    fn name(&self) -> &str {
        "stand-in"
    }

    fn remembers(&self) -> bool {
        self.remembers
    }

    fn ask(
        &mut self,
        prompt: Prompt<'_>,
        bounds: Bounds<'_>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, PlannerError> {
        watch(Progress::Waiting);
        (self.system, self.schema) = (prompt.system.to_owned(), prompt.schema.clone());
        let Some(Turn::User(told)) = prompt.turns.last() else { panic!("the last turn is claw's: {prompt:?}") };
        self.told.push(told.clone());
        std::thread::sleep(self.takes.min(bounds.time));
        if self.takes > bounds.time {
            return Err(PlannerError::TimedOut(bounds.time));
        }
        let say = if self.replies.len() > 1 { self.replies.pop_front() } else { None };
        let reply = |text: &str, cut| Reply { text: text.to_owned(), cut, tokens: self.tokens };
        match say.as_ref().or(self.replies.front()).expect("it says something") {
            Say::Text(text) if text.len() > bounds.bytes => Err(PlannerError::TooLarge(bounds.bytes)),
            Say::Text(text) => Ok(reply(text, false)),
            Say::Cut(text) => Ok(reply(text, true)),
            Say::No(error) => Err(error.clone()),
        }
    }
}

/// A person who says yes to everything, and remembers what it was.
#[derive(Debug, Default)]
pub(crate) struct Yes(pub(crate) Vec<String>);

impl Person for Yes {
    fn allows(&mut self, _: Stage, questions: &[Question]) -> Consent {
        self.0.extend(questions.iter().map(|question| question.step.to_string()));
        Consent::Yes(ApprovedBy::Terminal)
    }
}

/// A place with notes, a key, and a policy.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) place: Place,
    pub(crate) planner: Scripted,
    given: BTreeMap<String, Given>,
    context: Option<Label>,
    pub(crate) kept: Vec<Label>,
    cannot_keep: bool,
}

/// What a session left.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) ending: Ending,
    pub(crate) events: Vec<Event>,
}

impl Desk {
    pub(crate) fn new(replies: impl IntoIterator<Item = Say>) -> Self {
        Self::with_policy(POLICY, replies)
    }

    pub(crate) fn with_policy(policy: &str, replies: impl IntoIterator<Item = Say>) -> Self {
        let place = Place::new();
        place.write("policy.toml", policy);
        place.write("notes/a.md", "ACTION(ana): order paper\n");
        place.write("notes/b.md", "nothing to do\n");
        place.write("key/key.md", "THE-KEY-OF-THE-DESK");
        let planner = Scripted { replies: replies.into_iter().collect(), ..Scripted::default() };
        Self { place, planner, given: BTreeMap::new(), context: None, kept: Vec::new(), cannot_keep: false }
    }

    /// Binds the input `name`.
    pub(crate) fn given(mut self, text: &str) -> Self {
        self.given.insert("name".to_owned(), Given { text: text.to_owned(), from_file: false });
        self
    }

    /// Has a planner that remembers, and what earlier sessions have shown it.
    pub(crate) fn remembering(mut self, context: Label) -> Self {
        (self.context, self.planner.remembers) = (Some(context), true);
        self
    }

    /// Has nowhere to keep what the planner is shown.
    pub(crate) fn that_cannot_keep(mut self) -> Self {
        self.cannot_keep = true;
        self
    }

    fn load(&self) -> (Arc<Policy>, Document, Catalogue, Components, Folders) {
        let base = self.place.path("");
        let home = self.place.home();
        let cache = Cache::open(&home.join(".cache/claw"), &home.join(".local/state/claw")).expect("there is a cache");
        let document = Document::parse(&self.place.read("policy.toml")).expect("it is a policy");
        let compiler = Compiler { cache: &cache, program: program() };
        let components = compiler.components(&document, &base, &mut |_| {}).expect("they compile");
        let places = Places {
            base,
            home: None,
            binds: BTreeMap::new(),
            private: Vec::new(),
            protected: Vec::new(),
            secrets: Vec::new(),
            make: true,
        };
        let folders = Folders::open(&document, &places).expect("they open");
        let catalogue =
            Catalogue { components: components.known(), overlaps: folders.overlaps(), ..Catalogue::default() };
        let policy = Policy::load(&document, &catalogue).unwrap_or_else(|errors| panic!("{errors:#?}"));
        (Arc::new(policy), document, catalogue, components, folders)
    }

    fn runtime(components: Components, folders: Folders) -> Runtime {
        Runtime::new(program().to_owned(), Allocation::OnDemand, components, folders, [7; 32])
    }

    /// Works on a task. Whatever happens, the record verifies, is decided again, and is the same when it is run again.
    #[track_caller]
    pub(crate) fn work(&mut self, task: &str, person: &mut dyn Person) -> Held {
        let (policy, document, catalogue, components, folders) = self.load();
        let session = Session::open(&policy, self.given.clone()).unwrap_or_else(|violations| panic!("{violations:#?}"));
        let mut session = session.with_task(TaskText::read(task).expect("it is a task"));
        if let Some(context) = &self.context {
            session = session.with_context(&policy, context).expect("it is no more than the policy shows");
        }
        let machine = Machine::open(&self.place.path("state")).expect("there is a state");
        let key = machine.key().public();
        let runs = self.place.path("state/runs");
        let record = Record::create(machine, &runs, "run", policy.limits.log, 1).expect("there is room");
        let runtime = Self::runtime(components, folders);
        let mut run = Run::open(policy, &document, catalogue, session, runtime, record, "test").expect("it opens");
        let (kept, cannot_keep) = (&mut self.kept, self.cannot_keep);
        let ending = converse(
            &mut run,
            With {
                planner: &mut self.planner,
                person,
                keep: &mut |context| {
                    kept.push(context.clone());
                    if cannot_keep { Err("there is no room".to_owned()) } else { Ok(()) }
                },
                watch: &mut |_| {},
            },
        )
        .expect("it is on record");
        let folder = run.seal(ending.status).expect("it is sealed");
        let verified = verify(&folder, key).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(verified.status, Some(ending.status));
        recheck(&folder, &verified.events).unwrap_or_else(|fault| panic!("decided again: {fault}"));
        let runtime = Self::runtime(self.load().3, Folders::default());
        let again = replay(&folder, verified.events.clone(), runtime, &mut |_| {}).expect("it opens again");
        assert!(matches!(again.end, Ended::Same(_)), "run again: {again:#?}");
        Held { ending, events: verified.events }
    }

    /// The same, and nobody is asked.
    #[track_caller]
    pub(crate) fn alone(&mut self, task: &str) -> Held {
        self.work(task, &mut Nobody)
    }
}
