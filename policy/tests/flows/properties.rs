//! What must hold of every policy, session and plan, tried on random ones: proofs, narrowing, disclosure and approvals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use claw_policy::{
    Disclosure, LoadError, Name, Narrowing, NeverTarget, Plan, Question, Refusal, Session, ValidatedPlan,
};
use serde_json::{Value as Json, json};

use crate::evaluate::{Answer, Evaluator};
use crate::generate::Random;
use crate::model::{self, Case, Filled, Label, Past, Policy, Set, Shape, Step, Typed, Value, name};
use crate::{check, draw, load, open, run};

/// How many plans are tried in one session.
const PLANS: usize = 5;

/// When everything is checked that has no reason to be checked later.
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// How long an approval lasts (rule 10).
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// What stands before the plan in the message of a proof that fails.
const PRINTED: &str = "\na plan that does: ";

/// Something that a policy says never flows.
#[derive(Clone, Copy, Debug)]
struct Never {
    label: Set,
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Grant(usize),
    Planner,
    /// A capability's argument.
    Argument(usize, usize),
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.names().concat();
        match self.target {
            Target::Grant(grant) => write!(f, "{label} -> g{grant}"),
            Target::Planner => write!(f, "{label} -> planner"),
            Target::Argument(capability, argument) => write!(f, "{label} -> c{capability}.p{argument}"),
        }
    }
}

impl Never {
    fn random(random: &mut Random, policy: &Policy) -> Self {
        let target = match one(random, &[0, 1, 2]) {
            0 => {
                let sinks = policy.grants.iter().filter(|grant| grant.is_sink()).map(|grant| grant.id);
                let grants: Vec<_> = sinks.chain([one(random, &policy.grants.iter().collect::<Vec<_>>()).id]).collect();
                Target::Grant(one(random, &grants))
            }
            1 => Target::Planner,
            _ => {
                let capability = one(random, &policy.capabilities.iter().collect::<Vec<_>>());
                let arguments: Vec<_> = (0..capability.arguments.len()).collect();
                Target::Argument(capability.id, one(random, &arguments))
            }
        };
        let own = policy.grants.iter().map(model::Grant::label).fold(Label::default(), |all, own| all | own);
        let labels = if matches!(target, Target::Argument(..)) {
            own.origin | Set::POLICY | Set::USER | Set::PLANNER | Set::FILE | Set::MAIL
        } else {
            own.secrecy | Set::RED
        };
        Self { label: one(random, &labels.each().collect::<Vec<_>>()), target }
    }

    fn toml(self) -> String {
        format!("[prove]\nnever = [\"{self}\"]\n")
    }

    /// Which of the three kinds it is of.
    fn kind(self) -> usize {
        match self.target {
            Target::Grant(_) => 0,
            Target::Planner => 1,
            Target::Argument(..) => 2,
        }
    }

    /// Whether it is about anything that a plan has to do with.
    fn is_about(self, labels: &[(Label, Vec<Label>)]) -> bool {
        let of = |label: &Label| if self.kind() == 2 { label.origin } else { label.secrecy };
        labels.iter().any(|(label, _)| self.label.within(of(label)))
    }

    /// Whether a plan that runs brings it there, by the reference's labels of its steps and their arguments.
    fn is_carried(
        self,
        evaluator: &Evaluator<'_>,
        policy: &Policy,
        context: Set,
        plan: &[Step],
        labels: &[(Label, Vec<Label>)],
    ) -> bool {
        plan.iter().zip(labels).any(|(step, (label, arguments))| match self.target {
            // All that the step could send: what it is given, what it reads elsewhere, and that it was called.
            Target::Grant(grant) => evaluator.sent(step.capability, grant).is_some_and(|read| {
                self.label.within(arguments.iter().fold(read | context, |all, argument| all | argument.secrecy))
            }),
            // Whether it is disclosed in the end or not.
            Target::Planner => self.label.within(label.secrecy) && label.secrecy.within(policy.accepts),
            Target::Argument(capability, argument) => {
                step.capability == capability && self.label.within(arguments[argument].origin)
            }
        })
    }
}

/// One of them, each about as often.
fn one<T: Copy>(random: &mut Random, among: &[T]) -> T {
    let mut chosen = among[0];
    for (index, other) in among.iter().enumerate().skip(1) {
        if random.chance(100 / (index + 1)) {
            chosen = *other;
        }
    }
    chosen
}

