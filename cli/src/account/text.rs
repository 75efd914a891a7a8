//! What a record tells of its run, for people: at most a hundred columns wide.

use std::fmt::Write as _;

use claw_audit::{Approval, ApprovedBy, Call, Exchange, Status, Told, Verdict, Violation};
use claw_policy::limits::{Quantity, Unit};
use claw_policy::printable::printable;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use serde_json::Value;

use super::planner::ToldOf;
use super::{Account, PathUse, PlanReceived, PlannerUsed, Saying, StepStatus, StepTaken, WorkerWord};

/// The most columns of a line, and those that a step's rows are moved to the right.
const WIDTH: u16 = 100;
const INDENT: u16 = 4;
/// The most characters of a value, and of a plan that cannot be read, that are shown.
const VALUE_SHOWN: usize = 200;
const PLAN_SHOWN: usize = 1_000;
/// The most paths of one step that are shown in summary.
const PATHS_SHOWN: usize = 20;

/// A name, and what there is to say of it.
type Row = (String, String);

impl Account {
    /// The whole of it as text. With `calls`, each call to the host has a line.
    pub(crate) fn to_text(&self, calls: bool) -> String {
        let mut text = format!("run {}: {}\n", printable(&self.run), self.ended());
        text.push_str(&rows(self.facts()));
        for (number, plan) in self.plans.iter().enumerate() {
            let which = if self.plans.len() > 1 { format!("plan {}", number + 1) } else { "plan".to_owned() };
            let _is_text = write!(text, "\n{which}: {}\n", plan.decided());
            text.push_str(&rows(plan.facts()));
            for (number, step) in plan.steps.iter().enumerate() {
                let _is_text = writeln!(text, "  {}. {}", number + 1, step.title());
                text.push_str(&rows(step.facts(calls)));
            }
            if let Some(answer) = &plan.answer {
                let _is_text = writeln!(text, "  answer: {}", printable(&cut(answer)));
            }
        }
        // On a line of its own, however long it is: it is there to be copied.
        let _is_text = write!(text, "\nrecord: {}\n", printable(&self.record.to_string_lossy()));
        text
    }

    fn ended(&self) -> &'static str {
        match self.status {
            Some(Status::Completed) => "completed, every step is done",
            Some(Status::Refused) => "refused, nothing of the plan has run",
            Some(Status::Failed) => "failed, no later step has run",
            Some(Status::Halted) => "halted by a rule, no later step has run",
            Some(Status::Interrupted) => "interrupted, no later step has run",
            None => "unfinished, it was cut off or goes on",
        }
    }

    fn facts(&self) -> Vec<Row> {
        let took = self.ms.map(|ms| format!(", for {}", Quantity(Unit::Milliseconds, ms))).unwrap_or_default();
        let policy = &self.policy;
        let digest: String = policy.digest.chars().take(19).collect();
        let task = policy.task.as_ref().map(|task| format!(", kept to its task `{task}`")).unwrap_or_default();
        let only = if policy.only.is_empty() { String::new() } else { format!(", kept to {}", policy.only.join(", ")) };
        let mut facts = vec![
            row("opened", format!("{}{took}", self.opened)),
            row("policy", format!("{} ({digest}…){task}{only}", policy.name)),
            row("by", format!("claw {}, {}", self.host.claw, self.host.platform)),
            row("verified", format!("{} lines, all as they were written", self.events)),
        ];
        facts.extend(self.notes.iter().map(|note| row("", note)));
        facts.extend(self.inputs.iter().map(|(name, input)| {
            let value = input.value.as_ref().map(|value| format!(" = {}", cut(value))).unwrap_or_default();
            row("input", format!("{name}{value} ({})", input.label))
        }));
        facts.extend(self.task.as_ref().map(|task| row("task", shown(task, VALUE_SHOWN))));
        facts.extend(self.planner.iter().flat_map(PlannerUsed::facts));
        named_once(facts)
    }
}

