//! A policy: what is granted, to which capabilities, chosen by whom, within which limits.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{Component, Function, Signature};
use crate::document::{Access, Defaults, Folder};
use crate::label::Label;
use crate::limits::Limits;
use crate::name::Name;
use crate::schema::Schema;
use crate::types::{Field, Type};

/// A policy that has loaded: every name in it is known, every schema fits its type, every import is granted.
#[derive(Debug)]
pub struct Policy {
    /// Its own name.
    pub name: Name,
    /// `sha256:` and the hexadecimal digest of its text.
    pub digest: String,
    /// The folders that are granted.
    pub grants: BTreeMap<Name, Grant>,
    /// What a plan may call.
    pub capabilities: BTreeMap<Name, Capability>,
    /// What the user binds outside the plan.
    pub inputs: BTreeMap<Name, Input>,
    /// What the planner may see.
    pub planner: Planner,
    /// The limits of the session and of one plan. A capability has its own.
    pub limits: Limits,
    /// The most steps of a session.
    pub steps_max: u64,
    /// The line of that bound, where the policy gives one.
    pub(crate) steps_line: Option<usize>,
}

/// A folder that is granted.
#[derive(Debug)]
pub struct Grant {
    /// Where it is.
    pub folder: Folder,
    /// What may be done in it.
    pub access: Access,
    /// Whether a missing folder is made.
    pub create: bool,
    /// Whether names that start with a dot may be written.
    pub dotfiles: bool,
    /// Globs of the files that may be written; `None` is any.
    pub files: Option<Vec<String>>,
    /// Where the guest sees it, when the policy says so.
    pub mount: Option<String>,
    /// What is read through it carries this label.
    pub label: Label,
    /// The secrecy that may be written into it, its own besides.
    pub accepts: BTreeSet<Name>,
    /// The line of its name.
    pub line: usize,
}

/// A function of a component that plans may call.
#[derive(Debug)]
pub struct Capability {
    /// The text that names the component in the catalogue.
    pub component: String,
    /// The component's digest.
    pub digest: String,
    /// The function, in full: `interface#name`.
    pub function: String,
    /// The function's documentation.
    pub docs: Option<String>,
    /// Its parameters, in order, as WIT has them.
    pub parameters: Vec<Field>,
    /// What a step of it puts out, as a plan can refer to it.
    pub output: Option<Type>,
    /// Whether its string output is JSON text, parsed when a step is done.
    pub output_is_json: bool,
    /// The signature, for whoever turns JSON into the component's values.
    pub signature: Signature,
    /// The grants that it holds.
    pub grants: Vec<Name>,
    /// The most calls in a session.
    pub calls: Option<u64>,
    /// Interfaces that are linked with nothing behind them.
    pub inert: Vec<String>,
    /// The arguments that a plan may give, by parameter.
    pub arguments: BTreeMap<String, Argument>,
    /// Its limits.
    pub limits: Limits,
    /// The line of its name.
    pub line: usize,
    pub(crate) calls_line: Option<usize>,
}

/// An argument that a plan may give.
#[derive(Debug)]
pub struct Argument {
    /// The type that a plan gives: the parameter's, or JSON where a string carries it.
    pub ty: Type,
    /// What the policy says of it.
    pub schema: Schema,
    /// The line that says so.
    pub line: usize,
}

/// Something that the user binds outside the plan.
#[derive(Debug)]
pub struct Input {
    /// What it may be.
    pub schema: Schema,
    /// Its secrecy.
    pub secrecy: BTreeSet<Name>,
    /// Its origin, where the policy gives one; `user`, or `file`, otherwise.
    pub origin: Option<BTreeSet<Name>>,
    /// The line of its name.
    pub line: usize,
}

/// What the planner may see.
#[derive(Debug, Default)]
pub struct Planner {
    /// The capabilities whose outputs it may see.
    pub shows: BTreeSet<Name>,
    /// The secrecy that those may carry.
    pub accepts: BTreeSet<Name>,
}

impl Grant {
    /// Whether files can be written through it.
    pub fn writes(&self) -> bool {
        self.access == Access::Write
    }
}

impl Capability {
    /// Where the guest sees the folder of each grant, with the grant's name.
    ///
    /// The only folder is `/`; of several, each is `/<grant>`; `mount` overrides.
    pub fn mounts<'p>(&'p self, grants: &'p BTreeMap<Name, Grant>) -> Vec<(&'p Name, &'p Grant, String)> {
        let several = self.grants.len() > 1;
        let grants = self.grants.iter().filter_map(|name| grants.get_key_value(name));
        grants
            .map(|(name, grant)| {
                let place =
                    grant.mount.clone().unwrap_or_else(|| if several { format!("/{name}") } else { "/".to_owned() });
                (name, grant, place)
            })
            .collect()
    }

    /// Whether a step of it can change anything outside its own store.
    pub fn has_effects(&self, policy: &Policy) -> bool {
        self.grants.iter().filter_map(|name| policy.grants.get(name)).any(Grant::writes)
    }
}

impl Component {
    /// Whether a built-in writes into its folder.
    pub fn writes(&self) -> bool {
        self.read_defaults().access == Some(Access::Write)
    }

    /// The part of a policy that comes with it. What is no such part says nothing: then the policy has to.
    pub(crate) fn read_defaults(&self) -> Defaults {
        self.defaults.as_deref().and_then(|text| toml::from_str(text).ok()).unwrap_or_default()
    }

    /// The one function that `name` names, or the only one there is.
    pub(crate) fn function(&self, name: Option<&str>) -> Result<&Function, String> {
        let found: Vec<&Function> =
            self.functions.iter().filter(|function| name.is_none_or(|name| function.answers_to(name))).collect();
        let names = |functions: &[&Function]| {
            functions.iter().map(|function| format!("`{}`", function.full_name())).collect::<Vec<_>>().join(", ")
        };
        match (found.as_slice(), name) {
            ([function], _) => Ok(function),
            ([], _) if self.functions.is_empty() => Err("the component exports no function".to_owned()),
            ([], _) => Err(format!(
                "the component exports no such function; it exports {}",
                names(&self.functions.iter().collect::<Vec<_>>())
            )),
            (several, _) => Err(format!(
                "the component exports several such functions: {}; name one with `function`",
                names(several)
            )),
        }
    }
}
