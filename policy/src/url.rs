//! Where a request goes: a URL that is read once, and then both matched and sent.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use percent_encoding::percent_decode;
use url::Url;

/// The longest URL that is read, in bytes: what common servers take.
pub const URL_BYTES_MAX: usize = 8 * 1024;

/// Where a request goes.
///
/// Its parts come from one reading by one parser (the WHATWG one, of the `url` crate). They are what grants are compared
/// with and what goes on the wire, so that the two cannot name different things.
///
/// Two URLs are equal if they are sent alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    is_tls: bool,
    host: Host,
    port: u16,
    /// As sent: it starts with `/`, is percent-encoded, and each segment has one reading.
    path: String,
    query: Option<String>,
}

/// A host in the one spelling that it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name: small letters, digits, `-` and `_` between dots, in its ASCII form, with no dot at its end.
    Name(String),
    /// An address; an IPv4 address that is written as IPv6 is IPv4.
    Address(IpAddr),
}

/// Why a text is no URL that a request can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It is longer than [`URL_BYTES_MAX`].
    #[error("the URL is longer than {URL_BYTES_MAX} bytes")]
    Long,
    /// It has characters that readers of URLs drop, turn or take for each other.
    #[error(
        "the URL has a character other than printable ASCII without `\\`: percent-encode it, or write the host as `xn--…`"
    )]
    Character,
    /// It is not of the form `https://host/path`.
    #[error("the URL is not of the form `https://host/path`")]
    Form,
    /// It is neither `http` nor `https`.
    #[error("the URL's scheme is neither `http` nor `https`")]
    Scheme,
    /// It has `user@` before its host.
    #[error("the URL has `@` before its path: a name or password before the host")]
    Userinfo,
    /// It has a part after `#`, which is never sent.
    #[error("the URL has a part after `#`, which is never sent")]
    Fragment,
    /// Its host is no name of letters, digits, `-` and `_`, and no address.
    #[error("the URL's host is neither a name of letters, digits, `-` and `_` nor an address")]
    Host,
    /// Its port is 0.
    #[error("the URL's port is 0")]
    Port,
    /// A part of its path has two readings.
    #[error(
        "the URL's path has a part that servers read differently: `.`, `..`, `/`, `\\` or a control character, also encoded, or `//` at its start"
    )]
    Path,
}

impl Destination {
    /// Reads a URL.
    ///
    /// Names are folded to small letters, addresses in any spelling to the address that they are, default ports away, one
    /// dot at the end of a name too. What could be read in two ways is refused, not normalised.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlFault::Long);
        }
        // The parser drops tabs and line feeds, turns `\` into `/`, and maps full-width letters and digits to plain ones.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(UrlFault::Character);
        }
        let url = Url::parse(text).map_err(|_| UrlFault::Form)?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlFault::Scheme),
        };
        let written = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://")).ok_or(UrlFault::Form)?;
        let (authority, written) = written.split_at(written.find(['/', '?', '#']).unwrap_or(written.len()));
        if authority.is_empty() {
            return Err(UrlFault::Form);
        }
        if authority.contains('@') {
            return Err(UrlFault::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(UrlFault::Fragment);
        }
        // The parser has already taken `..` out of its own path, so the one that was written is what is looked at.
        let written = written.split('?').next().filter(|path| !path.is_empty()).unwrap_or("/");
        let kept = segments(written).eq(segments(url.path()));
        if !kept || !segments(written).all(|segment| has_one_reading(&segment)) || written.starts_with("//") {
            return Err(UrlFault::Path);
        }
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or(UrlFault::Port)?;
        let (host, path, query) = (Host::of(&url)?, url.path().to_owned(), url.query().map(str::to_owned));
        Ok(Self { is_tls, host, port, path, query })
    }

    /// Whether it is `https`.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, also where the URL leaves it out.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands in `Host`: the host, and its port where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let default = if self.is_tls { 443 } else { 80 };
        if self.port == default { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// What stands in the request's first line (RFC 9112, section 3.2.1).
    pub fn path_and_query(&self) -> String {
        self.query.as_ref().map_or_else(|| self.path.clone(), |query| format!("{}?{query}", self.path))
    }

    /// The parts of the path, decoded.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Cow<'_, [u8]>> {
        segments(&self.path)
    }

    /// The keys of the query, decoded. `;` parts them too, as it does for some servers.
    pub(crate) fn query_keys(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let parts = self.query.iter().flat_map(|query| query.split(['&', ';'])).filter(|part| !part.is_empty());
        parts.flat_map(|part| url::form_urlencoded::parse(part.as_bytes())).map(|(key, _)| key)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path_and_query())
    }
}

