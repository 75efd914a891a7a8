//! `claw replay --what-if`: what another policy would have said of earlier runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claw_audit::{Decided, Fault, Other, StepWhatIf, WhatIf, what_if as decide};
use claw_policy::Narrowing;
use claw_policy::printable::printable;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::arguments::{PolicyArguments, ReplayArguments};
use crate::error::{DONE, Error, REFUSED, UNVERIFIED};
use crate::load::{Loaded, Purpose};
use crate::records::{counted, each, fault_json, tell_faults};
use crate::report;

/// A run on which the other policy has decided.
struct Tried {
    run: String,
    folder: PathBuf,
    /// The name of its own policy.
    policy: String,
    plans: Vec<WhatIf>,
}

/// What came of all of them.
#[derive(Default)]
struct Outcome {
    runs: Vec<Tried>,
    /// Runs of other policies, which were not asked for.
    left_out: usize,
    faults: Vec<Fault>,
}

pub(crate) fn what_if(file: &Path, arguments: &ReplayArguments, json: bool) -> Result<ExitCode, Error> {
    let narrowing = Narrowing { task: arguments.task.clone(), only: arguments.only.clone() };
    let policy = PolicyArguments { policy: file.to_owned(), dir: arguments.dir.clone() };
    let loaded = Loaded::policy(&policy, &narrowing, Purpose::Decide)?;
    let outcome = try_all(&loaded, (!narrowing.is_none()).then_some(&narrowing), arguments)?;
    if json {
        report::print_json(&outcome.json(&loaded))?;
    } else if let ([one], [_]) = (outcome.runs.as_slice(), arguments.runs.as_slice()) {
        report::print_text(&one.text(file))?;
        one.tell(&loaded);
    } else {
        report::print_text(&outcome.text(file))?;
    }
    if !json {
        tell_faults(&outcome.faults);
    }
    let takes_away = outcome.plans().any(|(_, plan)| plan.takes_away());
    Ok(ExitCode::from(match (outcome.faults.is_empty(), takes_away) {
        (false, _) => UNVERIFIED,
        (true, true) => REFUSED,
        (true, false) => DONE,
    }))
}

fn try_all(loaded: &Loaded, narrowing: Option<&Narrowing>, arguments: &ReplayArguments) -> Result<Outcome, Error> {
    let other = Other { text: loaded.text(), catalogue: &loaded.catalogue, narrowing };
    let mut outcome = Outcome::default();
    let (runs, left_out) = (&mut outcome.runs, &mut outcome.left_out);
    let faults = each(&arguments.runs, arguments.key.as_deref(), &mut |found, verified, policies| {
        let own = policies.reopen(&found.folder, &verified.events);
        let name = own.map_or_else(|_| String::new(), |(policy, _)| policy.name.to_string());
        if name != loaded.policy.name.as_str() && !found.is_named && !arguments.all_policies {
            *left_out += 1;
            return Ok(());
        }
        let plans = decide(&found.folder, &verified.events, policies, &other)?;
        runs.push(Tried { run: verified.run.clone(), folder: found.folder.clone(), policy: name, plans });
        Ok(())
    })?;
    outcome.faults = faults;
    Ok(outcome)
}

impl Outcome {
    /// Every plan, with its run.
    fn plans(&self) -> impl Iterator<Item = (&Tried, &WhatIf)> {
        self.runs.iter().flat_map(|run| run.plans.iter().map(move |plan| (run, plan)))
    }

    fn changed(&self) -> impl Iterator<Item = (&Tried, &WhatIf)> {
        self.plans().filter(|(_, plan)| plan.recorded != plan.decided)
    }

    /// How many verdicts change, by what they were and what they would be.
    fn changes(&self) -> BTreeMap<(Decided, Decided), usize> {
        let mut changes = BTreeMap::new();
        for (_, plan) in self.changed() {
            *changes.entry((plan.recorded, plan.decided)).or_default() += 1;
        }
        changes
    }

