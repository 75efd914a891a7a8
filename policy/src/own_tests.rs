//! A policy's own tests: plans with the verdict that each must get, run whenever the policy is used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::catalogue::Catalogue;
use crate::document::{Document, TestVerdict};
use crate::fault::{LoadError, Refusal};
use crate::plan::Plan;
use crate::policy::{Policy, Test};
use crate::session::{Given, Session};
use crate::task::Narrowing;

/// What became of a test.
#[derive(Clone, Debug)]
pub struct TestOutcome {
    /// The test.
    pub test: Test,
    /// The verdict that its plan got; or why there is none.
    pub found: Result<TestVerdict, String>,
    /// The rules that refused it.
    pub rules: Vec<String>,
}

impl TestOutcome {
    /// Whether the plan got the verdict that it must get, by the rule that it must get it by.
    pub fn passed(&self) -> bool {
        self.found == Ok(self.test.verdict) && self.test.rule.as_ref().is_none_or(|rule| self.rules.contains(rule))
    }

    /// The test as an error of the policy, where it has not passed.
    pub fn error(&self, document: &Document) -> Option<LoadError> {
        if self.passed() {
            return None;
        }
        let plan = crate::printable::printable(&self.test.plan);
        let found = match &self.found {
            Ok(found) if self.rules.is_empty() => format!("it is {}", found.as_str()),
            Ok(found) => format!("it is {}, by {}", found.as_str(), self.rules.join(", ")),
            Err(why) => why.clone(),
        };
        let rule = self.test.rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
        let message = format!("the test `{plan}` fails: it must be {}{rule}, and {found}", self.test.verdict.as_str());
        let span = document
            .root
            .test
            .iter()
            .find(|test| crate::fault::line_of(&document.text, test.span().start) == self.test.line);
        let span = span.map_or(0..0, |test| test.get_ref().plan.span());
        Some(
            LoadError::new("policy.test", span, message)
                .help("mend the policy, or what its test expects: see `claw policy test`"),
        )
    }
}

impl TestVerdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::NeedsApproval => "needs-approval",
        }
    }

    /// The verdict that a check came to.
    pub fn of<T>(checked: &Result<T, Refusal>) -> Self {
        match checked {
            Ok(_) => Self::Accepted,
            Err(refusal) if refusal.violations().is_empty() => Self::NeedsApproval,
            Err(_) => Self::Refused,
        }
    }
}

/// Runs the tests of a policy that has loaded. The plans' texts are in the catalogue.
pub fn run_tests(policy: &Arc<Policy>, document: &Document, catalogue: &Catalogue) -> Vec<TestOutcome> {
    policy.tests.iter().map(|test| run(policy, document, catalogue, test)).collect()
}

fn run(policy: &Arc<Policy>, document: &Document, catalogue: &Catalogue, test: &Test) -> TestOutcome {
    let failed = |why: String| TestOutcome { test: test.clone(), found: Err(why), rules: Vec::new() };
    let narrowed = match &test.task {
        None => Ok(Arc::clone(policy)),
        Some(task) => {
            let narrowing = Narrowing { task: Some(task.to_string()), only: Vec::new() };
            let whole = Policy::load(document, catalogue).map_err(|_| "the policy does not load".to_owned());
            whole.and_then(|whole| whole.narrow(&narrowing).map_err(|why| why.to_string())).map(Arc::new)
        }
    };
    let policy = match narrowed {
        Ok(policy) => policy,
        Err(why) => return failed(why),
    };
    let given = test.input.iter().map(|(name, text)| (name.clone(), Given { text: text.clone(), from_file: false }));
    let session = match Session::open(&policy, given.collect::<BTreeMap<_, _>>()) {
        Ok(session) => session,
        Err(faults) => {
            let faults: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
            return failed(faults.join("; "));
        }
    };
    let Some(text) = catalogue.files.get(&test.plan) else { return failed("its file was not read".to_owned()) };
    let plan = Plan::parse(text.as_bytes(), &policy.limits);
    let checked = plan.and_then(|plan| policy.check(&session, plan, SystemTime::UNIX_EPOCH));
    let violations = checked.as_ref().err().into_iter().flat_map(Refusal::violations);
    let mut rules: Vec<String> = violations.map(|violation| violation.rule.to_owned()).collect();
    rules.dedup();
    TestOutcome { test: test.clone(), found: Ok(TestVerdict::of(&checked)), rules }
}
