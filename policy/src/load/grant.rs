//! What a policy grants: folders, and hosts.

use std::collections::BTreeSet;

use toml::Spanned;

use super::{Loading, printed};
use crate::document::{self, Access, Folder};
use crate::grant::{FolderGrant, Grant, HostGrant, Target};
use crate::label::Label;
use crate::name::Name;

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
        let mut hosts = BTreeSet::new();
        let requests = grant.http.iter().flat_map(Spanned::get_ref);
        for request in requests {
            match host_of_request(request.get_ref()) {
                Some(host) => {
                    hosts.insert(host);
                }
                None => self.error_with_help(
                    "policy.grant",
                    request.span(),
                    format!("`{}` is no request", printed(request.get_ref())),
                    "a request is a method and a URL: \"GET https://example.org/docs/*\"",
                ),
            }
        }
        for address in grant.tcp.iter().flat_map(Spanned::get_ref) {
            match address.get_ref().parse::<std::net::SocketAddr>() {
                Ok(address) => {
                    hosts.insert(address.ip().to_string());
                }
                Err(_) => self.error_with_help(
                    "policy.grant",
                    address.span(),
                    format!("`{}` is no address with a port", printed(address.get_ref())),
                    "write it as \"10.1.2.3:5432\"",
                ),
            }
        }
        let texts = |list: &Option<Spanned<Vec<Spanned<String>>>>| {
            list.iter().flat_map(Spanned::get_ref).map(|text| text.get_ref().clone()).collect::<Vec<_>>()
        };
        let (http, tcp) = (texts(&grant.http), texts(&grant.tcp));
        if http.is_empty() && tcp.is_empty() {
            self.error("policy.grant", name.span(), format!("the grant `{}` names no host", name.get_ref()));
            return None;
        }
        Some(HostGrant {
            http,
            tcp,
            hosts,
            query: grant.query.clone(),
            addresses: grant.addresses.clone().unwrap_or_default(),
            ca: grant.ca.clone(),
            proxy: grant.proxy.clone(),
            secret: grant.secret.clone(),
        })
    }
}

/// The host of `METHOD URL`, in lower case; `None` where the text is none, or where it could be read in two ways.
fn host_of_request(request: &str) -> Option<String> {
    let (method, url) = request.split_once(' ')?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (authority, path) = rest.split_at(rest.find('/')?);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
    let (is_method, is_port) = (
        method.bytes().all(|b| b.is_ascii_uppercase()),
        port.is_none_or(|port| port.parse::<u16>().is_ok_and(|p| p > 0)),
    );
    let path = path.strip_suffix("/*").unwrap_or(path);
    let is_path = path.split('/').all(|part| !matches!(part, "." | ".."))
        && path.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '?' | '#' | '%' | '\\'));
    let whole = !method.is_empty() && is_method && !host.is_empty() && host.chars().all(is_host) && is_port && is_path;
    if whole { canonical_host(host) } else { None }
}

/// One spelling for one host; `None` where a number could be read as an address in two ways.
fn canonical_host(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if let Some(inside) = host.strip_prefix('[') {
        return Some(inside.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok()?.to_string());
    }
    // `127.1`, `0x7f.1` and `2130706433` are addresses to some resolvers.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if is_number { Some(host.parse::<std::net::Ipv4Addr>().ok()?.to_string()) } else { Some(host) }
}
