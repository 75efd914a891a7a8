//! Three policies with flows to guard, their plans and their attacks, each with the verdict that it must get.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use claw_policy::{
    Catalogue, Document, Execution, Given, Name, Plan, Policy, Refusal, Session, ValidatedPlan, run_tests,
};
use claw_runtime::{Cache, Compiler, Folders, Places};
use serde::Deserialize;
use serde_json::Value;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use crate::program::{Place, program, repository};

const EXAMPLES: [&str; 3] = ["invoice", "code-docs", "support-desk"];

/// A folder of plans with what must come of each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    plan: Vec<ExpectedPlan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedPlan {
    file: String,
    tries: String,
    verdict: String,
    rule: Option<String>,
    at: Option<String>,
    #[serde(default)]
    also: Vec<RuleAt>,
    #[serde(default)]
    input: BTreeMap<String, String>,
    #[serde(default)]
    before: Vec<Earlier>,
    strict: Option<bool>,
    #[serde(default)]
    stale: bool,
    /// A question that the rules left open when the plan was written.
    #[serde(default, rename = "open")]
    _open: Option<String>,
    /// What gets through in spite of all rules, and what would close it.
    leak: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleAt {
    rule: String,
    at: String,
}

/// A plan of the same session that has run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Earlier {
    plan: String,
    #[serde(default)]
    outcomes: BTreeMap<String, String>,
    #[serde(default)]
    disclose: Vec<String>,
}

/// An example, loaded as the program loads it.
struct Example {
    place: Place,
    catalogue: Catalogue,
}

impl Example {
    fn new(name: &str) -> Self {
        let place = Place::with_example(name);
        let text = place.read("policy.toml");
        let document = Document::parse(&text).unwrap();
        let base = place.path("");
        let cache = Cache::open(&place.home().join(".cache/claw"), &place.home().join(".local/state/claw")).unwrap();
        let compiler = Compiler { cache: &cache, program: program() };
        let components = compiler.components(&document, &base, &mut |_| {});
        let components = components.unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        let places = Places {
            base,
            home: None,
            binds: BTreeMap::new(),
            private: Vec::new(),
            protected: Vec::new(),
            secrets: Vec::new(),
            make: false,
        };
        let folders = Folders::open(&document, &places).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        let files = document.test_plans().into_iter().map(|(path, _)| (path.to_owned(), place.read(path))).collect();
        let catalogue = Catalogue { components: components.known(), overlaps: folders.overlaps(), files };
        Self { place, catalogue }
    }

    fn policy(&self, strict: Option<bool>) -> Arc<Policy> {
        let mut text = self.place.read("policy.toml");
        if let Some(strict) = strict {
            let line = text.lines().find(|line| line.starts_with("strict = ")).expect("the policy says it").to_owned();
            text = text.replace(&line, &format!("strict = {strict}"));
        }
        Arc::new(Policy::parse(&text, &self.catalogue).unwrap_or_else(|errors| panic!("{errors:#?}")))
    }

    /// What comes of a plan: the verdict, and every rule with its place.
    fn verdict(&self, folder: &str, expected: &ExpectedPlan) -> (String, Vec<(String, String)>) {
        let policy = self.policy(expected.strict);
        let given =
            expected.input.iter().map(|(name, text)| (name.clone(), Given { text: text.clone(), from_file: false }));
        let mut session = Session::open(&policy, given.collect()).expect("the inputs are declared");
        let check = |session: &Session, plan: &str| -> Result<ValidatedPlan, Refusal> {
            let text = self.place.read(&format!("{folder}/{plan}"));
            Plan::parse(text.as_bytes(), &policy.limits)
                .and_then(|plan| policy.check(session, plan, SystemTime::UNIX_EPOCH))
        };
        // A person says yes to whatever an earlier plan asks.
        let approved = |session: &mut Session, plan: &str| {
            for question in check(session, plan).err().iter().flat_map(Refusal::questions) {
                session.approve(question.approve(SystemTime::UNIX_EPOCH));
            }
            check(session, plan).unwrap_or_else(|refusal| panic!("{plan}: {refusal}"))
        };
        let stale = expected.stale.then(|| approved(&mut session, &expected.file));
        for earlier in &expected.before {
            let plan = approved(&mut session, &earlier.plan);
            session = run(&policy, session, plan, earlier);
        }
        let checked = match stale {
            None => check(&session, &expected.file).map(drop),
            Some(stale) => Execution::start(stale, session).map(drop),
        };
        match checked {
            Ok(()) => ("accepted".to_owned(), Vec::new()),
            Err(refusal) if refusal.violations().is_empty() => {
                let questions = refusal.questions().iter().map(|q| ("approval".to_owned(), q.at.clone()));
                ("needs-approval".to_owned(), questions.collect())
            }
            Err(refusal) => {
                let violations = refusal.violations().iter().map(|v| (v.rule.to_owned(), v.at.clone()));
                ("refused".to_owned(), violations.collect())
            }
        }
    }
}

