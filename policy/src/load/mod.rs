//! From a document and the catalogue to a policy: every name looked up, everything wrong reported.

mod arguments;
mod capability;
mod grant;
mod order;
mod promises;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use crate::capability::{Input, Planner};
use crate::catalogue::Catalogue;
use crate::document::{self, Document};
use crate::fault::{LoadError, line_of};
use crate::flow::{Flows, NAMES_MAX, Parts};
use crate::grant::Grant;
use crate::label::{BUILT_IN_ORIGINS, listed};
use crate::limits::{LIMITS, LimitRow, Limits, PLANNER_LIMITS, Scope};
use crate::name::Name;
use crate::policy::Policy;
use crate::schema::Schema;
use crate::task::Narrowing;

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
        let policy = loading.policy().filter(|_| loading.errors.is_empty()).ok_or_else(|| loading.errors.clone())?;
        // What is promised is decided on a policy that is whole.
        let policy = Arc::new(policy);
        loading.leaks(&policy);
        loading.prove(&policy);
        match Arc::into_inner(policy) {
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
        let parts = Parts {
            grants: &grants,
            capabilities: &capabilities,
            inputs: &inputs,
            planner: &planner,
            overlaps: &self.catalogue.overlaps,
        };
        let flows = Flows::of(&parts);
        let steps = root.plan.steps.as_ref();
        let steps_max = match steps.map(|steps| (positive(*steps.get_ref()), steps.span())) {
            None => limits.plan_steps.saturating_mul(10),
            Some((Some(steps), _)) => steps,
            Some((None, span)) => {
                self.error("policy.value", span, "`steps` is a count of 1 or more");
                return None;
            }
        };
        let (order, tasks) = (self.order(), self.tasks(&inputs));
        let mut policy = Policy {
            name: root.name.get_ref().clone(),
            digest: crate::digest(self.document.text.as_bytes()),
            grants,
            capabilities,
            inputs,
            planner,
            limits,
            steps_max,
            steps_line: steps.map(|steps| self.line(&steps.span())),
            order,
            flows,
            proved: self.nevers(),
            tests: self.tests(),
            tasks,
            narrowing: Narrowing::default(),
            requires: self.document.requires().into_iter().map(|(part, _)| part).collect(),
            warnings: Vec::new(),
        };
        policy.warnings = promises::warnings(&policy);
        Some(policy)
    }

    /// Grants, labels and the built-in origins share one name space; a grant and a capability differ too.
    fn names_are_apart(&mut self) {
        let root = &self.document.root;
        let grants = root.grant.keys();
        let labels: BTreeSet<&Name> =
            root.labels.secrecy.iter().chain(&root.labels.origin).map(Spanned::get_ref).collect();
        if root.grant.len() + labels.len() + BUILT_IN_ORIGINS.len() > NAMES_MAX {
            let most = NAMES_MAX - BUILT_IN_ORIGINS.len();
            self.error("policy.name", root.name.span(), format!("a policy has at most {most} grants and labels"));
        }
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
        let root = &self.document.root;
        let all =
            root.grant.keys().chain(root.capability.keys()).chain(&root.labels.secrecy).chain(&root.labels.origin);
        let known: BTreeSet<&Name> = all.map(Spanned::get_ref).filter(|name| is_known(name)).collect();
        for name in names.iter().filter(|name| !is_known(name.get_ref())) {
            let message = format!("there is no {what} `{}`", name.get_ref());
            self.error_with_help(
                "policy.name",
                name.span(),
                message,
                format!("there are {}", listed(known.clone(), "none")),
            );
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

    fn input(&mut self, name: &Spanned<Name>, written: &Spanned<document::Input>) -> Option<Input> {
        let input = written.get_ref();
        let secrecy = self.secrecy(&input.secrecy);
        let origin = input.origin.as_ref().map(|names| self.origins(names));
        let schema = match Schema::parse(&toml::Value::Table(input.schema.clone())) {
            Ok(schema) if schema.fixes() || schema.from.is_some() || !schema.ask.is_empty() => {
                Err("`input`, `const`, `from` and `ask` are for arguments".to_owned())
            }
            other => other,
        };
        match schema {
            Ok(schema) => Some(Input { schema, secrecy, origin, narrowed: Vec::new(), line: self.line(&name.span()) }),
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
        let written = [&planner.rounds, &planner.corrections, &planner.tokens, &planner.time];
        let mut limits = PLANNER_LIMITS.map(|row| row.default);
        for ((limit, row), written) in limits.iter_mut().zip(&PLANNER_LIMITS).zip(written) {
            let Some(written) = written else { continue };
            // A planner that may not mend a plan is a policy's choice.
            let none = row.name == "corrections" && written.get_ref().as_integer() == Some(0);
            match if none { Ok(0) } else { row.parse(written.get_ref()) } {
                Ok(value) => *limit = value,
                Err(why) => self.error("policy.limit", written.span(), format!("the planner's `{}`: {why}", row.name)),
            }
        }
        let [rounds, corrections, tokens, time] = limits;
        Planner { shows, accepts: self.secrecy(&planner.accepts), rounds, corrections, tokens, time }
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
