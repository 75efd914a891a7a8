//! `claw policy new`: a first policy for components, with comments; it loads, and it runs.

use std::process::ExitCode;

use claw_policy::Name;
use claw_policy::catalogue::{Authority, Component};
use serde_json::json;

use crate::command::capability_inspect::component;
use crate::error::{DONE, Error};
use crate::report;

pub(crate) fn new(names: &[String], json: bool) -> Result<ExitCode, Error> {
    let mut capabilities = Vec::new();
    for name in names {
        let component = component(name)?;
        if let Some(import) = component.imports.iter().find(|import| import.authority == Authority::Unknown) {
            let message = format!("`{name}` imports `{}`, which this claw gives nobody", import.name);
            return Err(Error::input("component.import", message).help("see `claw capability inspect`"));
        }
        capabilities.push(Wanted {
            capability: capability_name(name, &capabilities)?,
            component_name: name.clone(),
            component,
        });
    }
    let text = policy(&capabilities);
    if json {
        report::print_json(&json!({ "policy": text }))?;
    } else {
        report::print_text(&text)?;
    }
    Ok(ExitCode::from(DONE))
}

struct Wanted {
    capability: Name,
    component_name: String,
    component: Component,
}

impl Wanted {
    fn uses_folders(&self) -> bool {
        self.component.imports.iter().any(|import| import.authority == Authority::Folders)
    }

    fn uses_network(&self) -> bool {
        self.component.imports.iter().any(|import| import.authority == Authority::Network)
    }

    fn writes(&self) -> bool {
        self.component.writes()
    }
}

/// `builtin:read-file` becomes `read-file`, `tools/Thumb Nail.wasm` becomes `thumb-nail`.
fn capability_name(component: &str, taken: &[Wanted]) -> Result<Name, Error> {
    let last = component.rsplit(['/', ':']).next().unwrap_or(component);
    let stem = last.strip_suffix(".wasm").unwrap_or(last).to_ascii_lowercase();
    let letters: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(60).collect();
    let base = letters.trim_start_matches(|c: char| !c.is_ascii_lowercase()).to_owned();
    let base = if base.is_empty() { "component".to_owned() } else { base };
    let mut name = base.clone();
    let mut number = 2;
    while taken.iter().any(|wanted| wanted.capability.as_str() == name) || ["input", "output"].contains(&name.as_str())
    {
        name = format!("{base}-{number}");
        number += 1;
    }
    Name::new(&name).map_err(|error| Error::own(error.to_string(), "rename the component's file"))
}

fn policy(capabilities: &[Wanted]) -> String {
    let reads = capabilities.iter().any(|wanted| wanted.uses_folders() && !wanted.writes());
    let writes = capabilities.iter().any(Wanted::writes);
    let mut text = String::from(
        "# What a planner may have done. Nothing that is not written here is allowed.\n\
         # `claw policy explain` says in words what this policy allows.\n\
         claw = 1\n\
         name = \"first\"\n",
    );
    if reads {
        text.push_str(
            "\n# A folder, seen from the folder that this file is in. What is read from it is labelled `input`.\n\
             [grant.input]\ndir = \".\"\naccess = \"read\"\n",
        );
    }
    if writes {
        text.push_str("\n# A folder that can be written, and is made if it is missing.\n[grant.output]\ndir = \"out\"\naccess = \"write\"\ncreate = true\n");
        if reads {
            text.push_str("accepts = [\"input\"]          # what is labelled `input` may be written here\n");
        }
    }
    for wanted in capabilities {
        text.push_str(&capability(wanted));
    }
    let names: Vec<String> = capabilities.iter().map(|wanted| format!("\"{}\"", wanted.capability)).collect();
    let grants: Vec<&str> = [("\"input\"", reads), ("\"output\"", writes)]
        .iter()
        .filter(|(_, held)| *held)
        .map(|(name, _)| *name)
        .collect();
    text.push_str(&format!(
        "\n# What the planner may see: whose outputs, and which labels those may carry.\n[planner]\nshows = [{}]\naccepts = [{}]\n",
        names.join(", "),
        grants.join(", ")
    ));
    text
}

fn capability(wanted: &Wanted) -> String {
    let Wanted { capability, component_name, component } = wanted;
    let mut text = format!("\n[capability.{capability}]\n");
    if component.defaults.is_some() {
        text.push_str(&format!("component = \"{component_name}\"\n"));
    } else {
        let path = serde_json::Value::from(component_name.as_str());
        text.push_str(&format!("component = {{ path = {path}, digest = \"{}\" }}\n", component.digest));
    }
    if wanted.uses_folders() {
        text.push_str(&format!("grants = [\"{}\"]\n", if wanted.writes() { "output" } else { "input" }));
    }
    if wanted.uses_network() {
        text.push_str("inert = [\"wasi:sockets\"]        # it imports the network, and gets none\n");
    }
    let mut usable: Vec<_> = component.functions.iter().filter_map(|f| Some((f, f.signature.as_ref().ok()?))).collect();
    // Toolchains leave functions of their own in interfaces.
    usable.sort_by_key(|(function, _)| function.interface.is_some());
    if component.functions.len() > 1
        && let Some((function, _)) = usable.first()
    {
        text.push_str(&format!(
            "function = \"{}\"               # one of {}\n",
            function.full_name(),
            component.functions.len()
        ));
    }
    let parameters = usable.first().map(|(_, signature)| signature.parameters.as_slice()).unwrap_or_default();
    if component.defaults.is_none() && !parameters.is_empty() {
        text.push_str(&format!(
            "[capability.{capability}.argument]       # who may choose each; \"any\" is for payloads alone\n"
        ));
        for parameter in parameters {
            text.push_str(&format!("{} = {{ from = [\"user\", \"planner\"] }}   # {}\n", parameter.name, parameter.ty));
        }
    }
    text
}
