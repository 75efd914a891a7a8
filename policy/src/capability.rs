//! What a plan can call, and who may choose its arguments; what a user binds; what a planner may see.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{Component, Function, Signature};
use crate::document::{Access, Defaults};
use crate::endorsement::Endorsement;
use crate::grant::{FolderGrant, Grant};
use crate::label::{Label, Origin};
use crate::limits::{Limits, PLANNER_LIMITS};
use crate::name::Name;
use crate::schema::Schema;
use crate::types::{Field, Type};

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
    /// Parts of its output that are let through without their origins.
    pub endorsements: Vec<Endorsement>,
    /// Whether a person is asked before each call.
    pub asks: bool,
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
    /// What the task besides allows it to be.
    pub(crate) narrowed: Vec<Schema>,
    /// The line of its name.
    pub line: usize,
}

/// What the planner may see, and how long a session waits for it to come to an end.
#[derive(Debug)]
pub struct Planner {
    /// The capabilities whose outputs it may see.
    pub shows: BTreeSet<Name>,
    /// The secrecy that those may carry.
    pub accepts: BTreeSet<Name>,
    /// The most plans that it is asked for in a session; a corrected one counts once.
    pub rounds: u64,
    /// How often in a session it may mend a plan that was refused before any of its effects.
    pub corrections: u64,
    /// The most tokens of a session, prompts and replies together.
    pub tokens: u64,
    /// The most time of a session in milliseconds, from its first prompt.
    pub time: u64,
}

impl Default for Planner {
    fn default() -> Self {
        let [rounds, corrections, tokens, time] = PLANNER_LIMITS.map(|row| row.default);
        Self { shows: BTreeSet::new(), accepts: BTreeSet::new(), rounds, corrections, tokens, time }
    }
}

impl Capability {
    /// Where the guest sees the folder of each grant, with the grant's name.
    ///
    /// The only folder is `/`; of several, each is `/<grant>`; `mount` overrides.
    pub fn mounts<'p>(&'p self, grants: &'p BTreeMap<Name, Grant>) -> Vec<(&'p Name, &'p FolderGrant, String)> {
        let grants = self.grants.iter().filter_map(|name| grants.get_key_value(name));
        let folders: Vec<_> = grants.filter_map(|(name, grant)| Some((name, grant.folder()?))).collect();
        let several = folders.len() > 1;
        folders
            .into_iter()
            .map(|(name, folder)| {
                let place =
                    folder.mount.clone().unwrap_or_else(|| if several { format!("/{name}") } else { "/".to_owned() });
                (name, folder, place)
            })
            .collect()
    }

    /// Whether a value is what an endorsement of its output vouches for.
    pub(crate) fn output_part_fits(&self, endorsement: &Endorsement, value: &serde_json::Value) -> bool {
        let at: Vec<String> =
            endorsement.at.iter().map(|token| if token == "*" { "0" } else { token }.to_owned()).collect();
        let part = self.output.as_ref().and_then(|output| output.part(&at));
        part.is_some_and(|ty| endorsement.schema.narrows(&ty, value).is_ok())
    }

    /// Whether it may make TCP connections.
    pub fn connects(&self, grants: &BTreeMap<Name, Grant>) -> bool {
        self.grants.iter().filter_map(|name| grants.get(name)).any(Grant::is_tcp)
    }

    /// Whether a step of it can change files.
    pub fn writes(&self, grants: &BTreeMap<Name, Grant>) -> bool {
        self.grants.iter().filter_map(|name| grants.get(name)).any(Grant::writes)
    }

    /// Whether a step of it can send anything to a host.
    pub fn sends(&self, grants: &BTreeMap<Name, Grant>) -> bool {
        self.grants.iter().filter_map(|name| grants.get(name)).any(Grant::sends)
    }

    /// Whether a step of it can change anything outside its own store.
    pub fn has_effects(&self, grants: &BTreeMap<Name, Grant>) -> bool {
        self.writes(grants) || self.sends(grants)
    }
}

impl Input {
    /// What a value carries that is bound to it.
    pub(crate) fn label(&self, from_file: bool) -> Label {
        let origin = if from_file { Origin::File } else { Origin::User };
        let origin = self.origin.clone().unwrap_or_else(|| Label::of(origin).origin);
        Label { secrecy: self.secrecy.clone(), origin }
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
