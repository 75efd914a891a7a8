//! `claw policy explain`: what a policy lets plans reach and call, who may choose what, and what can flow where.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use claw_policy::label::Admitted;
use claw_policy::limits::{LIMITS, Limits, Quantity, Scope};
use claw_policy::printable::printable;
use claw_policy::{Capability, Folder, Grant, Name, Narrowing, NeverTarget, Policy, Schema, Target};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value, json};

use crate::arguments::PolicyArguments;
use crate::error::{DONE, Error};
use crate::load::{Loaded, Purpose};
use crate::report::{self, names};

/// The most columns of a line.
const WIDTH: u16 = 100;
/// The most origins of one set that are shown.
const ORIGINS_SHOWN: usize = 1;
/// The most characters of an endorsement's reason that are shown.
const BECAUSE_SHOWN: usize = 36;
/// The most capabilities of one flow that are shown.
const CARRIERS_SHOWN: usize = 2;

pub(crate) fn explain(policy: PathBuf, dir: Vec<(String, String)>, json: bool) -> Result<ExitCode, Error> {
    let loaded = Loaded::policy(&PolicyArguments { policy, dir }, &Narrowing::default(), Purpose::Decide)?;
    if json {
        report::print_json(&as_json(&loaded))?;
    } else {
        report::print_text(&as_text(&loaded))?;
    }
    report::warnings(&loaded);
    Ok(ExitCode::from(DONE))
}

fn as_text(loaded: &Loaded) -> String {
    let policy = &loaded.policy;
    let digest: String = policy.digest.chars().take(19).collect();
    let mut text = format!("policy {} ({digest}…)\n", policy.name);
    text.push_str(section(reached(loaded)).trim_start_matches('\n'));
    text.push_str(&section(called(policy)));
    text.push_str(&section(flows(policy)));
    let line = |text: &mut String, begin: &str, rest: &str| text.push_str(&wrapped(&format!("{begin} {rest}")));
    text.push('\n');
    for (name, capability) in &policy.capabilities {
        for endorsement in &capability.endorsements {
            let calls = capability.calls.unwrap_or(policy.steps_max);
            let bits = endorsement.bits() * calls as f64;
            let (at, dropped) = (endorsement.at.join("/"), names(&endorsement.drop));
            let mut because = printable(&endorsement.because);
            if because.chars().count() > BECAUSE_SHOWN {
                because = format!("{}…", because.chars().take(BECAUSE_SHOWN).collect::<String>().trim_end());
            }
            line(&mut text, "endorses", &format!("{name}/{at} without {dropped}, {bits:.0} bits: {because}"));
        }
    }
    line(&mut text, "planner", &planner(policy));
    let proved: Vec<String> = policy.proved.iter().map(ToString::to_string).collect();
    if !proved.is_empty() {
        line(&mut text, "proved  never in any plan:", &proved.join("; "));
    }
    if let Some(order) = order(policy) {
        line(&mut text, "order  ", &order);
    }
    let tasks = policy.tasks.iter().map(|(name, task)| {
        let only = task.only.as_ref().map_or_else(|| "every capability".to_owned(), names);
        format!("{name} keeps {only}")
    });
    let tasks: Vec<String> = tasks.collect();
    if !tasks.is_empty() {
        line(&mut text, "tasks  ", &tasks.join("; "));
    }
    let (session, step) = (limits(&policy.limits, Scope::Session), limits(&policy.limits, Scope::Step));
    line(&mut text, "limits ", &format!("steps {},{session}; each step:{step}", policy.steps_max));
    let silent = if policy.order.strict { "" } else { "whether steps succeed (log2(steps + 1) bits a session); " };
    let uncovered = format!("{silent}time; that what was typed was meant; budgets, new in each session");
    line(&mut text, "labels do not cover", &uncovered);
    text
}

/// A table with an empty line before it.
fn section(table: Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("\n{}\n", lines.join("\n"))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table
}

/// A long line, the rest of it indented.
fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > usize::from(WIDTH) {
            lines.push_str(&line);
            lines.push('\n');
            line = " ".repeat(8);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    format!("{lines}{line}\n")
}