impl Host {
    fn of(url: &Url) -> Result<Self, UrlFault> {
        match url.host().ok_or(UrlFault::Host)? {
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Address(address.to_canonical())),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let is_label = |label: &str| {
                    !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                };
                if name.split('.').all(is_label) { Ok(Self::Name(name.to_owned())) } else { Err(UrlFault::Host) }
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The parts of a path that starts with `/`, decoded once.
fn segments(path: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
    path.split('/').skip(1).map(|segment| Cow::from(percent_decode(segment.as_bytes())))
}

/// Whether every server takes a decoded segment for the same one: also one that decodes once more, and one that takes what
/// comes after `;` for a parameter.
fn has_one_reading(segment: &[u8]) -> bool {
    let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_plain = !matches!(name, b"." | b"..")
        && !segment.iter().any(|byte| matches!(byte, b'/' | b'\\') || byte.is_ascii_control());
    let again: Cow<'_, [u8]> = percent_decode(segment).into();
    is_plain && (again.as_ref() == segment || has_one_reading(&again))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a URL is read as: the authority and the first line's target.
    fn read(text: &str) -> Result<(String, String), UrlFault> {
        Destination::parse(text).map(|url| (url.authority(), url.path_and_query()))
    }

    #[test]
    fn a_url_is_read_as_what_is_sent() {
        for (text, authority, target) in [
            ("https://example.org", "example.org", "/"),
            ("https://example.org?q=1", "example.org", "/?q=1"),
            ("HTTPS://EXAMPLE.org:443/A/b", "example.org", "/A/b"),
            ("https://example.org./", "example.org", "/"),
            ("http://example.org:443/", "example.org:443", "/"),
            ("https://a_b-c.example/%7Euser/a%20b/?q=%26#", "", ""),
            ("https://example.org/a//b/", "example.org", "/a//b/"),
            ("https://example.org/...;x/100%25", "example.org", "/...;x/100%25"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", "/"),
            ("http://[0:0::1]:8080/", "[::1]:8080", "/"),
        ] {
            let expected =
                if target.is_empty() { Err(UrlFault::Fragment) } else { Ok((authority.to_owned(), target.to_owned())) };
            assert_eq!(read(text), expected, "{text}");
        }
    }

    /// Case 104: an address is the address that it is, whatever its spelling, and so is judged as one.
    #[test]
    fn case_104_every_spelling_of_an_address_is_that_address() {
        let loopback = Host::Address([127, 0, 0, 1].into());
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f000001",
            "0x7F.1",
            "0177.0.0.1",
            "017700000001",
            "127.1",
            "127.0.1",
            "%31%32%37.0.0.1",
            "%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1",
            "[::ffff:7f00:1]",
            "[::ffff:127.0.0.1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
        ] {
            assert_eq!(
                Destination::parse(&format!("http://{host}/")).map(|url| url.host),
                Ok(loopback.clone()),
                "{host}"
            );
        }
        for host in ["127.0.0.1.5", "256.1", "0x7f.0.0.0.1", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1", "4294967296"]
        {
            assert_eq!(read(&format!("http://{host}/")), Err(UrlFault::Form), "{host}");
        }
        for host in ["①②⑦.0.0.1", "127。0。0。1", "１２７.0.0.1"] {
            assert_eq!(read(&format!("http://{host}/")), Err(UrlFault::Character), "{host}");
        }
        assert_eq!(read("http://localhost./"), read("http://localhost/"));
    }

    /// Case 108: what looks like one host and is another.
    #[test]
    fn case_108_a_url_that_could_name_two_hosts_is_refused() {
        for (text, fault) in [
            ("https://allowed.example@evil.example/", UrlFault::Userinfo),
            ("https://user:pw@allowed.example/", UrlFault::Userinfo),
            ("https://@allowed.example/", UrlFault::Userinfo),
            ("https://allowed.example:443@evil.example/", UrlFault::Userinfo),
            ("https://allowed.example#@evil.example/", UrlFault::Fragment),
            ("https://allowed.example/#", UrlFault::Fragment),
            ("https://allowed.example\\@evil.example/", UrlFault::Character),
            ("https:\\\\allowed.example/", UrlFault::Character),
            ("https://allowed.example\t.evil.example/", UrlFault::Character),
            ("https://allowed\n.example/", UrlFault::Character),
            (" https://allowed.example/", UrlFault::Character),
            ("https://allowed.example/a b", UrlFault::Character),
            ("https://allowed.example/\0", UrlFault::Character),
            ("https://bücher.example/", UrlFault::Character),
            ("https:allowed.example/", UrlFault::Form),
            ("https:/allowed.example/", UrlFault::Form),
            ("https:///allowed.example/", UrlFault::Form),
            ("//allowed.example/", UrlFault::Form),
            ("allowed.example/", UrlFault::Form),
            ("", UrlFault::Form),
            ("https://", UrlFault::Form),
            ("https://a..example/", UrlFault::Host),
            ("https://.example/", UrlFault::Host),
            ("https://example../", UrlFault::Host),
            ("https://a!b.example/", UrlFault::Host),
            ("https://a%2eb%2fc.example/", UrlFault::Form),
            ("https://allowed.example:0/", UrlFault::Port),
            ("https://allowed.example:65536/", UrlFault::Form),
            ("https://allowed.example:+443/", UrlFault::Form),
            ("file:///etc/passwd", UrlFault::Scheme),
            ("ftp://allowed.example/", UrlFault::Scheme),
            ("unix:///run/docker.sock", UrlFault::Scheme),
            ("ws://allowed.example/", UrlFault::Scheme),
        ] {
            assert_eq!(read(text), Err(fault), "{text:?}");
        }
        assert_eq!(read(&format!("https://a.example/{}", "a".repeat(URL_BYTES_MAX))), Err(UrlFault::Long));
    }

    /// Cases 109 and 113: paths that servers read differently.
    #[test]
    fn case_109_113_a_path_with_two_readings_is_refused() {
        for path in [
            "/api/../admin",
            "/api/%2e%2e/admin",
            "/api/.%2E/admin",
            "/api/%252e%252e/admin",
            "/api/..;/admin",
            "/api/..;x=1/b",
            "/./a",
            "/a/.",
            "/a/..",
            "/a%2fb",
            "/a%2Fb",
            "/a%252fb",
            "/a%5cb",
            "/a%00b",
            "/a%0d%0ab",
            "/a%250ab",
            "/a%7f",
            "//evil.example/",
            "//",
        ] {
            assert_eq!(read(&format!("https://example.org{path}")), Err(UrlFault::Path), "{path}");
        }
    }

    #[test]
    fn keys_of_a_query_are_found_however_they_are_written() {
        let keys = |query: &str| {
            let url = Destination::parse(&format!("https://example.org/?{query}")).unwrap();
            url.query_keys().map(Cow::into_owned).collect::<Vec<_>>()
        };
        assert_eq!(keys("q=1&r"), ["q", "r"]);
        assert_eq!(keys("q=1;admin=2&&%71=3&a+b=4&=5"), ["q", "admin", "q", "a b", ""]);
        assert!(keys("").is_empty());
    }
}
