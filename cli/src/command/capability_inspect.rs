//! `claw capability inspect`: what a component exports, what it imports, and what that would need.

use std::process::ExitCode;

use claw_policy::catalogue::{Authority, Component, Function};
use claw_policy::printable::{printable, printable_lines};
use claw_runtime::{Cache, Compiler};

use crate::ambient::{self, Home};
use crate::error::{DONE, Error};
use crate::{progress, report};

pub(crate) fn inspect(name: &str, json: bool) -> Result<ExitCode, Error> {
    let component = component(name)?;
    if json {
        report::print_json(&component)?;
    } else {
        report::print_text(&describe(name, &component))?;
    }
    Ok(ExitCode::from(DONE))
}

/// What a component is: read and compiled, or from the cache.
pub(crate) fn component(name: &str) -> Result<Component, Error> {
    let home = Home::find()?.private()?;
    let cache = Cache::open(&home.cache, &home.state)?;
    let program = ambient::program()?;
    let compiler = Compiler { cache: &cache, program: &program };
    compiler.inspect(name, &mut progress::note).map_err(|error| {
        Error::input("component", error.to_string()).help("name `builtin:NAME`, or the file of a WebAssembly component")
    })
}

fn describe(name: &str, component: &Component) -> String {
    let mut text = format!("{}\n  digest {}\n", printable(name), component.digest);
    text.push_str("\nfunctions\n");
    for function in &component.functions {
        text.push_str(&describe_function(function));
    }
    let imports = |authority: Authority| component.imports.iter().filter(move |import| import.authority == authority);
    let list = |text: &mut String, title: &str, authority: Authority| {
        if imports(authority).next().is_some() {
            text.push_str(title);
            for import in imports(authority) {
                text.push_str(&format!("  {}\n", printable(&import.name)));
            }
        }
    };
    list(&mut text, "\nimports with authority: folders, as granted\n", Authority::Folders);
    list(&mut text, "\nimports with authority: requests, as hosts are granted\n", Authority::Http);
    list(&mut text, "\nimports with authority: TCP connections, as addresses are granted\n", Authority::Network);
    list(&mut text, "\nimports that this claw gives nobody: it cannot be a capability\n", Authority::Unknown);
    list(&mut text, "\nimports without authority: always linked\n", Authority::Inert);
    if component.imports.is_empty() {
        text.push_str("\nimports nothing\n");
    }
    if imports(Authority::Folders).next().is_some() {
        text.push_str("\nto link its folders with nothing behind them, write in its capability:\n  inert = [\"wasi:filesystem\"]\n");
    }
    if imports(Authority::Http).next().is_some() {
        text.push_str(
            "\nto link its requests with nothing behind them, write in its capability:\n  inert = [\"wasi:http\"]\n",
        );
    }
    if imports(Authority::Network).next().is_some() {
        text.push_str(
            "\nto link its sockets with nothing behind them, write in its capability:\n  inert = [\"wasi:sockets\"]\n",
        );
    }
    if let Some(defaults) = &component.defaults {
        text.push_str("\nwhat holds where a policy has no argument table\n");
        for line in defaults.lines().filter(|line| !line.trim_start().starts_with('#')) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

fn describe_function(function: &Function) -> String {
    let name = printable(&function.full_name());
    let mut text = match &function.signature {
        Err(why) => format!("  {name}: no capability: {why}\n"),
        Ok(signature) => {
            let parameters: Vec<String> =
                signature.parameters.iter().map(|p| format!("{}: {}", p.name, p.ty)).collect();
            let output = signature.output.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let fails = if signature.failure.is_some() { ", or fails" } else { "" };
            format!("  {name}({})\n    gives {output}{fails}\n", printable(&parameters.join(", ")))
        }
    };
    for line in function.docs.as_deref().unwrap_or_default().lines() {
        text.push_str(&format!("    {}\n", printable_lines(line)));
    }
    text
}
