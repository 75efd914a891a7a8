//! A policy file as written: TOML read into its keys, each with its place, and nothing decided yet.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::fault::LoadError;
use crate::name::Name;

/// The most bytes of a policy file.
pub const POLICY_BYTES_MAX: u64 = 1 << 20;

/// A policy's text and its keys. What it names outside itself is still to be found, for the catalogue.
#[derive(Debug)]
pub struct Document {
    pub(crate) text: String,
    pub(crate) root: Root,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Root {
    pub(crate) claw: Spanned<i64>,
    pub(crate) name: Spanned<Name>,
    #[serde(default)]
    pub(crate) labels: Labels,
    #[serde(default)]
    pub(crate) input: Table<Input>,
    #[serde(default)]
    pub(crate) grant: Table<Grant>,
    #[serde(default)]
    pub(crate) capability: Table<Capability>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) planner: Planner,
    #[serde(default)]
    pub(crate) plan: Plan,
    #[serde(default)]
    pub(crate) sandbox: Sandbox,
    #[serde(default)]
    pub(crate) prove: Prove,
    #[serde(default)]
    pub(crate) test: Vec<Spanned<Test>>,
    #[serde(default)]
    pub(crate) task: Table<Task>,
}

pub(crate) type Table<T> = BTreeMap<Spanned<Name>, Spanned<T>>;
pub(crate) type Limits = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Labels {
    #[serde(default)]
    pub(crate) secrecy: Vec<Spanned<Name>>,
    #[serde(default)]
    pub(crate) origin: Vec<Spanned<Name>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Input {
    #[serde(default)]
    pub(crate) secrecy: Vec<Spanned<Name>>,
    pub(crate) origin: Option<Vec<Spanned<Name>>>,
    #[serde(flatten)]
    pub(crate) schema: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    pub(crate) dir: Option<Spanned<Folder>>,
    pub(crate) access: Option<Access>,
    #[serde(default)]
    pub(crate) create: bool,
    #[serde(default)]
    pub(crate) dotfiles: bool,
    pub(crate) files: Option<Vec<Spanned<String>>>,
    pub(crate) mount: Option<Spanned<String>>,
    pub(crate) secrecy: Option<Vec<Spanned<Name>>>,
    pub(crate) origin: Option<Vec<Spanned<Name>>>,
    #[serde(default)]
    pub(crate) accepts: Vec<Spanned<Name>>,
    pub(crate) http: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) tcp: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) query: Option<Vec<String>>,
    pub(crate) addresses: Option<Vec<Spanned<String>>>,
    pub(crate) ca: Option<String>,
    pub(crate) proxy: Option<String>,
    pub(crate) secret: Option<Secret>,
    pub(crate) place: Option<Spanned<Name>>,
}

/// A secret that the host puts into requests. Where it is read is not for guests.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The header that it is put into.
    pub header: String,
    /// What stands before it there, such as `Bearer `.
    pub prefix: Option<String>,
    /// The variable of the environment that it is read from, where it is.
    pub env: Option<String>,
    /// The file that it is read from, where it is.
    pub file: Option<String>,
}

/// Where a folder grant's folder is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a folder is a path, or `{ bind = \"data\" }` with a name of small letters")]
pub enum Folder {
    /// A path, from the folder that the policy file is in.
    Path(String),
    /// A name that is given when a run starts: `--dir NAME=PATH`.
    Bind(Bind),
}

/// The table of a folder that is given when a run starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// The name that `--dir` uses.
    pub bind: Name,
}

/// What a folder grant allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reading alone.
    Read,
    /// Reading and writing.
    Write,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Capability {
    pub(crate) component: Spanned<ComponentRef>,
    pub(crate) function: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) grants: Vec<Spanned<Name>>,
    pub(crate) calls: Option<Spanned<i64>>,
    pub(crate) output: Option<Output>,
    #[serde(default)]
    pub(crate) inert: Vec<Spanned<String>>,
    pub(crate) argument: Option<BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) endorse: Vec<Spanned<Endorsement>>,
    pub(crate) approve: Option<Approve>,
}

/// A part of an output that is let through without its origins.
#[derive(Debug, Deserialize)]
pub(crate) struct Endorsement {
    pub(crate) at: Spanned<String>,
    pub(crate) drop: Vec<Spanned<Name>>,
    pub(crate) because: Spanned<String>,
    #[serde(flatten)]
    pub(crate) schema: toml::Table,
}

/// Whether a person is asked before a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Approve {
    Never,
    Each,
}

/// What of the sandbox a machine must have.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sandbox {
    #[serde(default)]
    pub(crate) require: Vec<Spanned<SandboxPart>>,
}

/// A part of the sandbox that not every kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SandboxPart {
    Landlock,
    Seccomp,
}

impl SandboxPart {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        }
    }
}

/// What must hold for every plan.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prove {
    #[serde(default)]
    pub(crate) never: Vec<Spanned<String>>,
}

/// A plan with the verdict that it must get.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    pub(crate) plan: Spanned<String>,
    pub(crate) verdict: TestVerdict,
    pub(crate) rule: Option<String>,
    pub(crate) task: Option<Spanned<Name>>,
    #[serde(default)]
    pub(crate) input: BTreeMap<String, String>,
}

/// A verdict that a test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestVerdict {
    /// The plan passes.
    Accepted,
    /// A rule refuses it.
    Refused,
    /// No rule refuses it, and a person has to be asked.
    NeedsApproval,
}

/// A part of the policy for one kind of run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    pub(crate) only: Option<Vec<Spanned<Name>>>,
    #[serde(default)]
    pub(crate) calls: Table<i64>,
    #[serde(default)]
    pub(crate) input: Table<toml::Value>,
}

