//! `claw policy explain`: what a policy grants, to whom, chosen by whom, within which limits.

use std::path::PathBuf;
use std::process::ExitCode;

use claw_policy::limits::{LIMITS, Limits, Quantity};
use claw_policy::printable::printable;
use claw_policy::{Capability, Name, Narrowing, Policy, Schema};
use serde_json::{Value, json};

use crate::arguments::PolicyArguments;
use crate::error::{DONE, Error};
use crate::load::{Loaded, Purpose};
use crate::report::{self, names};

pub(crate) fn explain(policy: PathBuf, dir: Vec<(String, String)>, json: bool) -> Result<ExitCode, Error> {
    let loaded = Loaded::policy(&PolicyArguments { policy, dir }, &Narrowing::default(), Purpose::Decide)?;
    if json {
        report::print_json(&as_json(&loaded))?;
    } else {
        report::print_text(&as_text(&loaded))?;
    }
    Ok(ExitCode::from(DONE))
}

fn as_text(loaded: &Loaded) -> String {
    let policy = &loaded.policy;
    let mut text = format!("policy {} ({})\n", policy.name, policy.digest);
    text.push_str("\nwhat can be reached\n");
    for (name, grant) in &policy.grants {
        let place = loaded
            .folders
            .real_path(name)
            .map(|path| printable(&path.to_string_lossy()))
            .unwrap_or_else(|| "a folder that a run makes".to_owned());
        text.push_str(&format!("  {name}: {} {place}\n", if grant.writes() { "write" } else { "read " }));
        text.push_str(&format!("    what is read is {}\n", grant.label));
        if grant.writes() {
            let accepts = grant.accepts.union(&grant.label.secrecy);
            text.push_str(&format!("    what is written may be secret as {}\n", names(accepts)));
            text.push_str(&format!(
                "    {}\n",
                grant.folder().map_or_else(String::new, |folder| written(folder.dotfiles, folder.files.as_deref()))
            ));
        }
    }
    text.push_str("\nwhat can be called\n");
    for (name, capability) in &policy.capabilities {
        text.push_str(&capability_text(policy, name, capability));
    }
    for (name, input) in &policy.inputs {
        let schema = Value::Object(input.schema.written.clone());
        text.push_str(&format!("\ninput {name}: {}\n", printable(&schema.to_string())));
    }
    let shows = names(&policy.planner.shows);
    text.push_str(&format!(
        "\nthe planner may see the outputs of {shows}, where they are secret as no more than {}\n",
        names(&policy.planner.accepts)
    ));
    text.push_str(&format!("\nlimits of a session: steps {},", policy.steps_max));
    text.push_str(&limits(&policy.limits, &["written", "files", "log"]));
    text.push_str("\nlimits of a step:");
    text.push_str(&limits(&policy.limits, &["fuel", "time", "memory", "open-files", "host-calls", "output-bytes"]));
    text.push_str("\nlimits of a plan:");
    text.push_str(&limits(&policy.limits, &["plan-steps", "plan-bytes", "plan-depth"]));
    text.push('\n');
    text
}

fn capability_text(policy: &Policy, name: &Name, capability: &Capability) -> String {
    let mut text = format!("  {name}: {} of {}\n", printable(&capability.function), printable(&capability.component));
    for (grant_name, grant, mount) in capability.mounts(&policy.grants) {
        text.push_str(&format!(
            "    {} {grant_name}, as {mount}\n",
            if grant.access == claw_policy::Access::Write { "reads and writes" } else { "reads" }
        ));
    }
    if !capability.inert.is_empty() {
        text.push_str(&format!("    with nothing behind {}\n", printable(&capability.inert.join(", "))));
    }
    if capability.grants.is_empty() {
        text.push_str("    reaches nothing\n");
    }
    for (argument, declared) in &capability.arguments {
        text.push_str(&format!("    {argument}: {}, {}\n", declared.ty, chosen(&declared.schema)));
    }
    if let Some(calls) = capability.calls {
        text.push_str(&format!("    calls in a session: {calls}\n"));
    }
    let own = LIMITS.iter().filter(|row| capability.limits.get(row.name) != policy.limits.get(row.name));
    let own: Vec<&str> = own.map(|row| row.name).collect();
    if !own.is_empty() {
        text.push_str(&format!("    limits of its own:{}\n", limits(&capability.limits, &own)));
    }
    text
}

/// Who chooses an argument, and among what.
fn chosen(schema: &Schema) -> String {
    if let Some(constant) = &schema.constant {
        return format!("always {}", printable(&constant.to_string()));
    }
    if let Some(input) = &schema.input {
        return format!("always the input `{input}`");
    }
    let from = schema.from.clone().unwrap_or_default();
    let mut rest = schema.written.clone();
    rest.remove("type");
    let rest =
        if rest.is_empty() { String::new() } else { format!(", {}", printable(&Value::Object(rest).to_string())) };
    format!("chosen by {from}{rest}")
}

fn written(dotfiles: bool, files: Option<&[String]>) -> String {
    let files = files
        .map_or_else(|| "any file".to_owned(), |files| format!("files that match {}", printable(&files.join(", "))));
    format!(
        "{files} can be written{}",
        if dotfiles { ", also names that start with a dot" } else { ", but no name that starts with a dot" }
    )
}

fn limits(limits: &Limits, shown: &[&str]) -> String {
    let rows = LIMITS.iter().filter(|row| shown.contains(&row.name));
    let rows =
        rows.map(|row| format!(" {} {}", row.name, Quantity(row.unit, limits.get(row.name).unwrap_or_default())));
    rows.collect::<Vec<_>>().join(",")
}

fn as_json(loaded: &Loaded) -> Value {
    let policy = &loaded.policy;
    let grants = policy.grants.iter().map(|(name, grant)| {
        let value = json!({
            "folder": loaded.folders.real_path(name), "access": if grant.writes() { "write" } else { "read" },
            "secrecy": grant.label.secrecy, "origin": grant.label.origin, "accepts": grant.accepts,
            "dotfiles": grant.folder().map(|folder| folder.dotfiles), "files": grant.folder().map(|folder| &folder.files),
        });
        (name.to_string(), value)
    });
    let capabilities = policy.capabilities.iter().map(|(name, capability)| {
        let arguments = capability.arguments.iter().map(|(name, argument)| {
            let value = json!({
                "type": argument.ty, "schema": argument.schema.written, "input": argument.schema.input,
                "from": argument.schema.from.clone().unwrap_or_default().to_string(),
            });
            (name.clone(), value)
        });
        let value = json!({
            "component": capability.component, "digest": capability.digest, "function": capability.function,
            "grants": capability.grants, "calls": capability.calls, "inert": capability.inert,
            "arguments": Value::Object(arguments.collect()), "output": capability.output, "limits": capability.limits,
        });
        (name.to_string(), value)
    });
    json!({
        "name": policy.name,
        "digest": policy.digest,
        "grants": Value::Object(grants.collect()),
        "capabilities": Value::Object(capabilities.collect()),
        "inputs": policy.inputs.iter().map(|(name, input)| (name.to_string(), Value::Object(input.schema.written.clone()))).collect::<serde_json::Map<_, _>>(),
        "planner": { "shows": policy.planner.shows, "accepts": policy.planner.accepts },
        "steps": policy.steps_max,
        "limits": policy.limits,
    })
}
