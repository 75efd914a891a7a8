//! Two readings of POLICY.md's rules agree: the crate, and a reference that shares no code with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod evaluate;
mod generate;
mod model;
mod properties;
mod shrink;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use claw_policy::{Execution, Limits, Session, TaskText, ValidatedPlan};

use crate::evaluate::{Answer, Evaluator, Rule};
use crate::generate::Random;
use crate::model::{Case, Label, Past, Policy, Step, name};

/// How many plans are tried in one session.
const PLANS: usize = 10;

/// How often each rule must decide alone.
const FLOOR: usize = 1_000;

/// What came of the cases, and how often a rule alone decided.
#[derive(Debug, Default)]
struct Counts {
    cases: usize,
    not_loaded: usize,
    accepted: usize,
    needs_approval: usize,
    refused: usize,
    alone: BTreeMap<Rule, usize>,
}

/// Loads a policy; `None` where it would let a capability leak by itself.
///
/// # Errors
/// Why it does not load otherwise: such a policy is no case.
fn load(policy: &Policy) -> Result<Option<Arc<claw_policy::Policy>>, String> {
    match claw_policy::Policy::parse(&policy.toml(), &policy.catalogue()) {
        Ok(policy) => Ok(Some(Arc::new(policy))),
        Err(errors) if errors.iter().all(|error| error.rule == "policy.flow") => Ok(None),
        Err(errors) => Err(format!("{errors:#?}")),
    }
}

fn open(loaded: &claw_policy::Policy, policy: &Policy, session: &model::Session) -> Result<Session, String> {
    let opened = Session::open(loaded, policy.given(session)).map_err(|violations| format!("{violations:#?}"))?;
    let opened = opened.with_task(TaskText::read(&session.typed.task()).map_err(|refusal| refusal.to_string())?);
    let is_new = session.context == Label::default();
    Ok(if is_new {
        opened
    } else {
        opened.with_context(loaded, &session.context.written()).map_err(|why| why.to_string())?
    })
}

/// What the crate says of a plan.
fn check(
    loaded: &Arc<claw_policy::Policy>,
    session: &Session,
    policy: &Policy,
    plan: &[Step],
) -> (Answer, Option<ValidatedPlan>) {
    let text = policy.plan_json(plan).to_string();
    let checked = claw_policy::Plan::parse(text.as_bytes(), &Limits::default())
        .and_then(|plan| loaded.check(session, plan, SystemTime::UNIX_EPOCH));
    match checked {
        Ok(plan) => {
            let labels = plan.steps().iter().map(|step| Label::read(step.label())).collect();
            (Answer { labels, ..Answer::default() }, Some(plan))
        }
        Err(refusal) => {
            let violations = refusal.violations().iter().map(|one| (one.rule.to_owned(), one.at.clone()));
            let violations: BTreeSet<_> = violations.collect();
            let questions = refusal.questions().iter().filter(|_| violations.is_empty());
            let questions = questions.map(|question| question.at.clone()).collect();
            (Answer { violations, questions, labels: Vec::new() }, None)
        }
    }
}

/// Runs a plan as `past` says, with outputs that are of their types and nothing more.
///
/// # Errors
/// What halted it.
fn run(
    loaded: &claw_policy::Policy,
    session: Session,
    checked: ValidatedPlan,
    policy: &Policy,
    past: &Past,
) -> Result<Session, String> {
    let before: Vec<_> = checked.steps().iter().map(|step| Label::read(step.label())).collect();
    let mut execution = Execution::start(checked, session).map_err(|refusal| refusal.to_string())?;
    for (step, before) in past.started().iter().zip(before) {
        for question in execution.asks() {
            execution.approve(question.approve(SystemTime::UNIX_EPOCH));
        }
        let ready = execution.next_step().expect("a step").map_err(|refusal| refusal.to_string())?;
        assert!(Label::read(&ready.label).within(before), "a label grew while running: {}", ready.id);
        if past.failed == Some(step.id) {
            execution.failed(&ready, 0, 0);
        } else {
            let output = policy.capability(step.capability).output.output(step.id);
            execution.done(&ready, output, 0, 0).map_err(|fault| fault.to_string())?;
        }
    }
    let (mut session, _) = execution.finish();
    for id in &past.disclosed {
        let _ = session.disclose(loaded, &name('s', *id));
    }
    Ok(session)
}

/// The two answers to a case, the crate's first, where they differ; a case that cannot be had is none.
fn disagreement(case: &Case, off: Option<Rule>) -> Option<(String, String)> {
    let Case { policy, session: happened, plan } = case;
    let evaluator = Evaluator::new(policy).without(off);
    let loaded = load(policy).ok()?;
    let (Some(loaded), true) = (&loaded, evaluator.loads()) else {
        let answer = |loads: bool| if loads { "loads" } else { "does not load: policy.flow" }.to_owned();
        return (loaded.is_some() != evaluator.loads()).then(|| (answer(loaded.is_some()), answer(evaluator.loads())));
    };
    let mut session = open(loaded, policy, happened).ok()?;
    for past in &happened.past {
        let (_, checked) = check(loaded, &session, policy, &past.plan);
        session = run(loaded, session, checked?, policy, past).ok()?;
    }
    let (theirs, _) = check(loaded, &session, policy, plan);
    let (ours, _) = evaluator.answer(&evaluator.state(happened), plan);
    (theirs != ours).then(|| (format!("{theirs:#?}"), format!("{ours:#?}")))
}

