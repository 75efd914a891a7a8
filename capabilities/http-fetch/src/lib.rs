//! The built-in capability `http-fetch`: what a web server answers.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:http-fetch;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/http-fetch@0.1.0;
            }
        ",
        world: "claw:http-fetch/guest",
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{HttpFetch, bindings};
    bindings::export!(HttpFetch with_types_in bindings);
}

mod redirect;
mod wasi;

use bindings::exports::claw::capabilities::http_fetch::{Error, Guest, Pair};
use redirect::Next;
use url::Url;

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 5;

/// The capability, as the component exports it.
pub struct HttpFetch;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    url: Url,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    status: u16,
    /// The value of the header `location`.
    location: Option<String>,
    body: Vec<u8>,
}

impl Guest for HttpFetch {
    fn fetch(
        url: String,
        query: Option<Vec<Pair>>,
        method: Option<String>,
        headers: Option<Vec<Pair>>,
        body: Option<String>,
    ) -> Result<String, Error> {
        let bytes = Self::fetch_bytes(url, query, method, headers, body)?;
        String::from_utf8(bytes)
            .map_err(|_| Error::Invalid("the answer is not UTF-8 text: use `fetch-bytes`".to_owned()))
    }

    fn fetch_bytes(
        url: String,
        query: Option<Vec<Pair>>,
        method: Option<String>,
        headers: Option<Vec<Pair>>,
        body: Option<String>,
    ) -> Result<Vec<u8>, Error> {
        follow(request(&url, query, method, headers, body)?, &mut wasi::send)
    }
}

fn request(
    url: &str,
    query: Option<Vec<Pair>>,
    method: Option<String>,
    headers: Option<Vec<Pair>>,
    body: Option<String>,
) -> Result<Request, Error> {
    let mut url = Url::parse(url).map_err(|error| {
        Error::Invalid(format!("`{url}` is no URL ({error}): give a whole one, `https://host/path`"))
    })?;
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        url.query_pairs_mut().extend_pairs(query.iter().map(|Pair { name, value }| (name, value)));
    }
    let headers = headers.unwrap_or_default().into_iter().map(|Pair { name, value }| (name, value));
    Ok(Request { method: method.unwrap_or_else(|| "GET".to_owned()), url, headers: headers.collect(), body })
}

/// Sends a request, and those that its redirects ask for.
fn follow(mut request: Request, send: &mut dyn FnMut(&Request) -> Result<Response, Error>) -> Result<Vec<u8>, Error> {
    for _ in 0..=REDIRECTS_MAX {
        let response = send(&request)?;
        request = match redirect::next(request, response)? {
            Next::Done(body) => return Ok(body),
            Next::Request(next) => next,
        };
    }
    Err(Error::Io(format!("more than {REDIRECTS_MAX} redirects: ask for `{}` itself", request.url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_added_and_encoded() {
        let pair = |name: &str, value: &str| Pair { name: name.to_owned(), value: value.to_owned() };
        let query = vec![pair("q", "a b&c=d"), pair("é", "#")];
        let request = request("https://a.example/p?x=1", Some(query), None, None, None).unwrap();
        assert_eq!(request.url.as_str(), "https://a.example/p?x=1&q=a+b%26c%3Dd&%C3%A9=%23");
        assert_eq!(request.method, "GET");
    }

    #[test]
    fn what_is_no_url_is_an_error() {
        for url in ["", "a.example", "/path", "https://"] {
            assert!(matches!(super::request(url, None, None, None, None), Err(Error::Invalid(_))), "{url}");
        }
    }

    #[test]
    fn five_redirects_are_followed_and_no_more() {
        let ask = |redirects: usize| {
            let mut sent = Vec::new();
            let request = request("https://a.example/0", None, None, None, None).unwrap();
            let given = follow(request, &mut |request| {
                sent.push(request.url.to_string());
                let at = sent.len();
                Ok(if at > redirects {
                    Response { status: 200, location: None, body: b"there".to_vec() }
                } else {
                    Response { status: 302, location: Some(format!("/{at}")), body: Vec::new() }
                })
            });
            (given, sent.len())
        };
        assert!(matches!(ask(5), (Ok(body), 6) if body == b"there"));
        assert!(matches!(ask(6), (Err(Error::Io(_)), 6)));
    }
}
