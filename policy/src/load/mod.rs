//! From a document and the catalogue to a policy: every name looked up, everything wrong reported.

mod arguments;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::catalogue::{Authority, Catalogue, Component};
use crate::document::{self, Access, ComponentRef, Document, Output};
use crate::fault::{LoadError, line_of};
use crate::label::{BUILT_IN_ORIGINS, Label};
use crate::limits::{LIMITS, LimitRow, Limits, Scope};
use crate::name::Name;
use crate::policy::{Capability, Grant, Input, Planner, Policy};
use crate::schema::Schema;
use crate::types::Type;

/// The most grants of a policy: their descriptors go to the worker in one message.
const GRANTS_MAX: usize = 64;

impl Policy {
    /// Loads a policy from its text.
    ///
    /// An empty policy allows nothing. There is no default that allows anything.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, Vec<LoadError>> {
        Self::load(&Document::parse(text).map_err(|error| vec![error])?, catalogue)
    }

    /// Loads a policy from what was read of it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(document: &Document, catalogue: &Catalogue) -> Result<Self, Vec<LoadError>> {
        let mut loading = Loading { document, catalogue, errors: Vec::new() };
        let policy = loading.policy();
        match policy {
            Some(policy) if loading.errors.is_empty() => Ok(policy),
            _ => Err(loading.errors),
        }
    }
}

struct Loading<'d> {
    document: &'d Document,
    catalogue: &'d Catalogue,
    errors: Vec<LoadError>,
}

impl<'d> Loading<'d> {
    fn error(&mut self, rule: &'static str, span: Range<usize>, message: impl Into<String>) {
        self.errors.push(LoadError::new(rule, span, message));
    }

    fn error_with_help(
        &mut self,
        rule: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors.push(LoadError::new(rule, span, message).help(help));
    }

    fn line(&self, span: &Range<usize>) -> usize {
        line_of(&self.document.text, span.start)
    }

    fn policy(&mut self) -> Option<Policy> {
        let root = &self.document.root;
        self.names_are_apart();
        let limits = self.limits(&root.limits, &Limits::default(), Scope::Session);
        let grants: BTreeMap<Name, Grant> = root
            .grant
            .iter()
            .filter_map(|(name, grant)| Some((name.get_ref().clone(), self.grant(name, grant)?)))
            .collect();
        let inputs: BTreeMap<Name, Input> = root
            .input
            .iter()
            .filter_map(|(name, input)| Some((name.get_ref().clone(), self.input(name, input)?)))
            .collect();
        let mut capabilities = BTreeMap::new();
        for (name, capability) in &root.capability {
            if let Some(capability) = self.capability(name, capability.get_ref(), &grants, &inputs, &limits) {
                capabilities.insert(name.get_ref().clone(), capability);
            }
        }
        let planner = self.planner();
        let steps = root.plan.steps.as_ref();
        let steps_max = match steps.map(|steps| (positive(*steps.get_ref()), steps.span())) {
            None => limits.plan_steps.saturating_mul(10),
            Some((Some(steps), _)) => steps,
            Some((None, span)) => {
                self.error("policy.value", span, "`steps` is a count of 1 or more");
                return None;
            }
        };
        Some(Policy {
            name: root.name.get_ref().clone(),
            digest: digest(self.document.text.as_bytes()),
            grants,
            capabilities,
            inputs,
            planner,
            limits,
            steps_max,
            steps_line: steps.map(|steps| self.line(&steps.span())),
        })
    }

    /// Grants, labels and the built-in origins share one name space; a grant and a capability differ too.
    fn names_are_apart(&mut self) {
        let root = &self.document.root;
        let grants = root.grant.keys();
        let labels: BTreeSet<&Name> =
            root.labels.secrecy.iter().chain(&root.labels.origin).map(Spanned::get_ref).collect();
        if root.grant.len() > GRANTS_MAX {
            self.error("policy.grant", root.name.span(), format!("a policy has at most {GRANTS_MAX} grants"));
        }
        for grant in grants {
            let name = grant.get_ref();
            if BUILT_IN_ORIGINS.contains(&name.as_str()) || name.as_str() == "any" {
                self.error(
                    "policy.name",
                    grant.span(),
                    format!("`{name}` is a built-in origin, so no grant can have the name"),
                );
            }
            if has(&root.capability, name) {
                self.error("policy.name", grant.span(), format!("a grant and a capability are both called `{name}`"));
            }
            if labels.contains(name) {
                self.error("policy.name", grant.span(), format!("a grant and a label are both called `{name}`"));
            }
        }
        for label in root.labels.secrecy.iter().chain(&root.labels.origin) {
            let name = label.get_ref();
            if BUILT_IN_ORIGINS.contains(&name.as_str()) || name.as_str() == "any" {
                self.error(
                    "policy.name",
                    label.span(),
                    format!("`{name}` is a built-in origin, so no label can have the name"),
                );
            }
        }
    }