/// Tries cases until the two disagree; the reference may lack a rule.
fn compare(seed: u64, cases: usize, off: Option<Rule>, counts: &mut Counts) -> Option<Case> {
    let mut random = Random(seed);
    while counts.cases < cases {
        let policy = random.policy();
        let evaluator = Evaluator::new(&policy).without(off);
        let loaded = load(&policy).unwrap_or_else(|errors| panic!("{}\n{errors}", policy.toml()));
        let mut happened = random.session(&policy);
        // What a planner remembers is what this policy can have shown it.
        happened.context = happened.context & evaluator.context();
        let (Some(loaded), true) = (&loaded, evaluator.loads()) else {
            counts.not_loaded += 1;
            if loaded.is_some() == evaluator.loads() {
                continue;
            }
            return Some(Case { policy, session: happened, plan: Vec::new() });
        };
        let mut session = open(loaded, &policy, &happened).unwrap_or_else(|why| panic!("{}\n{why}", policy.toml()));
        for _ in 0..PLANS {
            let state = evaluator.state(&happened);
            let (plan, ours, by) = draw(&mut random, &policy, &happened, |plan| evaluator.answer(&state, plan));
            let (theirs, checked) = check(loaded, &session, &policy, &plan);
            if theirs != ours {
                return Some(Case { policy, session: happened, plan });
            }
            counts.cases += 1;
            if off.is_none() {
                counts.add(&evaluator, &happened, &plan, &ours, &by);
            }
            if let Some(checked) = checked.filter(|_| random.chance(70) && !evaluator.halts(&state, &plan)) {
                let past = random.past(plan);
                session = run(loaded, session, checked, &policy, &past).unwrap_or_else(|why| {
                    panic!(
                        "{}\n{why}",
                        Case { policy: policy.clone(), session: happened.clone(), plan: past.plan.clone() }
                    )
                });
                happened.past.push(past);
            }
        }
    }
    None
}

/// A plan; one that too many rules refuse, or the most usual ones, is mostly drawn again.
fn draw(
    random: &mut Random,
    policy: &Policy,
    session: &model::Session,
    answer: impl Fn(&[Step]) -> (Answer, BTreeSet<Rule>),
) -> (Vec<Step>, Answer, BTreeSet<Rule>) {
    let usual = BTreeSet::from([Rule::From, Rule::Calls, Rule::Steps]);
    let mut draws = 0;
    loop {
        let plan = random.plan(policy, session);
        let (said, by) = answer(&plan);
        let again = said.is_refused() && (by.is_subset(&usual) || by.len() > 1) && random.chance(80);
        draws += 1;
        if !again || draws == 4 {
            return (plan, said, by);
        }
    }
}

impl Counts {
    fn add(
        &mut self,
        evaluator: &Evaluator<'_>,
        session: &model::Session,
        plan: &[Step],
        answer: &Answer,
        by: &BTreeSet<Rule>,
    ) {
        let decided = match (answer.is_accepted(), answer.is_refused()) {
            (true, _) => &mut self.accepted,
            (_, true) => &mut self.refused,
            _ => &mut self.needs_approval,
        };
        *decided += 1;
        if let (1, Some(rule)) = (by.len(), by.first()) {
            *self.alone.entry(*rule).or_default() += 1;
        }
        // These refuse nothing by themselves: they alone decide where the plan's verdict is another without them.
        for rule in [Rule::Place, Rule::Enum, Rule::Endorsement, Rule::Task] {
            if answer.is_refused() == (rule == Rule::Place) {
                let without = evaluator.without(Some(rule));
                let (other, _) = without.answer(&without.state(session), plan);
                *self.alone.entry(rule).or_default() += usize::from(other.is_refused() != answer.is_refused());
            }
        }
        // What rule 4 and the proofs say that a step can have is no less than what it has.
        for (step, label) in plan.iter().zip(&answer.labels) {
            assert!(label.within(evaluator.reach(step.capability)), "s{} is beyond its reach", step.id);
        }
    }
}

#[test]
fn a_hundred_thousand_random_cases_agree() {
    let mut counts = Counts::default();
    if let Some(case) = compare(1, 100_000, None, &mut counts) {
        let case = shrink::shrink(case, |case| disagreement(case, None).is_some());
        let (theirs, ours) = disagreement(&case, None).expect("it was one when it was found");
        panic!("after {} cases:\n{case}\n\nclaw-policy: {theirs}\nreference: {ours}", counts.cases);
    }
    let Counts { cases, not_loaded, accepted, needs_approval, refused, alone } = &counts;
    println!("{cases} cases: {accepted} accepted, {needs_approval} need an approval, {refused} refused");
    println!("{not_loaded} more policies do not load; decided by one rule alone: {alone:#?}");
    assert!(counts.accepted * 100 >= counts.cases * 30, "too few plans are accepted");
    for rule in [
        Rule::SinkByArgument,
        Rule::SinkByContext,
        Rule::From,
        Rule::Place,
        Rule::Enum,
        Rule::Endorsement,
        Rule::Task,
        Rule::Before,
        Rule::After,
        Rule::Strict,
        Rule::Calls,
        Rule::Steps,
        Rule::Ask,
        Rule::Each,
    ] {
        assert!(counts.alone.get(&rule).is_some_and(|alone| *alone >= FLOOR), "{rule:?} decides too seldom");
    }
}

#[test]
fn each_rule_is_seen() {
    let unseen = |rule: &Rule| compare(2, 10_000, Some(*rule), &mut Counts::default()).is_none();
    let unseen: Vec<_> = Rule::ALL.into_iter().filter(unseen).collect();
    assert!(unseen.is_empty(), "the comparison does not notice when the reference lacks {unseen:?}");
}
