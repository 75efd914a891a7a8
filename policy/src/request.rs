//! Requests that a policy grants, and whether a request is one of them.

use std::fmt;
use std::net::IpAddr;

use crate::url::{Destination, Host, UrlFault};

/// A method and a URL that are granted, with all that is below it where it ends in `/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestGrant {
    method: String,
    /// Read by the parser that reads requests.
    destination: Destination,
    /// Whether the last segment of the path, which is then empty, stands for any path below.
    is_prefix: bool,
}

/// Why a text grants no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// There is no method of capital letters before the URL.
    #[error("it does not start with a method and a space")]
    Method,
    /// The method asks for a tunnel.
    #[error("CONNECT asks for a tunnel, through which anything could go: grant `tcp`")]
    Tunnel,
    /// The URL is none.
    #[error(transparent)]
    Url(#[from] UrlFault),
    /// The URL has no path.
    #[error("the URL has no path: `https://host/` is one page, `https://host/*` all of them")]
    NoPath,
    /// There is a `*` elsewhere than at the end.
    #[error("`*` stands at the end alone, as in `https://host/docs/*`")]
    Star,
    /// There is a query.
    #[error("the URL has a query: `query = [\"q\"]` in the grant names its keys")]
    Query,
    /// An address is written so that not everybody takes it for that address.
    #[error("an address is written as four decimal numbers, or as IPv6 in brackets")]
    Spelling,
}

/// What of a request is not granted. The later, the more of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Mismatch {
    /// No grant names the host.
    #[error("the host is not granted")]
    Host,
    /// The host is granted with another scheme or port.
    #[error("the host is granted, but not with this scheme and port")]
    Port,
    /// The host is granted with other paths.
    #[error("the host is granted, but not this path")]
    Path,
    /// The path is granted with other methods.
    #[error("the path is granted, but not with this method")]
    Method,
    /// The request is granted with other keys in its query.
    #[error("the path is granted, but not with these keys in its query")]
    Query,
}

impl RequestGrant {
    /// Reads `METHOD URL`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, RequestFault> {
        let (method, url) = text.split_once(' ').ok_or(RequestFault::Method)?;
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(RequestFault::Method);
        }
        if method == "CONNECT" {
            return Err(RequestFault::Tunnel);
        }
        let is_prefix = url.ends_with("/*");
        let url = if is_prefix { url.strip_suffix('*').unwrap_or(url) } else { url };
        if url.contains('*') {
            return Err(RequestFault::Star);
        }
        let destination = Destination::parse(url)?;
        if url.contains('?') {
            return Err(RequestFault::Query);
        }
        let (authority, _) =
            url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).ok_or(RequestFault::NoPath)?;
        // `127.1` and `0x7f.1` are that address to some, and names to others.
        if let Host::Address(IpAddr::V4(address)) = destination.host()
            && authority.split(':').next() != Some(address.to_string().as_str())
        {
            return Err(RequestFault::Spelling);
        }
        Ok(Self { method: method.to_owned(), destination, is_prefix })
    }

    /// The host that it names.
    pub fn host(&self) -> &Host {
        self.destination.host()
    }

    /// Whether it grants a request.
    ///
    /// # Errors
    /// What of the request it does not grant.
    pub fn admits(&self, method: &str, to: &Destination) -> Result<(), Mismatch> {
        let own = &self.destination;
        if to.host() != own.host() {
            return Err(Mismatch::Host);
        }
        if to.is_tls() != own.is_tls() || to.port() != own.port() {
            return Err(Mismatch::Port);
        }
        let mut rest = to.segments();
        let is_path = if self.is_prefix {
            let above = own.segments().count().saturating_sub(1);
            own.segments().take(above).all(|segment| rest.next() == Some(segment)) && rest.next().is_some()
        } else {
            rest.eq(own.segments())
        };
        if !is_path {
            return Err(Mismatch::Path);
        }
        if method != self.method {
            return Err(Mismatch::Method);
        }
        Ok(())
    }
}

impl fmt::Display for RequestGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.destination, if self.is_prefix { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn admits(grant: &str, request: &str) -> Result<(), Mismatch> {
        let (method, url) = request.split_once(' ').unwrap();
        RequestGrant::parse(grant).unwrap().admits(method, &Destination::parse(url).unwrap())
    }