/// Loads a policy with `more` at its end.
fn parse(policy: &Policy, more: &str) -> Result<claw_policy::Policy, Vec<LoadError>> {
    claw_policy::Policy::parse(&(policy.toml() + more), &policy.catalogue())
}

/// The next policy that loads.
fn loadable(random: &mut Random) -> (Policy, Arc<claw_policy::Policy>) {
    loop {
        let policy = random.policy();
        if let Some(loaded) = load(&policy).expect("it loads, or leaks by itself") {
            return (policy, loaded);
        }
    }
}

/// A session in which nothing has happened, of a planner that may remember what this policy can have shown it.
fn begin(random: &mut Random, policy: &Policy, evaluator: &Evaluator<'_>) -> model::Session {
    let mut session = random.session(policy);
    session.context = session.context & evaluator.context();
    session
}

/// A plan that is mostly close to what is allowed.
fn next_plan(random: &mut Random, policy: &Policy, evaluator: &Evaluator<'_>, happened: &model::Session) -> Vec<Step> {
    let state = evaluator.state(happened);
    loop {
        let plan = draw(random, policy, happened, |plan| evaluator.answer(&state, plan)).0;
        if !evaluator.halts(&state, &plan) {
            return plan;
        }
    }
}

fn decide(
    loaded: &Arc<claw_policy::Policy>,
    session: &Session,
    plan: &str,
    now: SystemTime,
) -> Result<ValidatedPlan, Refusal> {
    loaded.check(session, Plan::parse(plan.as_bytes(), &loaded.limits)?, now)
}

/// What is asked about a plan that no rule refuses.
fn asked(loaded: &Arc<claw_policy::Policy>, session: &Session, plan: &str, now: SystemTime) -> Vec<Question> {
    let Err(refusal) = decide(loaded, session, plan, now) else { return Vec::new() };
    assert!(refusal.violations().is_empty(), "{refusal}\n{plan}");
    refusal.questions().to_vec()
}

fn approve(session: &mut Session, questions: &[Question]) {
    questions.iter().for_each(|question| session.approve(question.approve(NOW)));
}

/// Decides on a plan, and answers yes to all that is asked.
fn decide_with_a_person(
    loaded: &Arc<claw_policy::Policy>,
    session: &mut Session,
    policy: &Policy,
    plan: &[Step],
) -> Result<ValidatedPlan, Refusal> {
    let plan = policy.plan_json(plan).to_string();
    decide(loaded, session, &plan, NOW).or_else(|refusal| {
        approve(session, refusal.questions());
        decide(loaded, session, &plan, NOW)
    })
}

/// The session in which all of this has happened.
fn replay(loaded: &Arc<claw_policy::Policy>, policy: &Policy, happened: &model::Session) -> Session {
    happened.past.iter().fold(open(loaded, policy, happened).expect("it opens"), |mut session, past| {
        let plan = decide_with_a_person(loaded, &mut session, policy, &past.plan).expect("it was accepted");
        run(loaded, session, plan, policy, past).expect("it ran")
    })
}

fn case(policy: &Policy, session: &model::Session, plan: &[Step]) -> Case {
    Case { policy: policy.clone(), session: session.clone(), plan: plan.to_vec() }
}