/// What a plan can reach, and what is read from there.
fn reached(loaded: &Loaded) -> Table {
    let policy = &loaded.policy;
    let mut table = table(&["reaches", "", "reads secrets of", "comes from", "takes secrets of"]);
    for (name, grant) in &policy.grants {
        let read = policy.flows.reads.get(name).cloned().unwrap_or_default();
        let accepts = if grant.is_sink() { names(&grant.accepted()) } else { "-".to_owned() };
        table.add_row([
            name.to_string(),
            target(loaded, name, grant),
            names(&read.secrecy),
            origins(&read.origin),
            accepts,
        ]);
    }
    table
}

fn target(loaded: &Loaded, name: &Name, grant: &Grant) -> String {
    match &grant.target {
        Target::Folder(folder) => {
            let written = match &folder.folder {
                Folder::Path(path) => path.clone(),
                Folder::Bind(bind) => format!("--dir {}", bind.bind),
            };
            let made = if loaded.folders.real_path(name).is_none() { " (new)" } else { "" };
            // What is written says where it is, unless a link leads elsewhere.
            let real = loaded.folders.real_path(name).map(|path| path.to_string_lossy().into_owned());
            let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
            let leads = real.filter(|real| last(real) != last(&written) || written.contains(".."));
            let real = leads.map_or_else(|| format!("{written}{made}"), |real| format!("{written} → {real}"));
            let verb = if grant.writes() { "writes" } else { "reads" };
            let files = folder.files.as_ref().map(|files| format!(" {}", files.join(" "))).unwrap_or_default();
            let dotfiles = if folder.dotfiles { " .*" } else { "" };
            printable(&format!("{verb} {real}{files}{dotfiles}"))
        }
        Target::Hosts(hosts) => printable(&hosts.targets().collect::<Vec<_>>().join(" ")),
    }
}

/// Origins as people read them: a policy itself is always one.
fn origins(set: &BTreeSet<Name>) -> String {
    some(set.iter().filter(|origin| origin.as_str() != "policy"), ORIGINS_SHOWN)
}

/// Names of which only some are shown.
fn some<'n>(all: impl IntoIterator<Item = &'n Name>, most: usize) -> String {
    let all: Vec<&Name> = all.into_iter().collect();
    match all.len() {
        count if count > most + 1 => format!("{} and {} more", names(all.into_iter().take(most)), count - most),
        _ => names(all),
    }
}

/// What a plan can call, and who may choose each argument.
fn called(policy: &Policy) -> Table {
    let mut table = table(&["calls", "of", "reaching", "arguments, and who may choose them"]);
    for (name, capability) in &policy.capabilities {
        let mut choosers: Vec<(String, Vec<&str>)> = Vec::new();
        for (name, declared) in &capability.arguments {
            let chosen = chosen(&declared.schema);
            match choosers.iter_mut().find(|(known, _)| *known == chosen) {
                Some((_, arguments)) => arguments.push(name),
                None => choosers.push((chosen, vec![name])),
            }
        }
        let mut arguments: Vec<String> =
            choosers.into_iter().map(|(chosen, arguments)| format!("{} {chosen}", arguments.join(", "))).collect();
        if let Some(calls) = capability.calls {
            arguments.push(format!("{calls} call{}", if calls == 1 { "" } else { "s" }));
        }
        if capability.asks {
            arguments.push("asks each time".to_owned());
        }
        if !capability.inert.is_empty() {
            arguments.push(format!("nothing behind {}", capability.inert.join(", ")));
        }
        let own = LIMITS.iter().filter(|row| capability.limits.get(row.name) != policy.limits.get(row.name));
        let own =
            own.map(|row| format!("{} {}", row.name, Quantity(row.unit, capability.limits.get(row.name).unwrap_or(0))));
        arguments.extend(own);
        let component = capability.component.rsplit('/').next().unwrap_or(&capability.component);
        let component = component.strip_prefix("builtin:").unwrap_or(component);
        let grants = capability.grants.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
        let grants = if grants.is_empty() { "-".to_owned() } else { grants };
        table.add_row([name.to_string(), printable(component), grants, printable(&arguments.join("; "))]);
    }
    table
}

/// Who chooses an argument, and among what: the whole of it, and each part that others may choose.
fn chosen(schema: &Schema) -> String {
    if let Some(constant) = &schema.constant {
        return format!("= {constant}");
    }
    if let Some(input) = &schema.input {
        return format!("= input {input}");
    }
    let (mut own, mut parts) = (choosers(schema), Vec::new());
    parts_chosen(schema, &mut parts);
    if own.is_empty() {
        own = origins(&BTreeSet::from_iter(Name::new("user")));
    }
    let parts = if parts.is_empty() { String::new() } else { format!("; parts: {}", parts.join(", ")) };
    format!("({own}{parts})")
}