    fn limits(&mut self, written: &document::Limits, base: &Limits, place: Scope) -> Limits {
        let mut limits = base.clone();
        for (name, value) in written {
            match LimitRow::named(name.get_ref()) {
                Some(row) if row.scope == Scope::Later => {
                    self.error(
                        "policy.later",
                        name.span(),
                        format!("this version of claw has nothing that `{}` bounds", row.name),
                    );
                }
                Some(row) if row.scope == Scope::Session && place == Scope::Step => {
                    self.error(
                        "policy.limit",
                        name.span(),
                        format!("`{}` bounds a session or a plan: set it in `[limits]`", row.name),
                    );
                }
                Some(row) => match row.parse(value.get_ref()) {
                    Ok(value) => limits.set(row, value),
                    Err(why) => {
                        self.error("policy.limit", value.span(), format!("the limit `{}`: {why}", row.name));
                    }
                },
                None => {
                    let known: Vec<&str> = LIMITS.iter().map(|row| row.name).collect();
                    self.error_with_help(
                        "policy.limit",
                        name.span(),
                        format!("there is no limit `{}`", printed(name.get_ref())),
                        format!("there are {}", known.join(", ")),
                    );
                }
            }
        }
        limits
    }

    fn known(&mut self, names: &[Spanned<Name>], is_known: impl Fn(&Name) -> bool, what: &str) -> BTreeSet<Name> {
        for name in names.iter().filter(|name| !is_known(name.get_ref())) {
            self.error("policy.name", name.span(), format!("there is no {what} `{}`", name.get_ref()));
        }
        names.iter().map(|name| name.get_ref().clone()).collect()
    }

    fn secrecy(&mut self, names: &[Spanned<Name>]) -> BTreeSet<Name> {
        let root = &self.document.root;
        let is_known = |name: &Name| has(&root.grant, name) || root.labels.secrecy.iter().any(|l| l.get_ref() == name);
        self.known(names, is_known, "grant, and no label in `[labels] secrecy`, called")
    }

    fn origins(&mut self, names: &[Spanned<Name>]) -> BTreeSet<Name> {
        let is_known = self.origin_names();
        self.known(names, |name| is_known.contains(name), "grant, and no label in `[labels] origin`, called")
    }

    fn origin_names(&self) -> BTreeSet<Name> {
        let root = &self.document.root;
        let labels = root.labels.origin.iter().chain(root.grant.keys());
        labels.map(|name| name.get_ref().clone()).collect()
    }

    fn grant(&mut self, name: &Spanned<Name>, written: &Spanned<document::Grant>) -> Option<Grant> {
        let grant = written.get_ref();
        let own = || BTreeSet::from([name.get_ref().clone()]);
        let label = Label {
            secrecy: grant.secrecy.as_ref().map_or_else(own, |names| self.secrecy(names)),
            origin: grant.origin.as_ref().map_or_else(own, |names| self.origins(names)),
        };
        let accepts = self.secrecy(&grant.accepts);
        let (Some(folder), Some(access)) = (&grant.dir, grant.access) else {
            let missing =
                if grant.dir.is_none() { "dir = \"…\"" } else { "access = \"read\"` or `access = \"write\"" };
            self.error("policy.grant", name.span(), format!("the grant `{}` lacks `{missing}`", name.get_ref()));
            return None;
        };
        if access == Access::Read
            && (grant.create || grant.dotfiles || grant.files.is_some() || !grant.accepts.is_empty())
        {
            self.error(
                "policy.grant",
                name.span(),
                format!(
                    "`create`, `dotfiles`, `files` and `accepts` are about writing, and `{}` only reads",
                    name.get_ref()
                ),
            );
        }
        let files = grant.files.as_ref().map(|globs| self.globs(globs));
        let mount = grant.mount.as_ref().map(|mount| {
            let place = mount.get_ref();
            let inside = place.strip_prefix('/').filter(|inside| {
                let whole = !inside.ends_with('/') && !inside.split('/').any(|part| part == ".");
                inside.is_empty() || (whole && crate::path::check(inside).is_ok())
            });
            if inside.is_none() {
                self.error("policy.grant", mount.span(), "`mount` is an absolute path such as \"/data\", without `..`");
            }
            place.clone()
        });
        Some(Grant {
            folder: folder.get_ref().clone(),
            access,
            create: grant.create,
            dotfiles: grant.dotfiles,
            files,
            mount,
            label,
            accepts,
            line: self.line(&name.span()),
        })
    }