#[test]
fn a_never_that_loads_holds_for_random_plans() {
    let mut random = Random(11);
    let (mut plans, mut accepted, mut about) = (0, 0, 0);
    let (mut held, mut failed, mut carried) = ([0; 3], [0; 3], [0; 3]);
    while plans < 10_000 {
        let (policy, bare) = loadable(&mut random);
        let (evaluator, never) = (Evaluator::new(&policy), Never::random(&mut random, &policy));
        // One that fails is there to see that what must not be found can be found.
        let (loaded, holds) = match parse(&policy, &never.toml()) {
            Ok(loaded) => (Arc::new(loaded), true),
            Err(errors) => {
                assert!(errors.iter().all(|error| error.rule == "policy.never"), "{errors:#?}");
                (bare, false)
            }
        };
        let count = if holds { &mut held } else { &mut failed };
        count[never.kind()] += 1;
        let mut happened = begin(&mut random, &policy, &evaluator);
        if never.target == Target::Planner {
            // A proof is about what this policy shows, and not about what the planner is said to know already.
            happened.context = Label::default();
        }
        let mut session = open(&loaded, &policy, &happened).expect("it opens");
        for _ in 0..PLANS {
            let plan = next_plan(&mut random, &policy, &evaluator, &happened);
            plans += usize::from(holds);
            let Ok(checked) = decide_with_a_person(&loaded, &mut session, &policy, &plan) else { continue };
            let labels = evaluator.labels(&evaluator.state(&happened), &plan);
            let context = Label::read(session.context()).secrecy;
            let is_carried = never.is_carried(&evaluator, &policy, context, &plan, &labels);
            let past = random.past(plan);
            session = run(&loaded, session, checked, &policy, &past).expect("it runs");
            let is_told = never.target == Target::Planner && never.label.within(Label::read(session.context()).secrecy);
            if holds {
                let (disclosed, case) = (&past.disclosed, case(&policy, &happened, &past.plan));
                assert!(!is_carried && !is_told, "`{never}` loads, and yet, with {disclosed:?} disclosed:\n{case}");
                accepted += 1;
                about += usize::from(never.is_about(&labels));
            } else {
                carried[never.kind()] += usize::from(is_carried);
            }
            happened.past.push(past);
        }
    }
    println!("{plans} plans, {accepted} accepted, of which {about} have to do with the label; by kind of proof:");
    println!("{held:?} hold; {failed:?} fail, and {carried:?} accepted plans show why");
    assert!(accepted >= 2_500 && about >= 500, "too little is tried");
    for (kind, name) in ["grant", "planner", "argument"].into_iter().enumerate() {
        let is_enough = held[kind] >= 100 && failed[kind] >= 30 && carried[kind] >= 10;
        assert!(is_enough, "proofs of {name}: too few hold, fail, or are seen to fail");
    }
}

/// The number in a name of a step, a capability or an input.
fn number(name: &Json) -> usize {
    name.as_str().expect("a name")[1..].parse().expect("a number")
}

/// A value of a plan that was printed, as plain data.
fn read_value(value: &Json) -> Value {
    match value {
        Json::Array(items) => Value::Whole(items.iter().map(read_value).collect()),
        Json::Object(fields) => match (fields.get("$input"), fields.get("$step")) {
            (Some(input), _) => Value::Input(number(input)),
            (None, Some(step)) => Value::Step(number(step), value["at"].as_str().unwrap_or("").to_owned().leak()),
            (None, None) => Value::Whole(fields.values().map(read_value).collect()),
        },
        _ => Value::Literal,
    }
}

fn read_plan(policy: &Policy, text: &str) -> Vec<Step> {
    let plan: Json = serde_json::from_str(text).expect("a plan");
    let steps = plan["steps"].as_array().expect("steps").iter().map(|step| {
        let (id, capability) = (number(&step["id"]), number(&step["capability"]));
        let count = policy.capability(capability).arguments.len();
        let arguments = (0..count).map(|at| step["arguments"].get(format!("p{at}")).map(read_value)).collect();
        Step { id, capability, arguments }
    });
    steps.collect()
}

#[test]
fn each_plan_that_a_failing_proof_prints_is_accepted_once_the_proof_is_taken_out() {
    let mut random = Random(12);
    let (mut failed, mut printed, mut carried) = ([0; 3], [0; 3], [0; 3]);
    while failed.iter().sum::<usize>() < 1_500 {
        let (policy, loaded) = loadable(&mut random);
        let never = Never::random(&mut random, &policy);
        let Err(errors) = parse(&policy, &never.toml()) else { continue };
        failed[never.kind()] += 1;
        let Some((_, text)) = errors[0].message.split_once(PRINTED) else { continue };
        printed[never.kind()] += 1;
        let nothing = model::Session::default();
        let session = open(&loaded, &policy, &nothing).expect("it opens");
        let checked = decide(&loaded, &session, text, NOW);
        let violations = checked.err().map_or_else(Vec::new, |refusal| refusal.violations().to_vec());
        assert!(violations.is_empty(), "`{never}`: {violations:#?}\n{text}\n{}", policy.toml());
        let (evaluator, plan) = (Evaluator::new(&policy), read_plan(&policy, text));
        let labels = evaluator.labels(&evaluator.state(&nothing), &plan);
        carried[never.kind()] += usize::from(never.is_carried(&evaluator, &policy, Set::EMPTY, &plan, &labels));
    }
    let all = |counts: &[usize; 3]| counts.iter().sum::<usize>();
    let share = 100 * all(&printed) / all(&failed);
    println!("by grant, planner and argument: {failed:?} proofs fail, {printed:?} print a plan, {share}% of all;");
    // That it is allowed is not yet that it does what it is printed for: the way may be that of another session.
    println!("{carried:?} of those plans carry the label there by themselves");
    assert!(all(&printed) * 3 >= all(&failed), "too few proofs that fail print a plan");
    assert!(failed.iter().chain(&printed).all(|count| *count >= 50), "the proofs that fail are too much alike");
}

