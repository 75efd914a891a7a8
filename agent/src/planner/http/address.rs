//! Where a service is: a base URL that has nothing secret in it, and that no key leaves unencrypted for.

use url::{Host, Url};

use crate::planner::choice::Service;

/// A base URL that may be used.
#[derive(Debug)]
pub(in crate::planner) struct Address(Url);

/// Why a base URL may not be used. It shows nothing of it, for there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is for something else than HTTP.
    #[error("is neither `https` nor `http`")]
    Scheme,
    /// It has a user or a password.
    #[error("has a user or a password in it")]
    Credentials,
    /// It has a query or a fragment.
    #[error("has a `?` or a `#` in it")]
    Query,
    /// The key would go over a network for everyone to read.
    #[error("is `http`, so that the key would be readable on the way")]
    Clear,
}

impl AddressError {
    /// What to do.
    pub fn help(self) -> &'static str {
        match self {
            Self::Scheme => "write one such as `https://api.openai.com/v1` or `http://127.0.0.1:8080/v1`",
            Self::Credentials => "leave them away: what a service wants to know of you is its key",
            Self::Query => "leave it away: write the part before the path of the single request",
            Self::Clear => "write `https`, or give no key; on this machine itself, `http` is fine",
        }
    }
}

impl Address {
    /// Where `service` is: at `base`, or where it usually is.
    pub(in crate::planner) fn of(service: Service, base: Option<Url>, with_key: bool) -> Result<Self, AddressError> {
        let url = match base {
            Some(url) => url,
            None => Url::parse(service.base_url()).map_err(|_| AddressError::Scheme)?,
        };
        if !matches!(url.scheme(), "https" | "http") {
            return Err(AddressError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Query);
        }
        if with_key && url.scheme() == "http" && !is_this_machine(&url) {
            return Err(AddressError::Clear);
        }
        Ok(Self(url))
    }

    /// Whether who is there shows a certificate.
    pub(in crate::planner) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The URL of a request, `path` being below the base.
    pub(super) fn endpoint(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(base: &str, with_key: bool) -> Result<String, AddressError> {
        let url = Url::parse(base).unwrap();
        Address::of(Service::OpenAi, Some(url), with_key).map(|address| address.endpoint("chat").to_string())
    }

    #[test]
    fn a_path_is_below_the_base() {
        for base in ["https://host/v1", "https://host/v1/", "https://host/v1//"] {
            assert_eq!(address(base, true).unwrap(), "https://host/v1/chat");
        }
        assert_eq!(address("http://127.0.0.1:8080", false).unwrap(), "http://127.0.0.1:8080/chat");
    }

    #[test]
    fn a_key_goes_in_the_clear_to_this_machine_alone() {
        for base in ["http://127.0.0.1:1/v1", "http://127.9.9.9", "http://[::1]:1", "http://localhost:1"] {
            assert!(address(base, true).is_ok(), "{base}");
        }
        for base in ["http://192.168.1.2", "http://example.com", "http://localhost.example.com", "http://[::2]"] {
            assert_eq!(address(base, true), Err(AddressError::Clear), "{base}");
            assert!(address(base, false).is_ok(), "{base}");
        }
    }

    #[test]
    fn a_base_url_has_nothing_but_a_place() {
        assert_eq!(address("file:///etc/passwd", false), Err(AddressError::Scheme));
        assert_eq!(address("https://user@host", false), Err(AddressError::Credentials));
        assert_eq!(address("https://:secret@host", false), Err(AddressError::Credentials));
        assert_eq!(address("https://host/?key=secret", false), Err(AddressError::Query));
        assert_eq!(address("https://host/#a", false), Err(AddressError::Query));
    }
}
