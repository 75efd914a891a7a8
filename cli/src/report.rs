//! What people and programs are told: refusals with their source, and one JSON document with `--json`.

use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use claw_audit::Status;
use claw_policy::fault::line_of;
use claw_policy::printable::{printable, printable_lines};
use claw_policy::{LoadError, Name, Question, Violation};
use serde::Serialize;
use serde_json::{Value, json};

use crate::ambient;
use crate::error::{DONE, Error, Input, UNUSABLE};
use crate::load::Loaded;

/// The widest that reports are wrapped to.
const WIDTH: usize = 100;

/// A violation as `--json` shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ViolationJson<'v> {
    rule: &'v str,
    step: Option<&'v str>,
    at: &'v str,
    message: &'v str,
    help: Option<&'v str>,
    policy: Option<PolicyPlace>,
}

#[derive(Debug, Serialize)]
struct PolicyPlace {
    file: String,
    line: usize,
}

/// The violations as `--json` shows them.
pub(crate) fn violations_json<'v>(loaded: &Loaded, violations: &'v [Violation]) -> Vec<ViolationJson<'v>> {
    let file = loaded.file.to_string_lossy();
    let violations = violations.iter().map(|violation| ViolationJson {
        rule: violation.rule,
        step: violation.step.as_deref(),
        at: &violation.at,
        message: &violation.message,
        help: violation.help.as_deref(),
        policy: violation.line.map(|line| PolicyPlace { file: file.to_string(), line }),
    });
    violations.collect()
}

/// Prints violations for people, each with the line of the policy that decides.
pub(crate) fn violations(loaded: &Loaded, plan: &Path, violations: &[Violation]) {
    let text = masked(loaded.text());
    for violation in violations {
        let title = Level::ERROR.primary_title(printable(&violation.message)).id(violation.rule);
        let mut group = Group::with_title(title);
        group = group.element(origin(plan, violation));
        if let Some(span) = violation.line.and_then(|line| line_span(loaded.text(), line)) {
            let path = printable(&loaded.file.to_string_lossy());
            group =
                group.element(Snippet::source(text.as_str()).path(path).annotation(AnnotationKind::Primary.span(span)));
        }
        if let Some(help) = &violation.help {
            group = group.element(Level::HELP.message(printable(help)));
        }
        show(group);
    }
}

/// Prints what the author of a policy should look at.
pub(crate) fn warnings(loaded: &Loaded) {
    let text = masked(loaded.text());
    for (line, warning) in &loaded.policy.warnings {
        let mut group = Group::with_title(Level::WARNING.primary_title(printable(warning)).id("policy.target"));
        if let Some(span) = line_span(loaded.text(), *line) {
            let path = printable(&loaded.file.to_string_lossy());
            group =
                group.element(Snippet::source(text.as_str()).path(path).annotation(AnnotationKind::Primary.span(span)));
        }
        show(group.element(Level::HELP.message("leave that origin out of `from`, if it is not meant to steer")));
    }
}

/// Prints what a person has to be asked.
pub(crate) fn questions(loaded: &Loaded, questions: &[Question]) {
    let text = masked(loaded.text());
    let mut shown = None;
    for question in questions {
        let what = match question.origins.is_empty() {
            true => format!("the step `{}` asks before each call", question.step),
            false => format!("this value comes from {}", names(&question.origins)),
        };
        let title = Level::WARNING.primary_title(format!("{what}: a person has to say yes")).id("approval.needed");
        let mut group = Group::with_title(title);
        group = group.element(Level::NOTE.message(format!("at {}, step `{}`", printable(&question.at), question.step)));
        if let Some(span) = line_span(loaded.text(), question.line) {
            let path = printable(&loaded.file.to_string_lossy());
            group =
                group.element(Snippet::source(text.as_str()).path(path).annotation(AnnotationKind::Primary.span(span)));
        }
        // What all questions of a step are about is shown once.
        let is_new = shown.replace(&question.step) != Some(&question.step);
        for (name, value) in question.arguments.iter().filter(|_| is_new) {
            let label = question.labels.get(name).map(|label| format!(" ({label})")).unwrap_or_default();
            group = group.element(Level::NOTE.message(printable(&format!("{name} = {value}{label}"))));
        }
        show(group);
    }
}

/// How a run ended, as `--json` has it: a plan that is not refused by a rule needs an approval.
pub(crate) fn status(status: Status, questions: &[Question]) -> &'static str {
    match status {
        Status::Refused if !questions.is_empty() => "needs-approval",
        status => status.as_str(),
    }
}