/// Who chooses a value, as the schema itself says; nothing where it says nothing.
fn choosers(schema: &Schema) -> String {
    let from = match &schema.from {
        None if schema.options.is_some() || !schema.ask.is_empty() => "user".to_owned(),
        None => String::new(),
        Some(Admitted::Any) => "any".to_owned(),
        // All of them: who may choose is what a policy is read for.
        Some(Admitted::Only(origins)) => names(origins.iter().filter(|origin| origin.as_str() != "policy")),
    };
    let policy_admitted = match &schema.from {
        None | Some(Admitted::Any) => true,
        Some(Admitted::Only(names)) => names.iter().any(|name| name.as_str() == "policy"),
    };
    // Choosing among what the policy lists steers nothing that it did not name.
    let listed = if schema.options.is_some() && policy_admitted { ", planner of a list" } else { "" };
    let ask = if schema.ask.is_empty() { String::new() } else { format!(", asks for {}", names(&schema.ask)) };
    format!("{from}{listed}{ask}")
}

fn parts_chosen(schema: &Schema, parts: &mut Vec<String>) {
    let items = schema.items.as_deref().map(|items| ("*", items));
    let fields = schema.properties.iter().map(|(name, field)| (name.as_str(), field));
    for (name, part) in items.into_iter().chain(fields) {
        let said = match (&part.constant, &part.input) {
            (Some(constant), _) => format!("= {constant}"),
            (_, Some(input)) => format!("= input {input}"),
            _ => choosers(part),
        };
        if !said.is_empty() {
            parts.push(format!("{name} {said}"));
        }
        parts_chosen(part, parts);
    }
}

/// What can flow where: each category of secrets by each place that something can be sent to.
fn flows(policy: &Policy) -> Table {
    let sinks: Vec<&Name> = policy.grants.iter().filter(|(_, grant)| grant.is_sink()).map(|(name, _)| name).collect();
    let targets: Vec<NeverTarget> =
        sinks.iter().map(|sink| NeverTarget::Grant((*sink).clone())).chain([NeverTarget::Planner]).collect();
    let header: Vec<&str> =
        ["secret as"].into_iter().chain(sinks.iter().map(|sink| sink.as_str())).chain(["planner"]).collect();
    let mut table = table(&header);
    for secret in secrets(policy) {
        let cells = targets.iter().map(|target| through(policy, &policy.carriers(&secret, target)));
        let row: Vec<String> = std::iter::once(secret.to_string()).chain(cells).collect();
        table.add_row(row);
    }
    table
}

/// Through which capabilities something flows.
fn through(policy: &Policy, carriers: &[&Name]) -> String {
    let asks = |name: &Name| policy.capabilities.get(name).is_some_and(|capability| capability.asks);
    match carriers {
        [] => "never".to_owned(),
        all if all.iter().all(|name| asks(name)) => format!("asks: {}", names(all.iter().copied())),
        all => some(all.iter().copied(), CARRIERS_SHOWN),
    }
}

/// The categories of secrets of a policy.
fn secrets(policy: &Policy) -> BTreeSet<Name> {
    let read = policy.flows.reads.values().flat_map(|label| &label.secrecy);
    let inputs = policy.inputs.values().flat_map(|input| &input.secrecy);
    read.chain(inputs).cloned().collect()
}

fn planner(policy: &Policy) -> String {
    let shown = &policy.planner;
    let mut text = format!("sees {}, with secrets of {} at most", names(&shown.shows), names(&shown.accepts));
    let context = origins(&policy.flows.context.origin);
    text.push_str(&format!("; what it writes may come from {context}"));
    let closed: Vec<&Name> = policy
        .capabilities
        .iter()
        .filter(|(_, capability)| {
            let sinks = capability.grants.iter().filter_map(|grant| policy.grants.get(grant));
            let mut sinks = sinks.filter(|grant| grant.is_sink());
            sinks.any(|sink| !shown.accepts.is_subset(&sink.accepted()))
        })
        .map(|(name, _)| name)
        .collect();
    if !closed.is_empty() {
        text.push_str(&format!("; once it has seen those, no {}", names(closed)));
    }
    text
}