/// Runs a plan without its components: each step puts out what it is said to have put out.
fn run(policy: &Policy, session: Session, plan: ValidatedPlan, earlier: &Earlier) -> Session {
    let mut execution = Execution::start(plan, session).unwrap();
    loop {
        for question in execution.asks() {
            execution.approve(question.approve(SystemTime::UNIX_EPOCH));
        }
        let Some(ready) = execution.next_step() else { break };
        let ready = ready.unwrap_or_else(|refusal| panic!("{}: {refusal}", earlier.plan));
        match earlier.outcomes.get(ready.id.as_str()).map(String::as_str) {
            Some("failed") => {
                execution.failed(&ready, 0, 0);
                break;
            }
            outcome => {
                let capability = &policy.capabilities[&ready.capability];
                let output = match outcome {
                    Some(text) if capability.output_is_json => Value::from(text),
                    Some(text) => serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}")),
                    None => Value::Null,
                };
                let done = execution.done(&ready, output, 0, 0);
                done.unwrap_or_else(|fault| panic!("{}, step {}: {fault}", earlier.plan, ready.id));
            }
        }
    }
    let (mut session, _) = execution.finish();
    for step in &earlier.disclose {
        session.disclose(policy, &Name::new(step).unwrap()).expect("a step of it");
    }
    session
}

#[test]
fn each_plan_gets_the_verdict_that_it_must_get() {
    let mut wrong = Vec::new();
    for name in EXAMPLES {
        let example = Example::new(name);
        for folder in ["plans", "attacks"] {
            let expected: Expected = toml::from_str(&example.place.read(&format!("{folder}/expected.toml"))).unwrap();
            let least = if folder == "plans" { 5 } else { 12 };
            assert!(expected.plan.len() >= least, "{name}/{folder} has too few plans");
            for plan in &expected.plan {
                assert!(!plan.tries.is_empty() && (folder == "attacks" || plan.leak.is_none()), "{}", plan.file);
                let base = if plan.file == "../plan.json" { "plans" } else { folder };
                let (verdict, rules) = example.verdict(base, plan);
                let main = plan.rule.iter().cloned().zip(plan.at.iter().cloned());
                let mut wanted: Vec<(String, String)> =
                    main.chain(plan.also.iter().map(|also| (also.rule.clone(), also.at.clone()))).collect();
                let mut found = if verdict == "refused" { rules.clone() } else { Vec::new() };
                wanted.sort();
                found.sort();
                found.dedup();
                if verdict != plan.verdict || wanted != found {
                    wrong.push(format!(
                        "{name}/{folder}/{}: {verdict} {rules:?}\n  must be {} {wanted:?}",
                        plan.file, plan.verdict
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_policy_keeps_its_own_promises() {
    for name in EXAMPLES {
        let example = Example::new(name);
        let policy = example.policy(None);
        assert!(!policy.proved.is_empty() && !policy.tests.is_empty(), "{name}");
        let document = Document::parse(&example.place.read("policy.toml")).unwrap();
        for test in run_tests(&policy, &document, &example.catalogue) {
            assert!(test.passed(), "{name}: {test:?}");
        }
    }
}

#[test]
fn the_components_are_made_from_their_wit() {
    for name in EXAMPLES {
        let folder = repository().join("examples").join(name).join("components");
        for wit in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if wit.extension().is_some_and(|extension| extension == "wit") {
                let (made, file) = (component(&wit), wit.with_extension("wasm"));
                if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
                    std::fs::write(&file, &made).unwrap();
                }
                assert!(
                    std::fs::read(&file).is_ok_and(|there| there == made),
                    "{} is not what {} says",
                    file.display(),
                    wit.display()
                );
            }
        }
    }
}

/// A component that has the functions of its world, and traps when one is called: policies that use it are checked, not run.
fn component(wit: &Path) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str(wit, &std::fs::read_to_string(wit).unwrap()).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
