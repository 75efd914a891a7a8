//! Whose certificates a service's are held against.

use claw_runtime::connector::{platform_roots, trusting};
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
        platform_roots().map(Self)
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

    /// How to speak TLS.
    pub(super) fn config(&self) -> Result<ClientConfig, String> {
        trusting(self.0.clone())
    }
}