/// What a task may say of inputs, and whether the inputs that are bound are within it.
const TASK_INPUTS: [(&str, bool); 4] = [
    ("{}", true),
    ("{ i0 = { const = \"x\" }, i1 = { maximum = 5 } }", true),
    ("{ i0 = { const = \"y\" } }", false),
    ("{ i1 = { maximum = 2 } }", false),
];

#[test]
fn narrowing_never_widens() {
    let mut random = Random(13);
    let (mut accepted, mut asked, mut taken, mut not_opened) = (0, 0, 0, 0);
    for _ in 0..1_000 {
        let (policy, _) = loadable(&mut random);
        let evaluator = Evaluator::new(&policy);
        let ids: Vec<_> = policy.capabilities.iter().map(|capability| capability.id).collect();
        let mut kept: Vec<_> = ids.iter().copied().filter(|_| random.chance(65)).collect();
        if kept.is_empty() {
            kept = ids;
        }
        let names = |ids: &[usize]| ids.iter().map(|id| format!("c{id}")).collect::<Vec<_>>();
        let (input, is_within) = one(&mut random, &TASK_INPUTS);
        let task = format!("[task.t]\nonly = {:?}\ncalls = {{ c{} = 1 }}\ninput = {input}\n", names(&kept), kept[0]);
        let (task_name, only) = match one(&mut random, &[0, 1, 2]) {
            0 => (Some("t".to_owned()), Vec::new()),
            1 => (None, names(&kept)),
            _ => (Some("t".to_owned()), names(&kept[..1])),
        };
        let narrowing = Narrowing { task: task_name, only };
        let whole = Arc::new(parse(&policy, &task).expect("it loads"));
        let part = parse(&policy, &task).expect("it loads").narrow(&narrowing).expect("it has this part");
        let part = Arc::new(part);

        let mut happened = begin(&mut random, &policy, &evaluator);
        let mut in_whole = open(&whole, &policy, &happened).expect("it opens");
        let opened = open(&part, &policy, &happened);
        if narrowing.task.is_some() && !is_within {
            let why = opened.expect_err("the task's inputs are others");
            assert!(why.contains("input.schema"), "{why}");
            not_opened += 1;
            continue;
        }
        let mut in_part = opened.expect("it opens");
        for _ in 0..PLANS {
            let plan = next_plan(&mut random, &policy, &evaluator, &happened);
            for (loaded, session) in [(&whole, &in_part), (&part, &in_whole)] {
                let (crossed, _) = check(loaded, session, &policy, &plan);
                let is_refused = crossed.violations.contains(&("session.policy".to_owned(), String::new()));
                assert!(is_refused, "a session of {narrowing:?} is no session of the whole policy");
            }
            let (of_part, by_part) = check(&part, &in_part, &policy, &plan);
            let (of_whole, by_whole) = check(&whole, &in_whole, &policy, &plan);
            if of_part.is_refused() {
                taken += usize::from(!of_whole.is_refused());
                continue;
            }
            assert_eq!(of_part, of_whole, "{narrowing:?}\n{}", case(&policy, &happened, &plan));
            let (Some(by_part), Some(by_whole)) = (by_part, by_whole) else {
                asked += 1;
                continue;
            };
            accepted += 1;
            let past = random.past(plan);
            in_part = run(&part, in_part, by_part, &policy, &past).expect("it runs");
            in_whole = run(&whole, in_whole, by_whole, &policy, &past).expect("it runs");
            assert_eq!(in_part.context(), in_whole.context(), "{narrowing:?}\n{}", policy.toml());
            happened.past.push(past);
        }
    }
    println!("{accepted} accepted and {asked} asked about by both; {taken} refused by the part alone");
    println!("{not_opened} sessions did not open, by their inputs");
    assert!(accepted >= 300 && asked >= 30 && taken >= 100 && not_opened >= 100, "too little is tried");
}

