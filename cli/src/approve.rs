//! A person is asked about what a plan wants to do, at a terminal.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use claw_audit::ApprovedBy;
use claw_policy::printable::printable;
use claw_policy::{Grant, Label, Name, Policy, Question, Target};
use claw_runtime::{Consent, Nobody, Person, Stage};

use crate::ambient::{self, Typed};
use crate::error::Error;
use crate::prepared::Prepared;
use crate::report::names;

/// The most characters of a value that are shown of its beginning, and of its end.
const SHOWN: (usize, usize) = (400, 100);

/// Whoever can say yes here: files that were prepared, else who is at the terminal, else nobody.
pub(crate) fn person<'p>(policy: &'p Policy, prepared: &[PathBuf]) -> Result<Box<dyn Person + 'p>, Error> {
    Ok(if !prepared.is_empty() {
        Box::new(Prepared::read(prepared)?)
    } else if ambient::can_ask() {
        Box::new(Terminal { policy, interrupt: ambient::interrupt()? })
    } else {
        Box::new(Nobody)
    })
}

/// Who is at the terminal.
struct Terminal<'p> {
    policy: &'p Policy,
    interrupt: OwnedFd,
}

impl Person for Terminal<'_> {
    fn allows(&mut self, stage: Stage, questions: &[Question]) -> Consent {
        let (what, ask) = match stage {
            Stage::Plan => (
                "No rule refuses this plan, and the policy wants a person to say yes to it:",
                "Type yes and Enter to run the plan. Anything else refuses it.",
            ),
            Stage::Step => (
                "The plan has come to a step that you are asked about again, now that all it is given is known:",
                "Type yes and Enter to run the step. Anything else halts the plan here.",
            ),
        };
        // What was typed before the question is no answer to it.
        ambient::drop_typed();
        tell!("\n{what}");
        let mut last = None;
        for question in questions {
            // Once a step, with all that is asked of it.
            if last.replace(&question.step) != Some(&question.step) {
                let of_step = questions.iter().filter(|other| other.step == question.step);
                lines(self.policy, question, of_step).iter().for_each(|line| tell!("{line}"));
            }
        }
        tell!("{ask}");
        match ambient::read_line(self.interrupt.as_fd()) {
            Typed::Line(line) if line.trim_end_matches(['\n', '\r']) == "yes" => Consent::Yes(ApprovedBy::Terminal),
            Typed::Line(_) => Consent::No,
            Typed::Interrupt => Consent::Interrupt,
        }
    }
}

/// What is asked of one step. Everything in it that is not claw's is quoted, on one line, in characters that stay in it.
fn lines<'q>(policy: &Policy, question: &Question, asked: impl Iterator<Item = &'q Question>) -> Vec<String> {
    let capability = policy.capabilities.get(question.capability.as_str());
    let mut lines = vec![format!("\n  The step {} calls {}.", question.step, question.capability)];
    for (name, value) in question.arguments.iter() {
        let label = question.labels.get(name).cloned().unwrap_or_default();
        let text = value.to_string();
        lines.push(format!("    {} = {}", printable(name), shown(&text)));
        if let Some(plain) = look_alike(&text) {
            lines.push(format!("      it has other letters than a to z; spelled out: {plain}"));
        }
        if let Some(step) = question.open.get(name) {
            lines.push(format!("      what {step} gives is not known yet: you are asked again when it is"));
        }
        lines.push(format!("      {}", in_words(&label)));
    }
    for grant in capability.iter().flat_map(|capability| &capability.grants) {
        lines
            .extend(policy.grants.get(grant).and_then(|found| touched(grant, found)).map(|line| format!("    {line}")));
    }
    for question in asked {
        let why = match question.origins.is_empty() {
            true => "the policy asks before each call of it".to_owned(),
            false => format!("{} is chosen by {}", printable(&question.at), names(&question.origins)),
        };
        lines.push(format!("    Asked, since {why} (line {} of the policy).", question.line));
    }
    lines
}

/// What a step can change or send to, in words.
fn touched(name: &Name, grant: &Grant) -> Option<String> {
    if !grant.is_sink() {
        return None;
    }
    Some(match &grant.target {
        Target::Folder(_) => format!("It can write into the folder {name}."),
        Target::Hosts(_) => format!("It can send to {name}."),
    })
}

fn in_words(label: &Label) -> String {
    let chosen = match label.origin.is_empty() {
        true => "chosen by nobody".to_owned(),
        false => {
            let who = label.origin.iter().map(|origin| match origin.as_str() {
                "planner" => "the planner",
                "user" => "you",
                "task" => "you, in the task",
                "file" => "a file of yours",
                "policy" => "the policy",
                other => other,
            });
            format!("chosen by {}", who.collect::<Vec<_>>().join(", "))
        }
    };
    let secret =
        if label.secrecy.is_empty() { String::new() } else { format!("; secret of {}", names(&label.secrecy)) };
    format!("{chosen}{secret}")
}

/// A value's JSON on one line; of a long one the beginning and the end, and how long it is.
fn shown(text: &str) -> String {
    let count = text.chars().count();
    if count <= SHOWN.0 + SHOWN.1 {
        return printable(text);
    }
    let (head, tail) = (text.chars().take(SHOWN.0), text.chars().skip(count - SHOWN.1));
    let (head, tail) = (head.collect::<String>(), tail.collect::<String>());
    format!("{} [… of {count} characters, the last are:] {}", printable(&head), printable(&tail))
}

/// The same with each letter beyond ASCII as its number, where it has any: `а` is not `a`.
fn look_alike(text: &str) -> Option<String> {
    let spelled = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    (!text.is_ascii()).then(|| shown(&text.chars().map(spelled).collect::<String>()))
}