    fn globs(&mut self, globs: &[Spanned<String>]) -> Vec<String> {
        for glob in globs {
            if let Err(error) = globset::Glob::new(glob.get_ref()) {
                self.error("policy.value", glob.span(), printed(&error.to_string()));
            }
        }
        globs.iter().map(|glob| glob.get_ref().clone()).collect()
    }

    fn input(&mut self, name: &Spanned<Name>, written: &Spanned<document::Input>) -> Option<Input> {
        let input = written.get_ref();
        let secrecy = self.secrecy(&input.secrecy);
        let origin = input.origin.as_ref().map(|names| self.origins(names));
        let schema = match Schema::parse(&toml::Value::Table(input.schema.clone())) {
            Ok(schema) if schema.input.is_some() || schema.constant.is_some() || schema.from.is_some() => {
                Err("`input`, `const` and `from` are for arguments".to_owned())
            }
            other => other,
        };
        match schema {
            Ok(schema) => Some(Input { schema, secrecy, origin, line: self.line(&name.span()) }),
            Err(why) => {
                self.error("policy.schema", written.span(), format!("the input `{}`: {why}", name.get_ref()));
                None
            }
        }
    }

    fn planner(&mut self) -> Planner {
        let planner = &self.document.root.planner;
        let capabilities = &self.document.root.capability;
        let shows = self.known(&planner.shows, |name| has(capabilities, name), "capability");
        Planner { shows, accepts: self.secrecy(&planner.accepts) }
    }

    fn capability(
        &mut self,
        name: &Spanned<Name>,
        written: &document::Capability,
        grants: &BTreeMap<Name, Grant>,
        inputs: &BTreeMap<Name, Input>,
        base: &Limits,
    ) -> Option<Capability> {
        let root = &self.document.root;
        let limits = self.limits(&written.limits, base, Scope::Step);
        let component = self.component(&written.component)?;
        let held = self.known(&written.grants, |grant| has(&root.grant, grant), "grant");
        if held.len() < written.grants.len() {
            self.error("policy.grant", name.span(), format!("`{}` lists a grant twice", name.get_ref()));
        }
        self.imports(name, written, component, !held.is_empty());
        let span = written.function.as_ref().map_or_else(|| written.component.span(), Spanned::span);
        let function = match component.function(written.function.as_ref().map(|name| name.get_ref().as_str())) {
            Ok(function) => function,
            Err(why) => {
                self.error("component.function", span, printed(&why));
                return None;
            }
        };
        let signature = match &function.signature {
            Ok(signature) => signature.clone(),
            Err(why) => {
                self.error(
                    "component.function",
                    span,
                    format!("`{}` cannot be a capability: {why}", printed(&function.full_name())),
                );
                return None;
            }
        };
        let defaults = component.read_defaults();
        let output_is_json = written.output.or(defaults.output) == Some(Output::Json);
        if output_is_json && signature.output != Some(Type::String) {
            self.error("policy.value", name.span(), "`output = \"json\"` is for a function that gives a string");
        }
        let arguments = self.arguments(name, written, &defaults, &signature, inputs);
        let calls = written.calls.as_ref().map(|calls| (positive(*calls.get_ref()), calls.span()));
        if let Some((None, span)) = &calls {
            self.error("policy.value", span.clone(), "`calls` is a count of 1 or more");
        }
        let capability = Capability {
            component: written.component.get_ref().key().to_owned(),
            digest: component.digest.clone(),
            function: function.full_name(),
            docs: function.docs.clone(),
            parameters: signature.parameters.clone(),
            output: if output_is_json { Some(Type::Json) } else { signature.output.clone() },
            output_is_json,
            signature,
            grants: written.grants.iter().map(|grant| grant.get_ref().clone()).collect(),
            calls: calls.as_ref().and_then(|(calls, _)| *calls),
            inert: written.inert.iter().map(|interface| interface.get_ref().clone()).collect(),
            arguments,
            limits,
            line: self.line(&name.span()),
            calls_line: calls.map(|(_, span)| self.line(&span)),
        };
        self.mounts_are_apart(name, &capability, grants);
        Some(capability)
    }

