//! A round of the loop with a planner that takes no time: what the loop costs beside checking and running.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claw_agent::planner::{Bounds, Planner, PlannerError, Progress, Prompt, Reply, Tokens};
use claw_agent::{With, converse, propose};
use claw_audit::{Machine, Record};
use claw_policy::{Policy, Session, TaskText};
use claw_runtime::{Allocation, Nobody, Run, Runtime};

use crate::floors;
use crate::place::{self, Place};

/// Bytes of English and JSON that models take for one token, about; fewer than most, so that more tokens come out.
const BYTES_A_TOKEN: usize = 3;
/// Plans of a session: as many as a policy can allow.
const ROUNDS: usize = 100;

/// Says a plan of one step each time.
struct Repeating {
    rounds: usize,
    prompt: usize,
}

impl Planner for Repeating {
    fn name(&self) -> &str {
        "bench"
    }

    fn remembers(&self) -> bool {
        false
    }

    fn ask(
        &mut self,
        prompt: Prompt<'_>,
        _: Bounds<'_>,
        _: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Reply, PlannerError> {
        self.rounds += 1;
        self.prompt = prompt.system.len();
        let text = plan(&format!("r{}", self.rounds));
        Ok(Reply { text, cut: false, tokens: Tokens { prompt: Some(1), reply: Some(1) } })
    }
}

fn plan(id: &str) -> String {
    format!(r#"{{"claw":1,"steps":[{{"id":"{id}","capability":"nothing","arguments":{{}}}}]}}"#)
}

pub(crate) fn rounds(place: &Place) {
    let machine = || Machine::open(&place.folder().join("state")).unwrap();
    let open = || {
        let (policy, document, components, folders) = place.load();
        let record = Record::create(machine(), &place.folder().join("runs"), &place::unique(), policy.limits.log, 0);
        let runtime = Runtime::new(place::program(), Allocation::Pooled, components, folders, [7; 32]);
        let session = Session::open(&policy, Default::default()).unwrap().with_task(TaskText::read("Do it").unwrap());
        let catalogue = Default::default();
        Run::open(Arc::clone(&policy), &document, catalogue, session, runtime, record.unwrap(), "bench").unwrap()
    };
    let mut run = open();
    run.submit(plan("warm").as_bytes(), &mut Nobody, &mut |_| {}).unwrap();
    let began = Instant::now();
    for n in 0..ROUNDS {
        run.submit(plan(&format!("r{n}")).as_bytes(), &mut Nobody, &mut |_| {}).unwrap();
    }
    let alone = began.elapsed() / ROUNDS as u32;
    let mut run = open();
    run.submit(plan("warm").as_bytes(), &mut Nobody, &mut |_| {}).unwrap();
    let mut planner = Repeating { rounds: 0, prompt: 0 };
    let began = Instant::now();
    let with = With { planner: &mut planner, person: &mut Nobody, keep: &mut |_| Ok(()), watch: &mut |_| {} };
    converse(&mut run, with).unwrap();
    let whole = began.elapsed() / ROUNDS as u32;
    assert_eq!(planner.rounds, ROUNDS);
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let (sync, own) = (floors::sync(place, ROUNDS), whole.saturating_sub(alone));
    println!(
        "  a round                 {:>7.1}   of which check and run {:.1}, the loop's own {:.1}: fsync of the prompt {:.1}, all else {:.1}",
        micros(whole),
        micros(alone),
        micros(own),
        micros(sync),
        micros(own.saturating_sub(sync)),
    );
    let (text, catalogue) = place.large_policy();
    let policy = Policy::parse(&text, &catalogue).unwrap();
    let session = Session::open(&policy, Default::default()).unwrap().with_task(TaskText::read("Do it").unwrap());
    let nobody = UnixStream::pair().unwrap();
    propose(&policy, &session, &mut planner, &OwnedFd::from(nobody.0), &mut |_| {}).unwrap();
    let tokens = planner.prompt / BYTES_A_TOKEN;
    println!(
        "  the prompt for 50 capabilities has {} bytes, some {tokens} tokens; asked: at most 20,000",
        planner.prompt
    );
}
