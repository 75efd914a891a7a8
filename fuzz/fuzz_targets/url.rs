//! What a grant admits is, in the bytes that are sent, what a slow reading of the grant says.
#![no_main]

use claw_fuzz::first_line;
use claw_policy::{Destination, HostGrant, RequestGrant};
use libfuzzer_sys::fuzz_target;

// Lines: a grant, the keys that a query may have between commas or `*` for any, and a method with a URL.
fuzz_target!(|input: &[u8]| {
    let Some((grant, rest)) = first_line(input) else { return };
    let Some((keys, request)) = first_line(rest) else { return };
    let Some((method, url)) = std::str::from_utf8(request).ok().and_then(|request| request.split_once(' ')) else {
        return;
    };

    let granted = RequestGrant::parse(grant);
    if let Ok(granted) = &granted {
        assert_eq!(RequestGrant::parse(&granted.to_string()).as_ref(), Ok(granted), "it has one meaning");
    }
    let Ok(to) = Destination::parse(url) else { return };
    assert_eq!(Destination::parse(&to.to_string()).as_ref(), Ok(&to), "what is sent is what was read");
    let (authority, line) = (to.authority(), to.path_and_query());
    assert!(line.starts_with('/') && line.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{line:?}");
    assert!(!authority.is_empty() && !authority.contains(['@', '/', '?', '#', '\\', ' ', '%']), "{authority:?}");

    let Ok(granted) = granted else { return };
    let written = granted.to_string();
    let keys = (keys != "*").then(|| keys.split(',').map(str::to_owned).collect::<Vec<_>>());
    let sent = Sent { method, is_tls: to.is_tls(), authority: &authority, line: &line };
    let expected = sent.is_granted(&written, keys.as_deref());
    let grant = HostGrant {
        http: vec![granted],
        tcp: Vec::new(),
        query: keys,
        addresses: Vec::new(),
        ca: None,
        proxy: None,
        secret: None,
    };
    assert_eq!(grant.admits(method, &to).is_ok(), expected, "{written:?} and {method} {to}");
});

/// A request as it is sent.
struct Sent<'a> {
    method: &'a str,
    is_tls: bool,
    authority: &'a str,
    line: &'a str,
}

impl Sent<'_> {
    /// Whether a grant, as it is written when it has been read, names it.
    fn is_granted(&self, grant: &str, keys: Option<&[String]>) -> bool {
        let (method, url) = grant.split_once(' ').expect("a method");
        let (scheme, rest) = url.split_once("://").expect("a scheme");
        let (authority, path) = rest.split_at(rest.find('/').expect("a path"));
        let (own_path, query) = self.line.split_once('?').unwrap_or((self.line, ""));
        let (own, granted) = (names(own_path), names(path.trim_end_matches('*')));
        let is_path = if path.ends_with('*') {
            // The last name of the grant is empty, and stands for any.
            let above = &granted[..granted.len() - 1];
            own.len() > above.len() && own.starts_with(above)
        } else {
            own == granted
        };
        let parts = query.split(['&', ';']).filter(|part| !part.is_empty());
        let mut asked = parts.map(|part| {
            let key = part.split('=').next().unwrap_or_default().replace('+', " ");
            String::from_utf8_lossy(&decoded(&key)).into_owned()
        });
        method == self.method
            && (scheme == "https") == self.is_tls
            && authority == self.authority
            && is_path
            && keys.is_none_or(|keys| asked.all(|key| keys.contains(&key)))
    }
}

/// The names of a path.
fn names(path: &str) -> Vec<Vec<u8>> {
    path.split('/').skip(1).map(decoded).collect()
}

fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|hex| !hex.starts_with('+')).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        (bytes, rest) = match (first, byte) {
            (b'%', Some(byte)) => ([bytes, vec![byte]].concat(), &after[2..]),
            _ => ([bytes, vec![*first]].concat(), after),
        };
    }
    bytes
}