#[test]
fn what_explain_shows_is_what_is_proved() {
    let mut random = Random(16);
    let (mut never, mut possible) = (0, 0);
    for _ in 0..300 {
        let (policy, loaded) = loadable(&mut random);
        let secrets = loaded.flows.reads.values().flat_map(|label| label.secrecy.iter().cloned());
        let secrets: BTreeSet<Name> =
            secrets.filter(|name| loaded.grants.contains_key(name) || name.as_str() == "red").collect();
        let sinks = loaded.grants.iter().filter(|(_, grant)| grant.is_sink());
        let targets: Vec<NeverTarget> =
            sinks.map(|(name, _)| NeverTarget::Grant(name.clone())).chain([NeverTarget::Planner]).collect();
        for (secret, target) in secrets.iter().flat_map(|secret| targets.iter().map(move |target| (secret, target))) {
            let proof = claw_policy::Never { label: secret.clone(), target: target.clone(), line: 0 };
            let text = format!("{}\n[prove]\nnever = [\"{proof}\"]\n", policy.toml());
            let loads = claw_policy::Policy::parse(&text, &policy.catalogue()).is_ok();
            assert_eq!(loaded.carriers(secret, target).is_empty(), loads, "{text}");
            *if loads { &mut never } else { &mut possible } += 1;
        }
    }
    println!("{never} flows never happen, {possible} can");
    assert!(never >= 100 && possible >= 100, "one of the two is too seldom");
}

/// What tells that a silent step failed, since nothing after it in its plan has started then.
const TELL: [&str; 6] =
    ["order.before", "order.after", "strict.accepts", "budget.calls", "budget.steps", "reference.unknown"];

/// Two sessions, in one of which a silent step has failed, get the same answer to a plan, unless one of these tells.
///
/// Of the last step of a plan nothing tells; after any other step, the steps that have not started do, by their absence.
/// Returns what told.
fn tells(done: &Answer, failed: &Answer, is_last: bool) -> Result<BTreeSet<String>, String> {
    let differ = done.violations.symmetric_difference(&failed.violations);
    let differ: BTreeSet<String> = differ.map(|(rule, _)| rule.clone()).collect();
    let told = |answer: &Answer| (answer.is_refused(), answer.is_accepted());
    let holds = if is_last {
        done == failed
    } else if told(done) == told(failed) {
        return Ok(BTreeSet::new());
    } else {
        !differ.is_empty() && differ.iter().all(|rule| TELL.contains(&rule.as_str()))
    };
    if holds { Ok(differ) } else { Err(format!("by {differ:?}:\ndone: {done:#?}\nfailed: {failed:#?}")) }
}