impl PlannerUsed {
    fn facts(&self) -> Vec<Row> {
        let tokens = self.prompt_tokens.saturating_add(self.reply_tokens);
        let tokens = if tokens > 0 { format!(", {} tokens", Quantity(Unit::Count, tokens)) } else { String::new() };
        let times = if self.prompts == 1 { "once".to_owned() } else { format!("{} times", self.prompts) };
        let mut facts = vec![row("planner", format!("{}, asked {times}{tokens}", self.name))];
        let told = |of: &ToldOf| match of.told {
            Told::Shown => format!("{}: what it gave", of.step),
            Told::Handle => format!("{}: whether it succeeded", of.step),
            Told::Silent => format!("{}: nothing", of.step),
        };
        facts.extend(self.told.iter().map(|of| row("told", told(of))));
        facts.extend(self.said.iter().filter_map(Saying::fact));
        facts.extend(self.answer.as_ref().map(|answer| row("answer", cut(answer))));
        facts.extend(self.ended.map(|why| match self.message.as_str() {
            "" => row("ended", why.as_str()),
            message => row("ended", format!("{}: {message}", why.as_str())),
        }));
        facts
    }
}

impl Saying {
    fn fact(&self) -> Option<Row> {
        let text = self.text.as_ref()?;
        let cut = if self.cut { " (cut)" } else { "" };
        Some(match self.by {
            "none" => row("no reply", text),
            by => row(by, format!("{}{cut}", shown(text, PLAN_SHOWN))),
        })
    }
}

impl PlanReceived {
    fn decided(&self) -> String {
        let count = self.violations.len();
        let count = format!("{count} violation{}", if count == 1 { "" } else { "s" });
        match self.verdict {
            Some(Verdict::Accepted) => "accepted".to_owned(),
            Some(Verdict::NeedsApproval) if self.approvals.is_empty() => {
                "needs an approval, and nobody gave it".to_owned()
            }
            Some(Verdict::NeedsApproval) => "needs an approval, and a person gave it".to_owned(),
            Some(Verdict::Refused) => format!("refused, {count}"),
            None => "received, and no verdict is on record".to_owned(),
        }
    }

    fn facts(&self) -> Vec<Row> {
        let mut facts = Vec::new();
        if self.steps.is_empty() {
            let kind = if self.base64 { "in base64" } else { "text" };
            facts.push(row(kind, shown(&self.text, PLAN_SHOWN)));
        }
        facts.extend(self.violations.iter().flat_map(|violation| violated("refused", violation)));
        let by = |approval: &Approval| match approval.by {
            ApprovedBy::Terminal => "at a terminal",
            ApprovedBy::File => "by a prepared file",
        };
        facts.extend(self.approvals.iter().map(|one| row("allowed", format!("the step `{}`, {}", one.step, by(one)))));
        let halts = self.halt.iter().flat_map(|halt| &halt.violations);
        facts.extend(halts.flat_map(|violation| violated("halted", violation)));
        named_once(facts)
    }
}

/// The rule and what it refuses, and below it where.
fn violated(what: &str, violation: &Violation) -> [Row; 2] {
    let Violation { rule, step, at, message, line } = violation;
    let at = if at.is_empty() { "of the whole".to_owned() } else { format!("at {at}") };
    let step = step.as_ref().map(|step| format!(", step `{step}`")).unwrap_or_default();
    let line = line.map(|line| format!(", line {line} of the policy")).unwrap_or_default();
    [row(what, format!("{rule}: {message}")), row(what, format!("  {at}{step}{line}"))]
}

impl StepTaken {
    fn title(&self) -> String {
        let ms = self.ms.map(|ms| format!(", {ms:.1} ms")).unwrap_or_default();
        let status = match self.status {
            StepStatus::NotStarted => "not started",
            StepStatus::Unknown => "outcome unknown",
            StepStatus::Done => "done",
            StepStatus::Failed => "failed",
        };
        printable(&format!("{} ({}): {status}{ms}", self.id, self.capability))
    }

    fn facts(&self, calls: bool) -> Vec<Row> {
        let mut facts = Vec::new();
        match &self.arguments {
            Value::Null => {}
            Value::Object(arguments) => {
                facts.extend(arguments.iter().map(|(name, value)| row("given", format!("{name} = {}", cut(value)))));
            }
            other => facts.push(row("given", cut(other))),
        }
        facts.extend(self.resolved.as_ref().map(|resolved| row("resolved", cut(resolved))));
        if self.status == StepStatus::Unknown {
            let held = if self.grants.is_empty() { "no grant".to_owned() } else { self.grants.join(", ") };
            facts.push(row("unknown", format!("it started, holding {held}; how it ended is not on record")));
        }
        facts.extend(self.failure.as_ref().map(|why| row("failed", format!("{}: {}", why.kind, why.message))));
        facts.extend(self.label.as_ref().map(|label| row("label", label)));
        facts.extend(self.output.as_ref().map(|output| row("output", cut(output))));
        facts.extend(self.exchanges.iter().map(|exchange| row("request", exchanged(exchange))));
        facts.extend(self.worker_says.told(calls).into_iter().map(|told| row("worker says", told)));
        named_once(facts)
    }
}

