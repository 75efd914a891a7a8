//! TLS: the server's name is checked against the platform's roots or the grant's, and nothing is kept for the next time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use claw_policy::Host;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, DnsName, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::deadline::Deadline;
use super::failure::{Failure, Phase};

/// The longest that a handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Whose certificates are believed.
#[derive(Debug)]
pub(super) enum Trust {
    /// The platform's, read when first needed.
    Platform,
    /// Those of the grant's `ca` alone.
    Given(Arc<ClientConfig>),
}

impl Trust {
    /// Trust in the certificates of a PEM file, and in no others.
    pub(super) fn in_pem(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        Ok(Self::Given(Arc::new(trusting(roots)?)))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        static PLATFORM: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
        match self {
            Self::Given(config) => Ok(Arc::clone(config)),
            Self::Platform => PLATFORM.get_or_init(|| Ok(Arc::new(trusting(platform_roots()?)?))).clone(),
        }
    }
}

/// The certificates that the platform trusts.
///
/// # Errors
/// There are none that can be used; in words.
///
/// # Ambient Authority
/// Reads them, and as OpenSSL does the variables that say where they are.
pub fn platform_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A platform may have certificates that are malformed: they are not trusted, and the others are.
    roots.add_parsable_certificates(found.certs);
    match found.errors.first() {
        Some(error) if roots.is_empty() => Err(format!("the platform's certificates cannot be read: {error}")),
        None if roots.is_empty() => Err("the platform has no certificates".to_owned()),
        _ => Ok(roots),
    }
}

/// How TLS is spoken by all of claw, with whom `roots` vouch for.
///
/// # Errors
/// What the library says.
pub fn trusting(roots: RootCertStore) -> Result<ClientConfig, String> {
    // Named here, so that no crate elsewhere can choose another: TLS 1.2 with ECDHE and AEAD, and 1.3.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A ticket would tell the server that two steps, or two runs, are of one user.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A TLS connection to `host` over a TCP connection, if that is who is there.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &Host,
    trust: &Trust,
    deadline: Deadline,
) -> Result<TlsStream<TcpStream>, Failure> {
    let config = trust.config().map_err(|why| Failure::Tls(std::io::Error::other(why)))?;
    let name = match host {
        Host::Address(address) => ServerName::IpAddress((*address).into()),
        Host::Name(name) => {
            let name = DnsName::try_from(name.clone()).map_err(|error| Failure::Tls(std::io::Error::other(error)))?;
            ServerName::DnsName(name)
        }
    };
    let handshake = TlsConnector::from(config).connect(name, stream);
    deadline.within(HANDSHAKE_TIME_MAX).keep(Phase::Handshake, handshake).await?.map_err(Failure::Tls)
}