#[test]
fn what_is_disclosed_is_within_what_the_planner_accepts() {
    let mut random = Random(14);
    let (mut shown, mut handles, mut silent) = (0, 0, 0);
    let (mut twins, mut told) = ([0; 2], [BTreeMap::new(), BTreeMap::new()]);
    for _ in 0..1_500 {
        let (policy, loaded) = loadable(&mut random);
        let evaluator = Evaluator::new(&policy);
        let mut happened = begin(&mut random, &policy, &evaluator);
        let mut session = open(&loaded, &policy, &happened).expect("it opens");
        let mut started: BTreeMap<usize, Label> = BTreeMap::new();
        for _ in 0..PLANS {
            let plan = next_plan(&mut random, &policy, &evaluator, &happened);
            let Ok(checked) = decide_with_a_person(&loaded, &mut session, &policy, &plan) else { continue };
            let labels: Vec<_> = checked.steps().iter().map(|step| Label::read(step.label())).collect();

            let hidden = |at: &usize| !labels[*at].secrecy.within(policy.accepts);
            let hidden: Vec<_> = (0..plan.len()).filter(hidden).collect();
            if !hidden.is_empty() && random.chance(50) {
                let at = one(&mut random, &hidden);
                let is_last = at + 1 == plan.len();
                let twin = |failed| {
                    let past = Past { plan: plan.clone(), failed, disclosed: vec![plan[at].id] };
                    model::Session { past: [happened.past.clone(), vec![past]].concat(), ..happened.clone() }
                };
                let (done, failed) = (twin(None), twin(Some(plan[at].id)));
                let (in_done, in_failed) = (replay(&loaded, &policy, &done), replay(&loaded, &policy, &failed));
                assert_eq!(in_done.context(), in_failed.context(), "a step that is silent tells");
                for _ in 0..4 {
                    let next = next_plan(&mut random, &policy, &evaluator, &done);
                    let of_done = check(&loaded, &in_done, &policy, &next).0;
                    let of_failed = check(&loaded, &in_failed, &policy, &next).0;
                    let by = tells(&of_done, &of_failed, is_last).unwrap_or_else(|why| {
                        panic!("it tells whether s{} failed, {why}\n{}", plan[at].id, case(&policy, &done, &next))
                    });
                    twins[usize::from(is_last)] += 1;
                    for rule in by {
                        *told[usize::from(is_last)].entry(rule).or_insert(0) += 1;
                    }
                }
            }

            let past = random.past(plan);
            let undisclosed = Past { disclosed: Vec::new(), ..past.clone() };
            session = run(&loaded, session, checked, &policy, &undisclosed).expect("it runs");
            started.extend(past.started().iter().map(|step| step.id).zip(labels));
            for id in &past.disclosed {
                let step = past.plan.iter().find(|step| step.id == *id).expect("it is of this plan");
                let before = (session.context().clone(), session.state());
                let disclosure = session.disclose(&loaded, &name('s', *id)).expect("it has run");
                let is_done = past.failed != Some(*id);
                match &disclosure {
                    Disclosure::Shown(value) => {
                        assert!(policy.shows.contains(&step.capability) && value.is_some() == is_done);
                        shown += 1;
                    }
                    Disclosure::Handle { succeeded, .. } => {
                        assert!(!policy.shows.contains(&step.capability) && *succeeded == is_done);
                        handles += 1;
                    }
                    Disclosure::Silent(_) => {
                        assert_eq!((session.context(), session.state()), (&before.0, before.1));
                        silent += 1;
                    }
                }
                let all = |label: &Label| !policy.strict || label.secrecy.within(policy.accepts);
                let is_open = started[id].secrecy.within(policy.accepts) && started.values().all(all);
                assert_eq!(is_open, !matches!(disclosure, Disclosure::Silent(_)), "s{id} is told, or is not");
            }
            let context = Label::read(session.context());
            assert!(context.secrecy.within(policy.accepts), "{}", case(&policy, &happened, &past.plan));
            assert!(context.within(Label::read(&loaded.flows.context)), "{}", case(&policy, &happened, &past.plan));
            happened.past.push(past);
        }
    }
    println!("{shown} shown, {handles} handles, {silent} silent");
    println!("answers to twins: {} where a step before the last failed, told by {:?}", twins[0], told[0]);
    println!("answers to twins: {} where the last step failed, told by {:?}", twins[1], told[1]);
    assert!(shown >= 300 && handles >= 300 && silent >= 300, "too little is disclosed");
    assert!(twins.iter().all(|count| *count >= 500), "too few steps fail in silence");
    // Steps that never started are known from the plan's length alone; a last step that failed in silence is not.
    assert!(!told[0].is_empty() && told[1].is_empty(), "{told:?}");
}

/// The same plan with ids of its own.
fn renamed(plan: &[Step]) -> Vec<Step> {
    fn shifted(value: &Value, ids: &BTreeSet<usize>) -> Value {
        match value {
            Value::Step(id, at) if ids.contains(id) => Value::Step(id + ids.len(), at),
            Value::Whole(parts) => Value::Whole(parts.iter().map(|part| shifted(part, ids)).collect()),
            other => other.clone(),
        }
    }
    let ids: BTreeSet<_> = plan.iter().map(|step| step.id).collect();
    let argument = |value: &Option<Value>| value.as_ref().map(|value| shifted(value, &ids));
    let step = |step: &Step| Step {
        id: step.id + ids.len(),
        arguments: step.arguments.iter().map(argument).collect(),
        ..step.clone()
    };
    plan.iter().map(step).collect()
}