    /// The rules that refuse what would be refused, or halt it, where the verdict changes, each with how many plans.
    fn rules(&self) -> BTreeMap<&'static str, usize> {
        let mut rules = BTreeMap::new();
        for rule in self.changed().flat_map(|(_, plan)| plan.rules()) {
            *rules.entry(rule).or_default() += 1;
        }
        rules
    }

    /// The verdicts that change, as a table, and what they come to.
    fn text(&self, policy: &Path) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["RUN", "ON RECORD", "WHAT IF", "RULES"]);
        let mut is_empty = true;
        for (run, plan) in self.changed() {
            is_empty = false;
            table.add_row([
                printable(&run.name(plan)),
                plan.recorded.as_str().to_owned(),
                plan.decided.as_str().to_owned(),
                rules(plan),
            ]);
        }
        let (all, changed) = (self.plans().count(), self.changed().count());
        let mut text = if is_empty { String::new() } else { format!("{table}\n\n") };
        text.push_str(&format!(
            "{} with {}, by {}: {} would change, {} would stay\n",
            counted(self.runs.len(), "run"),
            counted(all, "plan"),
            printable(&policy.to_string_lossy()),
            counted(changed, "verdict"),
            all - changed
        ));
        for ((recorded, decided), plans) in self.changes() {
            text.push_str(&format!("  {} to {}: {plans}\n", recorded.as_str(), decided.as_str()));
        }
        for (rule, plans) in self.rules() {
            text.push_str(&format!("  by {rule}: {plans}\n"));
        }
        if self.left_out > 0 {
            let left_out = counted(self.left_out, "run");
            text.push_str(&format!("{left_out} of other policies left out: `--all-policies` takes them too\n"));
        }
        text
    }

    fn json(&self, loaded: &Loaded) -> Value {
        let changes = self
            .changes()
            .into_iter()
            .map(|((recorded, decided), plans)| json!({ "recorded": recorded, "verdict": decided, "plans": plans }));
        let rules = self.rules().into_iter().map(|(rule, plans)| json!({ "rule": rule, "plans": plans }));
        json!({
            "policy": { "file": loaded.file, "name": loaded.policy.name, "digest": loaded.policy.digest },
            "summary": {
                "runs": self.runs.len(),
                "plans": self.plans().count(),
                "changed": self.changed().count(),
                "changes": changes.collect::<Vec<_>>(),
                "rules": rules.collect::<Vec<_>>(),
                "left-out": self.left_out,
            },
            "runs": self.runs.iter().map(|run| run.json(loaded)).collect::<Vec<_>>(),
            "faults": self.faults.iter().map(fault_json).collect::<Vec<_>>(),
        })
    }
}

impl Tried {
    /// The run, and which of its plans, if there are several.
    fn name(&self, plan: &WhatIf) -> String {
        let line = if self.plans.len() > 1 { format!(":{}", plan.line) } else { String::new() };
        format!("{}{line}", self.run)
    }

    /// Each step of each plan, with its verdict.
    fn text(&self, policy: &Path) -> String {
        let mut text = String::new();
        for plan in &self.plans {
            text.push_str(&format!(
                "{}: {} on record, {} by {}\n",
                printable(&self.name(plan)),
                plan.recorded.as_str(),
                plan.decided.as_str(),
                printable(&policy.to_string_lossy())
            ));
            for step in &plan.steps {
                text.push_str(&format!("  {} ({}): {}\n", step.id, step.capability, said(step)));
            }
        }
        if self.plans.is_empty() { format!("{}: no plan was decided on\n", printable(&self.run)) } else { text }
    }

    /// Every violation with its place in the record and its line of the policy, for people, on standard error.
    fn tell(&self, loaded: &Loaded) {
        for plan in &self.plans {
            let place = PathBuf::from(format!("{}:{}", self.folder.join("log.jsonl").display(), plan.line));
            report::violations(loaded, &place, &plan.violations);
            for step in &plan.steps {
                report::violations(loaded, &place, &step.violations);
            }
        }
    }

    fn json(&self, loaded: &Loaded) -> Value {
        let step = |step: &StepWhatIf| {
            json!({
                "id": step.id, "capability": step.capability, "verdict": step.decided, "resolved": step.resolved,
                "violations": report::violations_json(loaded, &step.violations),
                "asks": step.asks.iter().map(|ask| json!({ "at": ask.at, "origins": ask.origins, "line": ask.line }))
                    .collect::<Vec<_>>(),
                "depends-on": step.depends_on,
            })
        };
        let plan = |plan: &WhatIf| {
            json!({
                "line": plan.line, "recorded": plan.recorded, "recorded-rules": plan.recorded_rules, "verdict": plan.decided,
                "violations": report::violations_json(loaded, &plan.violations),
                "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
            })
        };
        json!({
            "run": self.run, "record": self.folder, "policy": self.policy,
            "plans": self.plans.iter().map(plan).collect::<Vec<_>>(),
        })
    }
}

/// What refuses a plan; or what no longer does.
fn rules(plan: &WhatIf) -> String {
    let now = plan.rules().into_iter().collect::<Vec<_>>().join(", ");
    if !now.is_empty() || plan.recorded_rules.is_empty() {
        return now;
    }
    let then: Vec<&str> = plan.recorded_rules.iter().map(String::as_str).collect();
    format!("no longer {}", printable(&then.join(", ")))
}

/// What is said of one step, in words.
fn said(step: &StepWhatIf) -> String {
    let listed = |items: &[String]| items.join(", ");
    match step.decided {
        Decided::Refused => {
            let places: Vec<String> =
                step.violations.iter().map(|found| format!("{} at {}", found.rule, found.at)).collect();
            format!("refused: {}", printable(&listed(&places)))
        }
        Decided::Unknown if step.depends_on.is_empty() => "unknown: not all violations are listed".to_owned(),
        Decided::Unknown => {
            let steps: Vec<String> = step.depends_on.iter().map(|step| format!("`{step}`")).collect();
            format!("unknown: it is given what {} would have put out", listed(&steps))
        }
        Decided::NeedsApproval => {
            let places: Vec<String> = step.asks.iter().map(|ask| ask.at.clone()).collect();
            format!("needs-approval: a person is asked at {}", printable(&listed(&places)))
        }
        decided if step.resolved => decided.as_str().to_owned(),
        decided => format!("{}, as far as is known before it starts", decided.as_str()),
    }
}
