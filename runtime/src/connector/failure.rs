//! Why nothing came back: all of it for the record, and next to nothing for the guest.

use std::fmt;
use std::net::IpAddr;

use claw_policy::{Mismatch, UrlFault};

/// Why a request has no response, or a connection was not made. It says more than a guest may be told: see
/// [`told`](Self::told).
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The URL is none that could be matched.
    #[error(transparent)]
    Url(#[from] UrlFault),
    /// No grant of the capability is for it.
    #[error("no grant of this capability is for it: {0}")]
    NotGranted(#[from] Mismatch),
    /// No grant of the capability is for a TCP connection to that address and port.
    #[error("no grant of this capability is for a TCP connection to that address and port")]
    AddressNotGranted,
    /// The host has an address that is not public, and that the grant does not name.
    #[error("the host has the address {address} ({purpose}), which is not public and not in the grant's `addresses`")]
    Address {
        /// The first such address.
        address: IpAddr,
        /// What it is for.
        purpose: &'static str,
    },
    /// The guest gives a header that the grant's secret is for, or one with which a secret could come back unseen.
    #[error("the guest set the header `{header}`, which a grant with a secret leaves to claw")]
    SecretHeader {
        /// The header's name.
        header: String,
    },

    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {0}")]
    Request(&'static str),
    /// A header is none that a guest may send.
    #[error("the request cannot be sent: the header `{header}` {why}")]
    Header {
        /// Its name, as the guest gave it.
        header: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// The name was not resolved.
    #[error("the host's name was not resolved: {0}")]
    Lookup(#[source] std::io::Error),
    /// The name has no address.
    #[error("the host's name has no address")]
    NoAddress,
    /// The name has too many.
    #[error("the host's name has more than {most} addresses")]
    Addresses {
        /// The most that are looked at.
        most: usize,
    },
    /// No connection was made.
    #[error("no connection: {0}")]
    Connect(#[source] std::io::Error),
    /// The server was not who it should be, or does not speak TLS.
    #[error("no TLS connection: {0}")]
    Tls(#[source] std::io::Error),

    /// It took too long.
    #[error("{0} took too long")]
    Late(Phase),
    /// The response is larger than it may be.
    #[error("the {0} is larger than it may be")]
    Large(Part),
    /// What came back is no HTTP/1.1, or was cut off.
    #[error("the response is not to be had: {0}")]
    Broken(String),
}

/// What a request spends its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Finding out the addresses of the host.
    Lookup,
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// From the request's first byte to the response's last header.
    Head,
    /// The response's body.
    Body,
}

/// A part of a response that has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its headers, or what comes before them.
    Head,
    /// Its body.
    Body,
}

/// What a guest is told. It is the same for whatever is denied, so that a guest that tries names and addresses does not
/// learn which of them there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Told {
    /// It is not allowed, for whatever reason.
    #[error("denied")]
    Denied,
    /// The request is allowed, and is no request.
    #[error("malformed request")]
    Malformed,
    /// The host is allowed, and was not reached.
    #[error("unreachable")]
    Unreachable,
    /// It took too long.
    #[error("timed out")]
    TimedOut,
    /// The response is larger than it may be.
    #[error("response too large")]
    TooLarge,
    /// The response is none.
    #[error("malformed response")]
    Broken,
}

impl Failure {
    /// What a guest is told of it.
    pub fn told(&self) -> Told {
        match self {
            Self::Url(_)
            | Self::NotGranted(_)
            | Self::AddressNotGranted
            | Self::Address { .. }
            | Self::Addresses { .. }
            | Self::SecretHeader { .. } => Told::Denied,
            Self::Request(_) | Self::Header { .. } => Told::Malformed,
            Self::Lookup(_) | Self::NoAddress | Self::Connect(_) | Self::Tls(_) => Told::Unreachable,
            Self::Late(_) => Told::TimedOut,
            Self::Large(_) => Told::TooLarge,
            Self::Broken(_) => Told::Broken,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "resolving the host's name",
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Head => "the request, or the response's head,",
            Self::Body => "the response's body",
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "response's head",
            Self::Body => "response's body",
        })
    }
}
