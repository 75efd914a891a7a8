//! What a policy grants: folders, and hosts.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ipnet::IpNet;
use toml::Spanned;

use super::{Loading, printed};
use crate::document::{self, Access, Folder};
use crate::grant::{FolderGrant, Grant, HostGrant, Target};
use crate::label::Label;
use crate::name::Name;
use crate::request::RequestGrant;

impl Loading<'_> {
    pub(super) fn grant(&mut self, name: &Spanned<Name>, written: &Spanned<document::Grant>) -> Option<Grant> {
        let grant = written.get_ref();
        let own = || BTreeSet::from([name.get_ref().clone()]);
        let label = Label {
            secrecy: grant.secrecy.as_ref().map_or_else(own, |names| self.secrecy(names)),
            origin: grant.origin.as_ref().map_or_else(own, |names| self.origins(names)),
        };
        let accepts = self.secrecy(&grant.accepts);
        let target = match (&grant.dir, grant.http.is_some() || grant.tcp.is_some()) {
            (Some(_), true) => {
                let message = format!("the grant `{}` is a folder or hosts, not both", name.get_ref());
                self.error_with_help("policy.grant", name.span(), message, "write two grants");
                return None;
            }
            (None, true) => Target::Hosts(self.hosts(name, grant)?),
            (_, false) => Target::Folder(self.folder(name, grant)?),
        };
        let place = grant.place.as_ref().map(|place| place.get_ref().clone());
        Some(Grant { target, place, label, accepts, line: self.line(&name.span()) })
    }

    fn folder(&mut self, name: &Spanned<Name>, grant: &document::Grant) -> Option<FolderGrant> {
        let (Some(folder), Some(access)) = (&grant.dir, grant.access) else {
            let missing =
                if grant.dir.is_none() { "dir = \"…\"" } else { "access = \"read\"` or `access = \"write\"" };
            self.error("policy.grant", name.span(), format!("the grant `{}` lacks `{missing}`", name.get_ref()));
            return None;
        };
        if access == Access::Read
            && (grant.create || grant.dotfiles || grant.files.is_some() || !grant.accepts.is_empty())
        {
            let message = "`create`, `dotfiles`, `files` and `accepts` are about writing, and";
            self.error("policy.grant", name.span(), format!("{message} `{}` only reads", name.get_ref()));
        }
        if grant.query.is_some()
            || grant.addresses.is_some()
            || grant.ca.is_some()
            || grant.proxy.is_some()
            || grant.secret.is_some()
        {
            let message = "`query`, `addresses`, `ca`, `proxy` and `secret` are about hosts, and";
            self.error("policy.grant", name.span(), format!("{message} `{}` is a folder", name.get_ref()));
        }
        if *folder.get_ref() == Folder::Path(String::new()) {
            let message = "`dir` is empty: write \".\" for the folder that the policy is in";
            self.error("policy.grant", folder.span(), message);
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
        let (folder, create, dotfiles) = (folder.get_ref().clone(), grant.create, grant.dotfiles);
        Some(FolderGrant { folder, access, create, dotfiles, files, mount })
    }

    fn globs(&mut self, globs: &[Spanned<String>]) -> Vec<String> {
        for glob in globs {
            if let Err(error) = globset::Glob::new(glob.get_ref()) {
                self.error("policy.value", glob.span(), printed(&error.to_string()));
            }
        }
        globs.iter().map(|glob| glob.get_ref().clone()).collect()
    }

    fn hosts(&mut self, name: &Spanned<Name>, grant: &document::Grant) -> Option<HostGrant> {
        let about_folders =
            grant.access.is_some() || grant.create || grant.dotfiles || grant.files.is_some() || grant.mount.is_some();
        if about_folders {
            let message = "`access`, `create`, `dotfiles`, `files` and `mount` are about folders, and";
            self.error("policy.grant", name.span(), format!("{message} `{}` grants hosts", name.get_ref()));
        }
        if let Some(secret) = &grant.secret
            && secret.env.is_some() == secret.file.is_some()
        {
            self.error("policy.grant", name.span(), "a `secret` is read from `env` or from `file`, one of them");
        }
        if grant.secret.as_ref().is_some_and(|secret| !is_header_name(&secret.header)) {
            let message = "the `header` of a `secret` is a header's name, of letters, digits, `-` and `_`";
            self.error("policy.grant", name.span(), message);
        }
        let named = [&grant.http, &grant.tcp].into_iter().flatten().any(|list| !list.get_ref().is_empty());
        if !named {
            self.error("policy.grant", name.span(), format!("the grant `{}` names no host", name.get_ref()));
            return None;
        }
        let http: Vec<_> = grant.http.iter().flat_map(Spanned::get_ref).filter_map(|text| self.request(text)).collect();
        let tcp: Vec<_> = grant.tcp.iter().flat_map(Spanned::get_ref).filter_map(|text| self.address(text)).collect();
        let addresses = grant.addresses.iter().flatten().filter_map(|text| self.network(text)).collect();
        Some(HostGrant {
            http,
            tcp,
            query: grant.query.clone(),
            addresses,
            ca: grant.ca.clone(),
            proxy: grant.proxy.clone(),
            secret: grant.secret.clone(),
        })
    }

    fn request(&mut self, text: &Spanned<String>) -> Option<RequestGrant> {
        let request = RequestGrant::parse(text.get_ref());
        if let Err(fault) = &request {
            self.error_with_help(
                "policy.grant",
                text.span(),
                format!("`{}` is no request: {fault}", printed(text.get_ref())),
                "a request is a method and a URL: \"GET https://example.org/docs/*\"",
            );
        }
        request.ok()
    }

    fn address(&mut self, text: &Spanned<String>) -> Option<SocketAddr> {
        let address = text.get_ref().parse::<SocketAddr>().ok().filter(|address| {
            // An address that has a second spelling is not written in it, and a zone is the machine's own affair.
            let has_zone = matches!(address, SocketAddr::V6(address) if address.scope_id() != 0);
            address.port() > 0 && !has_zone && address.ip() == address.ip().to_canonical()
        });
        if address.is_none() {
            self.error_with_help(
                "policy.grant",
                text.span(),
                format!("`{}` is no address with a port", printed(text.get_ref())),
                "write it as \"10.1.2.3:5432\" or \"[2001:db8::1]:5432\"",
            );
        }
        address
    }

    fn network(&mut self, text: &Spanned<String>) -> Option<IpNet> {
        let network = text.get_ref().parse::<IpNet>().ok().filter(|network| network.trunc() == *network);
        if network.is_none() {
            self.error_with_help(
                "policy.grant",
                text.span(),
                format!("`{}` is no network", printed(text.get_ref())),
                "write its first address and the length of its prefix: \"10.0.0.0/8\", \"10.1.2.3/32\"",
            );
        }
        network
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
