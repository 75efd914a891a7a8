//! What a plan can call: a function of a component, with what it holds, and what it is endorsed for.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::{Loading, has, positive, printed};
use crate::capability::{Capability, Input};
use crate::catalogue::{Authority, Component};
use crate::document::{self, Approve, ComponentRef, Output};
use crate::endorsement::{self, Endorsement};
use crate::grant::Grant;
use crate::json::tokens;
use crate::label::BUILT_IN_ORIGINS;
use crate::limits::{Limits, Scope};
use crate::name::Name;
use crate::schema::Schema;
use crate::types::Type;

impl<'d> Loading<'d> {
    pub(super) fn capability(
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
        let holds = |is: fn(&Grant) -> bool| held.iter().any(|name| grants.get(name).is_some_and(is));
        let (folders, http, tcp) =
            (holds(|grant| grant.folder().is_some()), holds(Grant::is_http), holds(Grant::is_tcp));
        let stands_behind = |authority| match authority {
            Authority::Folders => folders,
            Authority::Http => http,
            Authority::Network => tcp,
            Authority::Inert => true,
            Authority::Unknown => false,
        };
        // A grant that is not known is one mistake, and not also an import that is not granted.
        if held.iter().all(|grant| has(&root.grant, grant)) {
            self.imports(name, written, component, &stands_behind);
        }
        let defaults = component.read_defaults();
        let span = written.function.as_ref().map_or_else(|| written.component.span(), Spanned::span);
        let named = written.function.as_ref().map(|name| name.get_ref().as_str()).or(defaults.function.as_deref());
        let function = match component.function(named) {
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
        let output_is_json = written.output.or(defaults.output) == Some(Output::Json);
        if output_is_json && signature.output != Some(Type::String) {
            self.error("policy.value", name.span(), "`output = \"json\"` is for a function that gives a string");
        }
        let arguments = self.arguments(name, written, &defaults, &signature, inputs);
        let calls = written.calls.as_ref().map(|calls| (positive(*calls.get_ref()), calls.span()));
        if let Some((None, span)) = &calls {
            self.error("policy.value", span.clone(), "`calls` is a count of 1 or more");
        }
        let output = if output_is_json { Some(Type::Json) } else { signature.output.clone() };
        let endorsements: Vec<Endorsement> =
            written.endorse.iter().filter_map(|endorse| self.endorsement(endorse, output.as_ref())).collect();
        for (index, one) in endorsements.iter().enumerate() {
            if endorsements.iter().skip(index + 1).any(|other| one.meets(other)) {
                let message =
                    format!("`/{}` is endorsed twice: one part is endorsed in one way", printed(&one.at.join("/")));
                self.error("policy.endorse", name.span(), message);
            }
        }
        let capability = Capability {
            component: written.component.get_ref().key().to_owned(),
            digest: component.digest.clone(),
            function: function.full_name(),
            docs: function.docs.clone(),
            parameters: signature.parameters.clone(),
            output,
            output_is_json,
            signature,
            grants: written.grants.iter().map(|grant| grant.get_ref().clone()).collect(),
            calls: calls.as_ref().and_then(|(calls, _)| *calls),
            inert: written.inert.iter().map(|interface| interface.get_ref().clone()).collect(),
            arguments,
            limits,
            endorsements,
            asks: written.approve == Some(Approve::Each),
            line: self.line(&name.span()),
            calls_line: calls.map(|(_, span)| self.line(&span)),
        };
        self.mounts_are_apart(name, &capability, grants);
        Some(capability)
    }

    /// Rule 9: an endorsement drops origins of grants and labels alone, from a part that leaves little choice.
    fn endorsement(&mut self, written: &Spanned<document::Endorsement>, output: Option<&Type>) -> Option<Endorsement> {
        let (span, endorse) = (written.span(), written.get_ref());
        let refuse = |loading: &mut Self, why: String| {
            loading.error("policy.endorse", span.clone(), format!("this part cannot be endorsed: {why}"));
        };
        let is_built_in = |name: &Spanned<Name>| BUILT_IN_ORIGINS.contains(&name.get_ref().as_str());
        let (built_in, others): (Vec<_>, Vec<_>) = endorse.drop.iter().cloned().partition(is_built_in);
        let mut drop = self.origins(&others);
        if let Some(origin) = built_in.first().map(Spanned::get_ref) {
            drop.insert(origin.clone());
            refuse(self, format!("`{origin}` is a built-in origin, and stays"));
        }
        if drop.is_empty() || endorse.because.get_ref().trim().is_empty() {
            refuse(self, "it says which origins it drops, and why: `drop = [\"…\"]`, `because = \"…\"`".to_owned());
        }
        let at = tokens(endorse.at.get_ref());
        let stars = at.iter().filter(|token| *token == "*").count();
        let mut table = endorse.schema.clone();
        let items_max = match (stars, table.remove("maxItems").and_then(|most| most.as_integer()).map(positive)) {
            (0, None) => None,
            (1, Some(Some(most))) => Some(most),
            (1, _) => {
                refuse(self, "`*` stands for each element, and needs `maxItems`".to_owned());
                return None;
            }
            _ => {
                refuse(self, "`maxItems` bounds the one `*` of `at`".to_owned());
                return None;
            }
        };
        let concrete: Vec<String> = at.iter().map(|token| if token == "*" { "0" } else { token }.to_owned()).collect();
        let star = at.iter().position(|token| token == "*").unwrap_or(0);
        let parent = output.and_then(|output| output.part(concrete.get(..star).unwrap_or_default()));
        if stars > 0 && !parent.as_ref().is_some_and(|parent| matches!(parent.some(), Type::List(_) | Type::Json)) {
            refuse(self, "`*` stands for each element of a list".to_owned());
        }
        let Some(ty) = output.and_then(|output| output.part(&concrete)) else {
            let gives = output.map_or_else(|| "nothing".to_owned(), |output| format!("a {output}"));
            refuse(self, format!("the function gives {gives}, which has no part `{}`", printed(endorse.at.get_ref())));
            return None;
        };
        let schema = match Schema::parse(&toml::Value::Table(table)) {
            Ok(schema) if schema.input.is_some() || schema.from.is_some() || !schema.ask.is_empty() => {
                Err("`input`, `from` and `ask` are for arguments".to_owned())
            }
            other => other,
        };
        let schema = schema.and_then(|schema| endorsement::is_closed(&schema).map(|()| schema));
        let schema = schema.and_then(|schema| super::arguments::fits(&schema, &ty).map(|()| schema));
        match schema {
            Ok(schema) => {
                let because = endorse.because.get_ref().clone();
                Some(Endorsement { at, schema, items_max, drop, because, line: self.line(&span) })
            }
            Err(why) => {
                refuse(self, why);
                None
            }
        }
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
        stands_behind: &dyn Fn(Authority) -> bool,
    ) {
        let names = |interface: &str, import: &str| {
            import == interface || import.strip_prefix(interface).is_some_and(|rest| rest.starts_with('/'))
        };
        let asked = |import: &str| written.inert.iter().any(|interface| names(interface.get_ref(), import));
        for interface in &written.inert {
            let imports = |authority: Authority| {
                let mut imports = component.imports.iter().filter(|import| import.authority == authority);
                imports.any(|import| names(interface.get_ref(), import.unversioned()))
            };
            let grantable = [Authority::Folders, Authority::Http, Authority::Network];
            if !grantable.into_iter().any(imports) {
                let message =
                    format!("the component imports nothing with authority called `{}`", printed(interface.get_ref()));
                self.error("component.import", interface.span(), message);
            } else if grantable.into_iter().any(|authority| imports(authority) && stands_behind(authority)) {
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
            .filter(|import| !stands_behind(import.authority))
            .filter(|import| import.authority == Authority::Unknown || !asked(import.unversioned()))
            .map(|import| (import.name.as_str(), import.authority))
            .collect();
        if refused.is_empty() {
            return;
        }
        let names: Vec<String> = refused.iter().map(|(import, _)| format!("`{}`", printed(import))).collect();
        let some = |authority: Authority| refused.iter().any(|(_, refused)| *refused == authority);
        let mut help = Vec::new();
        if some(Authority::Folders) {
            help.push("grant it a folder with `grants = [\"…\"]`, or link it with nothing behind it: `inert = [\"wasi:filesystem\"]`");
        }
        if some(Authority::Http) {
            help.push("grant it hosts with `http = [\"GET https://…\"]`, or link it with nothing behind it: `inert = [\"wasi:http\"]`");
        }
        if some(Authority::Network) {
            help.push("grant it addresses with `tcp = [\"10.1.2.3:5432\"]`, or link it with nothing behind it: `inert = [\"wasi:sockets\"]`");
        }
        if some(Authority::Unknown) {
            help = vec!["this claw gives no component that interface; use a component that does not import it"];
        }
        let help = help.join("; ");
        let message = format!("`{}` imports what it is not granted: {}", name.get_ref(), names.join(", "));
        self.error_with_help("component.import", name.span(), message, help);
    }
}