/// A request or a connection that claw made, and what came of it.
fn exchanged(exchange: &Exchange) -> String {
    let Exchange { method, url, sent, grant, address, status, received, outcome, .. } = exchange;
    let body = if *sent > 0 { format!(" with {}", Quantity(Unit::Bytes, *sent)) } else { String::new() };
    let answer = match (status, address) {
        (Some(status), Some(address)) => format!("{status}, {} from {address}", Quantity(Unit::Bytes, *received)),
        // A connection has no status.
        (None, Some(_)) => format!("{outcome}, {} came", Quantity(Unit::Bytes, *received)),
        _ => outcome.clone(),
    };
    let by = grant.as_ref().map(|grant| format!(", by `{grant}`")).unwrap_or_default();
    format!("{method} {url}{body}: {answer}{by}")
}

impl WorkerWord {
    fn told(&self, calls: bool) -> Vec<String> {
        let counts = [
            self.fuel.map(|fuel| format!("fuel {}", Quantity(Unit::Fuel, fuel))),
            self.memory.map(|memory| format!("memory {}", HumanBytes(memory))),
            self.written.filter(|written| *written > 0).map(|written| format!("{} written", HumanBytes(written))),
            self.files.filter(|files| *files > 0).map(|files| format!("{files} made")),
        ];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        let mut told = if counts.is_empty() { Vec::new() } else { vec![counts.join(", ")] };
        let shown = if calls { 0 } else { PATHS_SHOWN };
        told.extend(self.paths.iter().take(shown).map(PathUse::told));
        if calls {
            told.extend(self.calls.iter().map(call));
        } else if self.paths.len() > shown {
            told.push(format!("and {} more paths: see `--calls`", self.paths.len() - shown));
        }
        if self.calls_left_out > 0 {
            told.push(format!("and {} more calls, which are not on record", self.calls_left_out));
        }
        told
    }
}

impl PathUse {
    fn told(&self) -> String {
        let times = |what: &str, count: u64| match count {
            0 => None,
            1 => Some(what.to_owned()),
            count => Some(format!("{what} {count} times")),
        };
        let bytes = |what: &str, bytes: u64| (bytes > 0).then(|| format!("{what} {}", HumanBytes(bytes)));
        let mut told: Vec<String> = [
            times("listed", self.listed),
            times("opened", self.opened),
            bytes("read", self.read),
            bytes("wrote", self.written),
            bytes("spliced", self.spliced),
            times("made", self.made),
            times("changed", self.changed),
            times("removed", self.removed),
        ]
        .into_iter()
        .flatten()
        .collect();
        told.extend(self.renamed.iter().map(|to| format!("renamed to {to}")));
        told.extend(self.refused.iter().filter_map(|(error, count)| times(&format!("not done ({error})"), *count)));
        if told.is_empty() {
            told.push("looked at".to_owned());
        }
        format!("{}: {}", self.path, told.join(", "))
    }
}

/// One call: `open-at /a.md: ok`.
fn call(call: &Call) -> String {
    let function = call.function.rsplit('#').next().unwrap_or_default().replace("[method]", "");
    let subject = call.subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default();
    let to = call.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let bytes = call.bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
    format!("{function}{subject}{to}{bytes}: {}", call.outcome)
}

fn row(name: &str, text: impl ToString) -> Row {
    (name.to_owned(), text.to_string())
}

/// The name of rows that follow each other stands at the first of them.
fn named_once(mut rows: Vec<Row>) -> Vec<Row> {
    let mut last = String::new();
    for (name, _) in &mut rows {
        if *name == last { name.clear() } else { last.clone_from(name) }
    }
    rows
}

/// Rows under each other, all text of strangers escaped.
fn rows(rows: Vec<Row>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH - INDENT);
    table.add_rows(rows.into_iter().map(|(name, text)| [name, printable(&text)]));
    let indent = " ".repeat(INDENT.into());
    table.lines().map(|line| format!("{indent}{}\n", line.trim_end())).collect()
}

/// A value as JSON on one line, or its beginning.
fn cut(value: &Value) -> String {
    shown(&value.to_string(), VALUE_SHOWN)
}

fn shown(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    format!("{}… (of {count} characters)", text.chars().take(most).collect::<String>())
}