    fn mounts_are_apart(&mut self, name: &Spanned<Name>, capability: &Capability, grants: &BTreeMap<Name, Grant>) {
        let mounts: Vec<String> = capability.mounts(grants).into_iter().map(|(_, _, place)| place).collect();
        if mounts.iter().collect::<BTreeSet<_>>().len() < mounts.len() {
            self.error("policy.grant", name.span(), format!("`{}` sees two folders at one `mount`", name.get_ref()));
        }
    }

    fn component(&mut self, written: &Spanned<ComponentRef>) -> Option<&'d Component> {
        let key = written.get_ref().key();
        let Some(component) = self.catalogue.components.get(key) else {
            self.error_with_help(
                "component.unknown",
                written.span(),
                format!("there is no component `{}`", printed(key)),
                "a component is \"builtin:NAME\", or a file: { path = \"NAME.wasm\", digest = \"sha256:…\" }"
                    .to_owned(),
            );
            return None;
        };
        if let ComponentRef::File(file) = written.get_ref()
            && file.digest.as_deref() != Some(component.digest.as_str())
        {
            let message = match &file.digest {
                Some(_) => "the component is not the one that the policy pins: its digest differs",
                None => "the component is not pinned by its digest",
            };
            let line = format!("component = {{ path = {:?}, digest = \"{}\" }}", file.path, component.digest);
            self.error_with_help(
                "component.digest",
                written.span(),
                message,
                format!("if this is the component that you mean, write: {line}"),
            );
            return None;
        }
        Some(component)
    }

    /// Every import is inert, or granted, or asked to be inert.
    fn imports(
        &mut self,
        name: &Spanned<Name>,
        written: &document::Capability,
        component: &Component,
        has_folders: bool,
    ) {
        let asked = |import: &str| {
            let mut inert = written.inert.iter().map(|interface| interface.get_ref().as_str());
            inert.any(|interface| {
                import == interface || import.strip_prefix(interface).is_some_and(|rest| rest.starts_with('/'))
            })
        };
        for interface in &written.inert {
            let named = |import: &str| {
                import == interface.get_ref()
                    || import.strip_prefix(interface.get_ref().as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            let found = component
                .imports
                .iter()
                .any(|import| import.authority == Authority::Folders && named(import.unversioned()));
            if !found {
                let message =
                    format!("the component imports nothing with authority called `{}`", printed(interface.get_ref()));
                self.error("component.import", interface.span(), message);
            } else if has_folders {
                let message = format!(
                    "`{}` cannot be inert: the capability's grants stand behind it",
                    printed(interface.get_ref())
                );
                self.error("component.import", interface.span(), message);
            }
        }
        let refused: Vec<(&str, Authority)> = component
            .imports
            .iter()
            .filter(|import| match import.authority {
                Authority::Inert => false,
                Authority::Folders => !has_folders && !asked(import.unversioned()),
                Authority::Unknown => true,
            })
            .map(|import| (import.name.as_str(), import.authority))
            .collect();
        if refused.is_empty() {
            return;
        }
        let names: Vec<String> = refused.iter().map(|(import, _)| format!("`{}`", printed(import))).collect();
        let help = if refused.iter().any(|(_, authority)| *authority == Authority::Unknown) {
            "this claw gives no component that interface; use a component that does not import it".to_owned()
        } else {
            "grant it a folder with `grants = [\"…\"]`, or link it with nothing behind it: `inert = [\"wasi:filesystem\"]`".to_owned()
        };
        let message = format!("`{}` imports what it is not granted: {}", name.get_ref(), names.join(", "));
        self.error_with_help("component.import", name.span(), message, help);
    }
}

fn has<T>(table: &document::Table<T>, name: &Name) -> bool {
    table.keys().any(|key| key.get_ref() == name)
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

fn printed(text: &str) -> String {
    crate::printable::printable(text)
}

/// `sha256:` and the hexadecimal SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}