/// The part of a capability that comes with a built-in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defaults {
    /// What it does with folders, for whoever writes a first policy.
    pub(crate) access: Option<Access>,
    /// The function that is meant where a policy names none.
    pub(crate) function: Option<String>,
    pub(crate) output: Option<Output>,
    #[serde(default)]
    pub(crate) argument: BTreeMap<String, toml::Value>,
}

/// Which component a capability is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a component is \"builtin:NAME\", or `{ path = \"…\", digest = \"sha256:…\" }`")]
pub(crate) enum ComponentRef {
    Builtin(String),
    File(ComponentFile),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComponentFile {
    pub(crate) path: String,
    pub(crate) digest: Option<String>,
}

/// How a string output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Output {
    Json,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planner {
    #[serde(default)]
    pub(crate) shows: Vec<Spanned<Name>>,
    #[serde(default)]
    pub(crate) accepts: Vec<Spanned<Name>>,
    pub(crate) rounds: Option<Spanned<toml::Value>>,
    pub(crate) corrections: Option<Spanned<toml::Value>>,
    pub(crate) tokens: Option<Spanned<toml::Value>>,
    pub(crate) time: Option<Spanned<toml::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) steps: Option<Spanned<i64>>,
    #[serde(default)]
    pub(crate) before: Vec<Spanned<Vec<Spanned<Name>>>>,
    #[serde(default)]
    pub(crate) after: Vec<Spanned<Vec<Spanned<Name>>>>,
    #[serde(default)]
    pub(crate) strict: bool,
}

/// A component that a policy names by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The path as written, from the policy's folder; it is the component's name in the catalogue too.
    pub path: String,
    /// The digest that the policy pins.
    pub digest: Option<String>,
    /// Where the policy says so.
    pub span: Range<usize>,
}

/// A folder that a policy grants.
#[derive(Clone, Debug)]
pub struct NamedFolder {
    /// The grant's name.
    pub grant: Name,
    /// Where the folder is.
    pub folder: Folder,
    /// Whether files can be written through it.
    pub writes: bool,
    /// Whether it is made where it is missing.
    pub create: bool,
    /// Where the policy says so.
    pub span: Range<usize>,
}

impl Document {
    /// The secrets that its grants name.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.root.grant.values().filter_map(|grant| grant.get_ref().secret.as_ref())
    }

    /// Reads a policy's text.
    ///
    /// # Errors
    /// TOML that does not parse, a key that is unknown, twice, or of a wrong type.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        if text.len() as u64 > POLICY_BYTES_MAX {
            return Err(LoadError::new("policy.size", 0..0, format!("a policy has at most {POLICY_BYTES_MAX} bytes")));
        }
        let root: Root = toml::from_str(text).map_err(|error| {
            LoadError::new("policy.syntax", error.span().unwrap_or(0..0), error.message().to_owned())
        })?;
        if *root.claw.get_ref() != 1 {
            return Err(LoadError::new(
                "policy.version",
                root.claw.span(),
                "this claw reads policies of version 1".to_owned(),
            )
            .help("write `claw = 1`"));
        }
        Ok(Self { text: text.to_owned(), root })
    }

    /// The built-ins that capabilities name, each with its place.
    pub fn builtins(&self) -> Vec<(&str, Range<usize>)> {
        self.components(|component| match component {
            ComponentRef::Builtin(name) => Some(name.as_str()),
            ComponentRef::File(_) => None,
        })
    }

    /// The component files that capabilities name, each with its place.
    pub fn files(&self) -> Vec<NamedFile> {
        let files = self.components(|component| match component {
            ComponentRef::File(file) => Some(file),
            ComponentRef::Builtin(_) => None,
        });
        files
            .into_iter()
            .map(|(file, span)| NamedFile { path: file.path.clone(), digest: file.digest.clone(), span })
            .collect()
    }

    fn components<'a, T>(&'a self, pick: impl Fn(&'a ComponentRef) -> Option<T>) -> Vec<(T, Range<usize>)> {
        let components = self.root.capability.values().map(|capability| &capability.get_ref().component);
        components.filter_map(|component| Some((pick(component.get_ref())?, component.span()))).collect()
    }

    /// The folders that are granted, each with its place.
    pub fn folders(&self) -> Vec<NamedFolder> {
        let folder = |(name, grant): (&Spanned<Name>, &Spanned<Grant>)| {
            let grant = grant.get_ref();
            Some(NamedFolder {
                grant: name.get_ref().clone(),
                folder: grant.dir.as_ref()?.get_ref().clone(),
                writes: grant.access == Some(Access::Write),
                create: grant.create,
                span: name.span(),
            })
        };
        self.root.grant.iter().filter_map(folder).collect()
    }

    /// Where the grant `name` is.
    pub fn grant_span(&self, name: &Name) -> Range<usize> {
        self.root.grant.keys().find(|key| key.get_ref() == name).map_or(0..0, Spanned::span)
    }

    /// What of the sandbox the policy requires, each with its place.
    pub fn requires(&self) -> Vec<(&'static str, Range<usize>)> {
        self.root.sandbox.require.iter().map(|part| (part.get_ref().as_str(), part.span())).collect()
    }

    /// The plans of the policy's tests, each with its place.
    pub fn test_plans(&self) -> Vec<(&str, Range<usize>)> {
        self.root.test.iter().map(|test| (test.get_ref().plan.get_ref().as_str(), test.get_ref().plan.span())).collect()
    }

    /// The policy's name.
    pub fn name(&self) -> &Name {
        self.root.name.get_ref()
    }

    /// The text that was read.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl ComponentRef {
    /// The text that names the component in the catalogue.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Builtin(name) => name,
            Self::File(file) => &file.path,
        }
    }
}
