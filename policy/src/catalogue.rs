//! The catalogue: what is known of the components that a policy names, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::types::{Field, Type};

/// The components that a policy names, each by the text that names it: `builtin:read-file`, or its path.
///
/// `runtime` makes it from the components; the record keeps it, so that a verdict can be had again from the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// By the text that names it in the policy.
    pub components: BTreeMap<String, Component>,
    /// Grants whose folders are one, or lie one in the other, as they were opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<(Name, Name)>,
    /// The text of each other file that the policy names: the plans of its tests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// What is known of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Component {
    /// `sha256:` and the hexadecimal digest of its bytes.
    pub digest: String,
    /// The functions that it exports, by name.
    pub functions: Vec<Function>,
    /// The interfaces that it imports.
    pub imports: Vec<Import>,
    /// The part of a policy that comes with a built-in, as TOML: its argument table, and how its output is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<String>,
}

/// A function that a component exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Function {
    /// The interface that it is in, with its version; `None` for a function of the world itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Its own name.
    pub name: String,
    /// Its documentation, where the component carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Its signature, or why the function cannot be used.
    pub signature: Result<Signature, String>,
}

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Signature {
    /// Its parameters, in order.
    pub parameters: Vec<Field>,
    /// What it gives: of a `result`, the `ok` side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Type>,
    /// Whether it gives a `result`, and with what on the `err` side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The `err` side of a function's `result`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Its type, where it has one.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub ty: Option<Type>,
}

/// An interface that a component imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Its name with its version, such as `wasi:filesystem/types@0.2.6`.
    pub name: String,
    /// What stands behind it.
    pub authority: Authority,
}

/// What an import can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// Nothing outside the step: deterministic clocks and random, captured output, closed input, no environment.
    Inert,
    /// The folders that are granted.
    Folders,
    /// Requests over HTTP, to the hosts that are granted.
    Http,
    /// Sockets, which no grant gives anyone yet: nothing stands behind them, and a capability has to say so.
    Network,
    /// Something that this host does not give to anyone.
    Unknown,
}

impl Function {
    /// `interface#name`, or the name alone.
    pub fn full_name(&self) -> String {
        self.interface.as_ref().map_or_else(|| self.name.clone(), |interface| format!("{interface}#{}", self.name))
    }

    /// Whether `name` names this function: in full, with or without the interface's version, or by its own name.
    pub fn answers_to(&self, name: &str) -> bool {
        let unversioned = || {
            let interface = self.interface.as_deref()?.split('@').next()?;
            Some(format!("{interface}#{}", self.name))
        };
        name == self.name || name == self.full_name() || unversioned().is_some_and(|unversioned| unversioned == name)
    }
}

impl Import {
    /// The package and interface without the version: `wasi:filesystem/types`.
    pub fn unversioned(&self) -> &str {
        self.name.split('@').next().unwrap_or(&self.name)
    }
}
