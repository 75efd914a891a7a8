//! Whose certificates are believed: rustls with ring, and the platform's roots.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};

/// Who may say that a service is who it says it is.
#[derive(Clone, Debug)]
pub(in crate::planner) struct Trust(RootCertStore);

impl Trust {
    /// The platform's certificates.
    ///
    /// # Ambient Authority
    /// Reads them.
    pub(in crate::planner) fn platform() -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Those that are malformed are not trusted, and the others are.
        roots.add_parsable_certificates(found.certs);
        match found.errors.first() {
            Some(error) if roots.is_empty() => Err(format!("the platform's certificates cannot be read: {error}")),
            None if roots.is_empty() => Err("the platform has no certificates".to_owned()),
            _ => Ok(Self(roots)),
        }
    }

    /// Nobody's: for what is spoken to without TLS.
    pub(in crate::planner) fn nobody() -> Self {
        Self(RootCertStore::empty())
    }

    #[cfg(test)]
    pub(super) fn of(root: rustls::pki_types::CertificateDer<'_>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        Self(roots)
    }

    /// How to speak TLS. The provider is named here, so that no other crate can choose one.
    pub(super) fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.0.clone())
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}