fn order(policy: &Policy) -> Option<String> {
    let order = &policy.order;
    let before = order.before.iter().map(|pair| format!("{} before {}", pair.first, pair.second));
    let after = order.after.iter().map(|pair| format!("no {} after {}", pair.second, pair.first));
    let strict = order.strict.then(|| "strict: what follows a step must accept its secrecy".to_owned());
    let all: Vec<String> = before.chain(after).chain(strict).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn limits(limits: &Limits, scope: Scope) -> String {
    let rows = LIMITS.iter().filter(|row| row.scope == scope);
    let rows =
        rows.map(|row| format!(" {} {}", row.name, Quantity(row.unit, limits.get(row.name).unwrap_or_default())));
    rows.collect::<Vec<_>>().join(",")
}

fn as_json(loaded: &Loaded) -> Value {
    let policy = &loaded.policy;
    let grants = policy.grants.iter().map(|(name, grant)| {
        let (folder, hosts) = match &grant.target {
            Target::Folder(folder) => (Some(folder), Vec::new()),
            Target::Hosts(hosts) => (None, hosts.targets().collect()),
        };
        let value = json!({
            "folder": loaded.folders.real_path(name), "hosts": hosts,
            "access": folder.map(|_| if grant.writes() { "write" } else { "read" }),
            "secrecy": grant.label.secrecy, "origin": grant.label.origin, "accepts": grant.accepts,
            "reads": policy.flows.reads.get(name),
            "dotfiles": folder.map(|folder| folder.dotfiles), "files": folder.and_then(|folder| folder.files.clone()),
        });
        (name.to_string(), value)
    });
    let capabilities = policy
        .capabilities
        .iter()
        .map(|(name, capability)| (name.to_string(), capability_json(policy, name, capability)));
    let sinks =
        policy.grants.iter().filter(|(_, grant)| grant.is_sink()).map(|(name, _)| NeverTarget::Grant(name.clone()));
    let flows = sinks.chain([NeverTarget::Planner]).flat_map(|target| {
        secrets(policy).into_iter().map(move |secret| {
            let to = match &target {
                NeverTarget::Grant(grant) => grant.to_string(),
                _ => "planner".to_owned(),
            };
            json!({ "secret": secret, "to": to, "through": policy.carriers(&secret, &target) })
        })
    });
    json!({
        "name": policy.name,
        "digest": policy.digest,
        "grants": Value::Object(grants.collect()),
        "capabilities": Value::Object(capabilities.collect()),
        "inputs": policy.inputs.iter().map(|(name, input)| (name.to_string(), Value::Object(input.schema.written.clone()))).collect::<Map<_, _>>(),
        "planner": { "shows": policy.planner.shows, "accepts": policy.planner.accepts, "context": policy.flows.context },
        "flows": flows.collect::<Vec<_>>(),
        "proved": policy.proved.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "warnings": policy.warnings.iter().map(|(line, text)| json!({ "line": line, "message": text })).collect::<Vec<_>>(),
        "tasks": policy.tasks.keys().collect::<Vec<_>>(),
        "strict": policy.order.strict,
        "steps": policy.steps_max,
        "limits": policy.limits,
    })
}

fn capability_json(policy: &Policy, name: &Name, capability: &Capability) -> Value {
    let flow = policy.flows.capabilities.get(name);
    let arguments = capability.arguments.iter().map(|(name, argument)| {
        let value = json!({
            "type": argument.ty, "schema": argument.schema.written, "input": argument.schema.input,
            "from": argument.schema.from.clone().unwrap_or_default().to_string(), "ask": argument.schema.ask,
            "largest": flow.and_then(|flow| flow.arguments.get(name)).map(|traced| &traced.label),
        });
        (name.clone(), value)
    });
    let endorsements = capability.endorsements.iter().map(|endorsement| {
        json!({
            "at": format!("/{}", endorsement.at.join("/")), "drop": endorsement.drop, "because": endorsement.because,
            "bits": endorsement.bits() * capability.calls.unwrap_or(policy.steps_max) as f64,
        })
    });
    json!({
        "component": capability.component, "digest": capability.digest, "function": capability.function,
        "grants": capability.grants, "calls": capability.calls, "approve": capability.asks, "inert": capability.inert,
        "arguments": Value::Object(arguments.collect()), "output": capability.output, "limits": capability.limits,
        "endorsements": endorsements.collect::<Vec<_>>(), "largest": flow.map(|flow| &flow.output.label),
    })
}