    /// Case 113: what a list of allowed hosts gets wrong.
    #[test]
    fn case_113_a_grant_admits_what_it_names_and_nothing_that_looks_like_it() {
        let grant = "GET https://allowed.example/api/*";
        for request in [
            "GET https://allowed.example/api/x",
            "GET https://ALLOWED.EXAMPLE:443/api/",
            "GET https://allowed.example./api/a/b?q=1",
            "GET https://allowed.example/%61pi/x",
            "GET https://allowed.example/api//",
        ] {
            assert_eq!(admits(grant, request), Ok(()), "{request}");
        }
        for (request, mismatch) in [
            ("GET https://evil-allowed.example/api/x", Mismatch::Host),
            ("GET https://allowed.example.evil.example/api/x", Mismatch::Host),
            ("GET https://www.allowed.example/api/x", Mismatch::Host),
            ("GET https://example/api/x", Mismatch::Host),
            ("GET https://xn--llowed-7fg.example/api/x", Mismatch::Host),
            ("GET https://127.0.0.1/api/x", Mismatch::Host),
            ("GET http://allowed.example/api/x", Mismatch::Port),
            ("GET http://allowed.example:443/api/x", Mismatch::Port),
            ("GET https://allowed.example:8443/api/x", Mismatch::Port),
            ("GET https://allowed.example/api", Mismatch::Path),
            ("GET https://allowed.example/apix/y", Mismatch::Path),
            ("GET https://allowed.example/API/x", Mismatch::Path),
            ("GET https://allowed.example/", Mismatch::Path),
            ("GET https://allowed.example/x/api/x", Mismatch::Path),
            ("POST https://allowed.example/api/x", Mismatch::Method),
            ("get https://allowed.example/api/x", Mismatch::Method),
            // Case 110: methods are granted one by one.
            ("TRACE https://allowed.example/api/x", Mismatch::Method),
            ("CONNECT https://allowed.example/api/x", Mismatch::Method),
        ] {
            assert_eq!(admits(grant, request), Err(mismatch), "{request}");
        }
        assert_eq!(admits("GET https://a.example/x", "GET https://a.example/x?y"), Ok(()));
        assert_eq!(admits("GET https://a.example/x", "GET https://a.example/x/"), Err(Mismatch::Path));
        assert_eq!(admits("GET https://a.example/*", "GET https://a.example"), Ok(()));
        assert_eq!(admits("GET https://a.example/caf%C3%A9", "GET https://a.example/c%61f%c3%a9"), Ok(()));
        assert_eq!(admits("GET http://[0:0::1]/", "GET http://[::1]:80/"), Ok(()));
        assert_eq!(admits("GET http://127.0.0.1/", "GET http://0x7f.1/"), Ok(()));
    }

    #[test]
    fn a_grant_has_one_reading_or_is_none() {
        for (text, fault) in [
            ("https://a.example/", RequestFault::Method),
            ("get https://a.example/", RequestFault::Method),
            (" https://a.example/", RequestFault::Method),
            ("CONNECT https://a.example/", RequestFault::Tunnel),
            ("GET  https://a.example/", RequestFault::Url(UrlFault::Character)),
            ("GET a.example/", RequestFault::Url(UrlFault::Form)),
            ("GET ftp://a.example/", RequestFault::Url(UrlFault::Scheme)),
            ("GET https://me@a.example/", RequestFault::Url(UrlFault::Userinfo)),
            ("GET https://a.example/a/../b", RequestFault::Url(UrlFault::Path)),
            ("GET https://a.example", RequestFault::NoPath),
            ("GET https://*.example/", RequestFault::Star),
            ("GET https://a.example/*/x", RequestFault::Star),
            ("GET https://a.example/x*", RequestFault::Star),
            ("GET https://a.example/?q=1", RequestFault::Query),
            ("GET https://a.example?q=/", RequestFault::Query),
            ("GET http://127.1/", RequestFault::Spelling),
            ("GET http://0x7f.0.0.1/", RequestFault::Spelling),
            ("GET http://2130706433/", RequestFault::Spelling),
            ("GET http://127.0.0.1./", RequestFault::Spelling),
            ("GET http://[::ffff:10.0.0.1]/", RequestFault::Spelling),
        ] {
            assert_eq!(RequestGrant::parse(text).unwrap_err(), fault, "{text}");
        }
        for text in ["GET https://a.example/*", "POST http://127.0.0.1:8080/x", "DELETE http://[::1]/x/"] {
            assert_eq!(RequestGrant::parse(text).unwrap().to_string(), text);
        }
    }

    proptest! {
        /// What is admitted is, as it will be sent, at the host and port and below the path of the grant.
        #[test]
        fn what_a_grant_admits_is_sent_to_where_it_says(url in r"(http|https|HTTP)://([a-z.@:\\%]{0,3})?(a\.example|A\.example\.|127\.0\.0\.1|0x7f\.1)(:80|:443|:8080)?(/(api|\.|\.\.|%2e|%2f|%2F|%61pi|x|;|\\|a%20b|@|){1,2}){0,4}(\?[a-z=&#/.%]{0,6})?") {
            let grants = ["GET https://a.example/api/*", "GET http://a.example/api/*", "GET http://127.0.0.1/api/*"];
            let Ok(to) = Destination::parse(&url) else { return Ok(()) };
            let grants = grants.map(|grant| RequestGrant::parse(grant).unwrap());
            if grants.iter().any(|grant| grant.admits("GET", &to).is_ok()) {
                prop_assert!(matches!(to.authority().as_str(), "a.example" | "127.0.0.1"), "{}", to);
                let sent = percent_encoding::percent_decode_str(&to.path_and_query()).decode_utf8().unwrap().into_owned();
                let path = sent.split('?').next().unwrap();
                prop_assert!(path.starts_with("/api/"), "{}", to);
                prop_assert!(path.split('/').all(|part| part != ".." && part != "."), "{}", to);
                // Reading what was sent again gives the same.
                prop_assert_eq!(Destination::parse(&to.to_string()), Ok(to));
            }
        }
    }
}