/// Names as people read them.
pub(crate) fn names<'n>(names: impl IntoIterator<Item = &'n Name>) -> String {
    let names: Vec<&str> = names.into_iter().map(Name::as_str).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn origin<'a>(plan: &Path, violation: &Violation) -> annotate_snippets::Message<'a> {
    let place = if violation.at.is_empty() { String::new() } else { format!(" at {}", printable(&violation.at)) };
    let step = violation.step.as_ref().map(|step| format!(", step `{}`", printable(step))).unwrap_or_default();
    Level::NOTE.message(format!("in {}{place}{step}", printable(&plan.to_string_lossy())))
}

fn show(group: Group<'_>) {
    let report = [group];
    // `anstream` takes the colours out where nobody would see them.
    let text = Renderer::styled().term_width(WIDTH).render(&report);
    tell!("{text}\n");
}

/// A text whose hostile characters are `?`, each as long as before, so that places in it stay what they are.
fn masked(text: &str) -> String {
    let mask = |c: char| {
        if c == '\n' || printable(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            c.to_string()
        } else {
            "?".repeat(c.len_utf8())
        }
    };
    text.chars().map(mask).collect()
}

/// The bytes of a line of a text, without its indentation.
fn line_span(text: &str, line: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for (number, content) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            let shown = content.trim();
            let indent = content.len() - content.trim_start().len();
            return Some(start + indent..start + indent + shown.len());
        }
        start += content.len();
    }
    None
}

/// Prints why a command did nothing, or stopped.
pub(crate) fn error(error: &Error, json: bool) {
    if json {
        let _nobody_listens = print_json(&json!({ "error": error_json(error) }));
    }
    match error {
        Error::Own { message, help } => plain("error", message, Some(help)),
        Error::Input(Input { rule, message, help, .. }) => plain(&format!("error[{rule}]"), message, help.as_deref()),
        Error::Policy { file, text, errors } => {
            for error in errors {
                load_error(file, text, error);
            }
        }
    }
}

fn plain(title: &str, message: &str, help: Option<&str>) {
    tell!("{title}: {}", printable_lines(message));
    if let Some(help) = help {
        tell!("  help: {}", printable_lines(help));
    }
}

pub(crate) fn load_error(file: &Path, text: &str, error: &LoadError) {
    let path = printable(&file.to_string_lossy());
    let title = Level::ERROR.primary_title(printable_lines(&error.message)).id(error.rule);
    let mut group = Group::with_title(title);
    let span = error.span.start.min(text.len())..error.span.end.min(text.len());
    group = group.element(Snippet::source(masked(text)).path(path).annotation(AnnotationKind::Primary.span(span)));
    if let Some(help) = &error.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    show(group);
}

fn error_json(error: &Error) -> Value {
    match error {
        Error::Own { message, help } => {
            json!({ "rule": "own", "file": null, "line": null, "at": null, "message": message, "help": help })
        }
        Error::Input(Input { rule, file, message, help }) => {
            json!({ "rule": rule, "file": file, "line": null, "at": null, "message": message, "help": help })
        }
        Error::Policy { file, text, errors } => {
            let each = |error: &LoadError| {
                json!({
                    "rule": error.rule, "file": file, "line": line_of(text, error.span.start), "at": null,
                    "message": error.message, "help": error.help,
                })
            };
            let mut first = errors.first().map(each).unwrap_or(Value::Null);
            if let (Some(object), [_, rest @ ..]) = (first.as_object_mut(), errors.as_slice()) {
                object.insert("more".to_owned(), Value::Array(rest.iter().map(each).collect()));
            }
            first
        }
    }
}

/// Says what is wrong with the command line; help that was asked for is no error.
pub(crate) fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if json && error.use_stderr() {
        let message = error.render().to_string();
        let usage = Error::input("usage", message.trim_end()).help("see `claw --help`");
        let _nobody_listens = print_json(&json!({ "error": error_json(&usage) }));
    } else {
        let text = error.render().to_string();
        // An argument can be a file's name that a shell put there. Only what is harmless is printed in colours.
        match printable_lines(&text).replace('\t', "\\t") {
            shown if shown == text => drop(error.print()),
            shown => tell!("{}", shown.trim_end()),
        }
    }
    ExitCode::from(if error.use_stderr() { UNUSABLE } else { DONE })
}

/// Prints the one JSON document of `--json`: what could move a terminal's cursor stands in it as `\u` and digits.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(document).map_err(std::io::Error::from)?;
    print(&claw_policy::printable::printable_json(&text))
}

/// Prints a text on standard output. At a terminal what could move its cursor is escaped.
pub(crate) fn print_text(text: &str) -> Result<(), Error> {
    if ambient::stdout_is_terminal() { print(&printable_lines(text)) } else { print(text) }
}

fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let line_feed: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(line_feed)).and_then(|()| out.flush()) {
        // A reader that has gone away wants no more.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => {
            other.map_err(|error| Error::own(format!("standard output cannot be written: {error}"), "make room for it"))
        }
    }
}
