//! A policy: what is granted, to which capabilities, chosen by whom, within which limits.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{Component, Function, Signature};
use crate::document::{Access, Defaults, Folder, Secret, TestVerdict};
use crate::endorsement::Endorsement;
use crate::flow::Flows;
use crate::label::Label;
use crate::limits::Limits;
use crate::name::Name;
use crate::narrow::{Narrowing, Task};
use crate::proof::Never;
use crate::schema::Schema;
use crate::types::{Field, Type};

/// What a session may do in which order.
#[derive(Debug, Default)]
pub struct Order {
    /// The right one needs an earlier left one.
    pub before: Vec<Ordered>,
    /// Once the left one has started, the right one may not.
    pub after: Vec<Ordered>,
    /// Whether a sink must accept the secrecy of every earlier step too.
    pub strict: bool,
}

/// Two capabilities in their order.
#[derive(Debug)]
pub struct Ordered {
    /// The left one.
    pub first: Name,
    /// The right one.
    pub second: Name,
    /// The line that says so.
    pub line: usize,
}

/// A plan with the verdict that it must get, whenever the policy is used.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its plan's file, from the policy's folder.
    pub plan: String,
    /// The verdict.
    pub verdict: TestVerdict,
    /// The rule that refuses it, where the test says so.
    pub rule: Option<String>,
    /// The task that the policy is narrowed to.
    pub task: Option<Name>,
    /// The inputs that are bound.
    pub input: BTreeMap<String, String>,
    /// The line of the test.
    pub line: usize,
}

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
    /// What comes before what.
    pub order: Order,
    /// What can flow where, over all plans.
    pub flows: Flows,
    /// What is proved to hold for all plans.
    pub proved: Vec<Never>,
    /// The policy's own tests.
    pub tests: Vec<Test>,
    /// What a run can be narrowed to.
    pub tasks: BTreeMap<Name, Task>,
    /// What it is narrowed to, for a run of a part of it.
    pub narrowing: Narrowing,
    /// What of the sandbox a machine must have to run its plans.
    pub requires: BTreeSet<&'static str>,
    /// What its author should look at: line and text.
    pub warnings: Vec<(usize, String)>,
}

/// Something outside that is granted.
#[derive(Debug)]
pub struct Grant {
    /// What it is.
    pub target: Target,
    /// What the policy calls the place that it is a part of.
    pub place: Option<Name>,
    /// The label that it gives what is read through it. What can be written there besides is in [`Flows`].
    pub label: Label,
    /// The secrecy that may be sent there.
    pub accepts: BTreeSet<Name>,
    /// The line of its name.
    pub line: usize,
}

/// What a grant is for.
#[derive(Debug)]
pub enum Target {
    /// A folder.
    Folder(FolderGrant),
    /// Hosts on the network.
    Hosts(HostGrant),
}

/// A folder that is granted.
#[derive(Debug)]
pub struct FolderGrant {
    /// Where it is.
    pub folder: Folder,
    /// What may be done in it.
    pub access: Access,
    /// Whether it is made where it is missing.
    pub create: bool,
    /// Whether names that start with a dot may be written.
    pub dotfiles: bool,
    /// Globs of the files that may be written; `None` is any.
    pub files: Option<Vec<String>>,
    /// Where the guest sees it, when the policy says so.
    pub mount: Option<String>,
}

/// Hosts that are granted. This version decides on plans that use them, and runs none.
#[derive(Debug)]
pub struct HostGrant {
    /// Requests, each as `METHOD URL`.
    pub http: Vec<String>,
    /// Addresses with ports.
    pub tcp: Vec<String>,
    /// The hosts of all of them.
    pub hosts: BTreeSet<String>,
    /// The keys that a query may have; `None` is any.
    pub query: Option<Vec<String>>,
    /// Networks that may be reached besides public addresses.
    pub addresses: Vec<String>,
    /// The file of the certificates that are trusted, where it is not the platform's.
    pub ca: Option<String>,
    /// The proxy that requests go over.
    pub proxy: Option<String>,
    pub(crate) secret: Option<Secret>,
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

/// What the planner may see.
#[derive(Debug, Default)]
pub struct Planner {
    /// The capabilities whose outputs it may see.
    pub shows: BTreeSet<Name>,
    /// The secrecy that those may carry.
    pub accepts: BTreeSet<Name>,
}

impl Grant {
    /// The folder that it grants, where it grants one.
    pub fn folder(&self) -> Option<&FolderGrant> {
        match &self.target {
            Target::Folder(folder) => Some(folder),
            Target::Hosts(_) => None,
        }
    }

    /// Whether files can be written through it.
    pub fn writes(&self) -> bool {
        self.folder().is_some_and(|folder| folder.access == Access::Write)
    }

    /// Whether anything can leave through it: a folder that can be written, or any host, since a request tells.
    pub fn is_sink(&self) -> bool {
        self.writes() || matches!(self.target, Target::Hosts(_))
    }

    /// The secrecy that may be sent there. A folder accepts its own; a host must name it, since it may have many tenants.
    pub fn accepted(&self) -> BTreeSet<Name> {
        match self.target {
            Target::Folder(_) => self.accepts.union(&self.label.secrecy).cloned().collect(),
            Target::Hosts(_) => self.accepts.clone(),
        }
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

    /// Whether a step of it can change anything outside its own store.
    pub fn has_effects(&self, policy: &Policy) -> bool {
        self.grants.iter().filter_map(|name| policy.grants.get(name)).any(Grant::is_sink)
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
