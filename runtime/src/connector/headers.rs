//! Headers: what a guest may send, what is claw's own to send, and what a guest gets back.

use claw_policy::Destination;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, IF_RANGE,
    RANGE, TRANSFER_ENCODING,
};
use http::uri::PathAndQuery;
use http::{Method, Uri};
use http_body_util::Full;
use hyper::body::Bytes;

use super::failure::Failure;
use super::{Redact, Request};

/// The most headers of a request.
const HEADERS_MAX: usize = 100;
/// The most bytes of a request's line and headers together.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Headers that frame a message, or are about one connection (RFC 9110, section 7.6.1): the connector's, not a guest's. With
/// them a guest could say where one request ends and another begins.
const OWN: &[&str] = &[
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A secret, as a header. No guest sees it.
pub(super) struct Injected {
    name: HeaderName,
    value: HeaderValue,
}

impl Injected {
    /// `None` where a header cannot be called that or cannot hold it.
    pub(super) fn new(name: &str, prefix: &str, secret: &[u8]) -> Option<Self> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !is_own(name))?;
        let mut value = HeaderValue::from_bytes(&[prefix.as_bytes(), secret].concat()).ok()?;
        value.set_sensitive(true);
        Some(Self { name, value })
    }
}

fn is_own(name: &HeaderName) -> bool {
    OWN.contains(&name.as_str()) || name == CONTENT_LENGTH
}

/// A request as it is sent: its line and `Host` from what was matched, its framing from its body, the rest from the guest.
///
/// Refused are [`OWN`] headers, a `Content-Length` that is not the body's, and where a secret is put in, a header of its name
/// and `Range`, with which a reflected secret could be fetched in parts that nobody knows again. `Accept-Encoding` is
/// `identity` then, since what comes back compressed could not be redacted.
pub(super) fn request(
    request: Request,
    to: &Destination,
    secret: Option<&Injected>,
) -> Result<http::Request<Full<Bytes>>, Failure> {
    let target = to.path_and_query();
    let path = PathAndQuery::from_maybe_shared(target.clone()).ok().filter(|path| *path.as_str() == *target);
    let path = path.ok_or(Failure::Request("its path or query cannot be written as HTTP"))?;
    let authority =
        HeaderValue::try_from(to.authority()).map_err(|_| Failure::Request("its host cannot be written"))?;
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| Failure::Request("its method is none"))?;
    if request.headers.len() > HEADERS_MAX {
        return Err(Failure::Request("it has more than 100 headers"));
    }
    let bytes = request.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(4));
    if bytes.fold(target.len(), usize::saturating_add) > HEAD_BYTES_MAX {
        return Err(Failure::Request("its headers are larger than 64 KiB"));
    }

    let mut headers = HeaderMap::new();
    headers.insert(HOST, authority);
    for (name, value) in request.headers {
        let fault = |why| Failure::Header { header: name.clone(), why };
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault("has a name that is none"))?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| fault("has a control character in its value"))?;
        if known == CONTENT_LENGTH {
            if value.as_bytes() != request.body.len().to_string().as_bytes() {
                return Err(fault("has a length that is not the body's"));
            }
            continue;
        }
        if is_own(&known) {
            return Err(fault("is claw's own to send"));
        }
        if let Some(secret) = secret {
            if known == secret.name || known == RANGE || known == IF_RANGE {
                return Err(Failure::SecretHeader { header: name });
            }
            if known == ACCEPT_ENCODING {
                continue;
            }
        }
        headers.append(known, value);
    }
    if let Some(secret) = secret {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(&secret.name, secret.value.clone());
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    // Where a body is expected, none is one of no bytes (RFC 9110, section 8.6).
    if !request.body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }

    let mut sent = http::Request::new(Full::new(Bytes::from(request.body)));
    *sent.method_mut() = method;
    *sent.uri_mut() = Uri::from(path);
    *sent.headers_mut() = headers;
    Ok(sent)
}

/// Whether a response is written so that a secret in it would not be found again.
pub(super) fn hides(headers: &HeaderMap) -> bool {
    let is_other = |name, plain: &str| {
        headers.get_all(name).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(plain.as_bytes()))
    };
    is_other(CONTENT_ENCODING, "identity") || is_other(TRANSFER_ENCODING, "chunked")
}

/// A response's headers for the guest: redacted, without what was about the connection, and with the length that its body
/// has now.
pub(super) fn response(headers: &HeaderMap, body_bytes: usize, redact: &Redact) -> Vec<(String, Vec<u8>)> {
    let mut given = Vec::new();
    for (name, value) in headers {
        let is_plain = redact(name.as_str().as_bytes().to_vec()) == name.as_str().as_bytes();
        if !is_plain || OWN.contains(&name.as_str()) {
            continue;
        }
        // The response to HEAD says a length and has no body.
        let value = if name == CONTENT_LENGTH && body_bytes > 0 {
            body_bytes.to_string().into_bytes()
        } else {
            redact(value.as_bytes().to_vec())
        };
        given.push((name.as_str().to_owned(), value));
    }
    given
}
