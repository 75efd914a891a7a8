//! From a policy's grants of hosts to what sends requests: their secrets and certificates are read, once, when a run starts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_policy::{HostGrant, Name, Policy, Secret};
use claw_runtime::Network;
use claw_runtime::connector::{Connector, Opened, SystemResolver};
use claw_runtime::redact::{Redaction, Secret as Kept};

use crate::ambient;
use crate::error::Error;

/// What sends the requests of the capabilities that a policy has; none where no capability holds a grant of hosts. `base`
/// is the folder that the policy is in.
pub(crate) fn network(policy: &Policy, base: &Path) -> Result<Option<Network>, Error> {
    let (mut opened, mut secrets) = (Vec::new(), Vec::new());
    for (name, hosts) in held(policy) {
        let secret = hosts.secret.as_ref().map(|secret| read(name, secret, base)).transpose()?;
        let ca = hosts.ca.as_ref().map(|file| certificates(name, &base.join(file))).transpose()?;
        if let Some(secret) = &secret {
            secrets.push(Kept::new(secret.clone()).map_err(|error| refused(name, error.to_string()))?);
        }
        opened.push((name.clone(), Opened { grant: hosts.clone(), ca, secret }));
    }
    if opened.is_empty() {
        return Ok(None);
    }
    let redaction = Redaction::of(&secrets).map_err(|error| Error::own(error.to_string(), "give fewer secrets"))?;
    let redact = Box::new(move |bytes: Vec<u8>| redaction.redact(bytes).0);
    let connector = Connector::new(opened, Arc::new(SystemResolver), redact).map_err(|error| {
        Error::input("grant.hosts", error.to_string()).help("see `http`, `ca` and `secret` in the policy")
    })?;
    Ok(Some(Network::new(connector)?))
}

/// The files of secrets, which no folder that is granted may contain.
pub(crate) fn secret_files<'p>(hosts: impl Iterator<Item = &'p Secret>, base: &Path) -> Vec<PathBuf> {
    hosts.filter_map(|secret| secret.file.as_ref()).map(|file| base.join(file)).collect()
}

/// The grants of hosts that some capability holds.
fn held(policy: &Policy) -> impl Iterator<Item = (&Name, &HostGrant)> {
    let held: BTreeSet<&Name> = policy.capabilities.values().flat_map(|capability| &capability.grants).collect();
    policy
        .grants
        .iter()
        .filter(move |(name, _)| held.contains(name))
        .filter_map(|(name, grant)| Some((name, grant.hosts()?)))
}

fn read(grant: &Name, secret: &Secret, base: &Path) -> Result<Vec<u8>, Error> {
    let bytes = match (&secret.env, &secret.file) {
        (Some(variable), _) => ambient::variable(variable)
            .ok_or_else(|| refused(grant, format!("the variable `{variable}` is not set")))?
            .into_bytes(),
        (None, Some(file)) => ambient::read_secret(&base.join(file)).map_err(|why| refused(grant, why))?,
        (None, None) => return Err(refused(grant, "it is read from nowhere".to_owned())),
    };
    // Editors end a file with a line feed.
    Ok(bytes.trim_ascii_end().to_vec())
}

fn certificates(grant: &Name, file: &Path) -> Result<Vec<u8>, Error> {
    let text = ambient::read_text(file)?.ok_or_else(|| {
        Error::input("grant.hosts", format!("the `ca` of `{grant}` cannot be read: `{}` is not there", file.display()))
            .help("the path is from the folder that the policy is in")
    })?;
    Ok(text.into_bytes())
}

fn refused(grant: &Name, why: String) -> Error {
    Error::input("grant.secret", format!("the secret of `{grant}` cannot be used: {why}"))
        .help("a secret is in a variable of the environment, or in a file of mode 0600; it has 8 bytes or more")
}