/// The same plan with another text in it, where it says one.
fn reworded(policy: &Policy, plan: &[Step]) -> Option<String> {
    let mut written = policy.plan_json(plan);
    for (index, step) in plan.iter().enumerate() {
        let nodes = policy.capability(step.capability).arguments.iter().zip(&step.arguments).enumerate();
        for (number, (node, value)) in nodes {
            let is_free = node.shape == Shape::Text && matches!(node.filled, Filled::Plan | Filled::Enum);
            if is_free && matches!(value, Some(Value::Literal)) {
                written["steps"][index]["arguments"][format!("p{number}")] = json!("y");
                return Some(written.to_string());
            }
        }
    }
    None
}

#[test]
fn approvals_answer_exactly_what_was_asked() {
    let mut random = Random(15);
    let (mut plans, mut several, mut rewordings, mut again) = (0, 0, 0, 0);
    let places = |questions: Vec<Question>| questions.into_iter().map(|one| one.at).collect::<Vec<_>>();
    while plans < 400 {
        let (policy, loaded) = loadable(&mut random);
        let other = Arc::new(parse(&policy, "# the same in another text\n").expect("it loads"));
        let evaluator = Evaluator::new(&policy);
        let mut happened = begin(&mut random, &policy, &evaluator);
        // A word that the user typed is not as good as another.
        happened.typed = Typed::default();
        for _ in 0..PLANS {
            let plan = next_plan(&mut random, &policy, &evaluator, &happened);
            let text = policy.plan_json(&plan).to_string();
            let mut session = replay(&loaded, &policy, &happened);
            let questions = match decide(&loaded, &session, &text, NOW) {
                Err(refusal) if refusal.violations().is_empty() => refusal.questions().to_vec(),
                Err(_) => continue,
                Ok(_) => {
                    happened.past.push(random.past(plan));
                    continue;
                }
            };
            plans += 1;

            // An answer is for one step: the others are still asked about.
            let of_first = |question: &Question| question.step == questions[0].step;
            let (first, rest): (Vec<_>, Vec<_>) = questions.iter().cloned().partition(of_first);
            approve(&mut session, &rest);
            assert_eq!(asked(&loaded, &session, &text, NOW), first);
            several += usize::from(!rest.is_empty());
            approve(&mut session, &first);
            for now in [NOW, NOW + TEN_MINUTES] {
                assert!(asked(&loaded, &session, &text, now).is_empty(), "{text}\n{}", policy.toml());
            }

            // The same but for one thing, with the same answers given there.
            let words = claw_policy::TaskText::read("words").expect("it is a task");
            let mut elsewhere = replay(&loaded, &policy, &happened).with_task(words);
            let mut of_other = replay(&other, &policy, &happened);
            approve(&mut elsewhere, &questions);
            approve(&mut of_other, &questions);
            let late = NOW + TEN_MINUTES + Duration::from_secs(1);
            let mut changed = vec![
                ("time", &loaded, &session, text.clone(), late),
                ("session state", &loaded, &elsewhere, text.clone(), NOW),
                ("policy text", &other, &of_other, text.clone(), NOW),
            ];
            let reworded = reworded(&policy, &plan);
            rewordings += usize::from(reworded.is_some());
            changed.extend(reworded.map(|plan| ("plan text", &loaded, &session, plan, NOW)));
            for (what, loaded, session, plan, now) in changed {
                let found = places(asked(loaded, session, &plan, now));
                assert_eq!(found, places(questions.clone()), "with another {what}:\n{plan}\n{}", policy.toml());
            }

            // It is used once: what has run has changed the session.
            let checked = decide(&loaded, &session, &text, NOW).expect("it is approved");
            let past = random.past(plan);
            session = run(&loaded, session, checked, &policy, &past).expect("it runs");
            let next = policy.plan_json(&renamed(&past.plan)).to_string();
            let refusal = decide(&loaded, &session, &next, NOW).expect_err("an approval is used twice");
            again += usize::from(refusal.violations().is_empty());
            happened.past.push(past);
        }
    }
    println!("{plans} plans asked about, {several} of them for several steps, {rewordings} with a text to change");
    println!("{again} are asked about again once they have run; the others are refused then");
    assert!(several >= 20 && rewordings >= 30 && again >= 100, "too little is tried");
}
