//! What is to be done with a response: taken, followed to where it points, or told as an error.

use crate::bindings::exports::claw::capabilities::http_fetch::Error;
use crate::{Request, Response};

/// What comes after a response.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing: this is the answer.
    Done(Vec<u8>),
    /// Another request.
    Request(Request),
}

/// What comes after the response to `request` (RFC 9110, section 15.4).
pub(crate) fn next(request: Request, response: Response) -> Result<Next, Error> {
    let Response { status, location, body } = response;
    let host = request.url.host_str().unwrap_or_default();
    match (status, location) {
        (200..=299, _) => Ok(Next::Done(body)),
        (301 | 302 | 303 | 307 | 308, Some(location)) => {
            let to = request
                .url
                .join(&location)
                .map_err(|_| Error::Io(format!("`{host}` points to `{location}`, which is no URL")))?;
            Ok(Next::Request(redirected(request, status, to)))
        }
        (401 | 403, _) => Err(Error::NotPermitted(format!("`{host}` answered {status}: it wants other credentials"))),
        (404 | 410, _) => {
            Err(Error::NotFound(format!("`{host}` answered {status}: there is no `{}`", request.url.path())))
        }
        (413 | 414 | 431, _) => Err(Error::TooLarge(format!("`{host}` answered {status}: ask for less"))),
        (400..=499, _) => Err(Error::Invalid(format!("`{host}` answered {status}: it does not take this request"))),
        (status, _) => Err(Error::Io(format!("`{host}` answered {status}"))),
    }
}

/// The request to `to`: what was posted is asked for (301 to 303) or posted again (307 and 308), and what was meant for
/// one host goes to no other.
fn redirected(request: Request, status: u16, to: url::Url) -> Request {
    let same_origin = request.url.origin() == to.origin();
    let asks = matches!(request.method.as_str(), "GET" | "HEAD");
    let again = matches!(status, 307 | 308) || asks;
    let Request { method, headers, body, .. } = request;
    Request {
        method: if again { method } else { "GET".to_owned() },
        url: to,
        headers: if same_origin { headers } else { Vec::new() },
        body: body.filter(|_| again && same_origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(method: &str) -> Request {
        Request {
            method: method.to_owned(),
            url: url::Url::parse("https://a.example/dir/page?q=1").unwrap(),
            headers: vec![("authorization".to_owned(), "secret".to_owned())],
            body: Some("body".to_owned()),
        }
    }

    #[track_caller]
    fn after(method: &str, status: u16, location: &str) -> Request {
        match next(sent(method), Response { status, location: Some(location.to_owned()), body: Vec::new() }) {
            Ok(Next::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_location_is_read_from_where_it_was_given() {
        for (location, url) in [
            ("other", "https://a.example/dir/other"),
            ("/top", "https://a.example/top"),
            ("//b.example/x", "https://b.example/x"),
            ("http://b.example/", "http://b.example/"),
        ] {
            assert_eq!(after("GET", 302, location).url.as_str(), url);
        }
    }

    #[test]
    fn a_post_is_posted_again_only_where_it_says_so() {
        for (status, method, has_body) in
            [(301, "GET", false), (303, "GET", false), (307, "POST", true), (308, "POST", true)]
        {
            let request = after("POST", status, "/other");
            assert_eq!((request.method.as_str(), request.body.is_some()), (method, has_body), "{status}");
        }
    }

    #[test]
    fn what_was_meant_for_one_host_goes_to_no_other() {
        assert_eq!(after("POST", 307, "/other").headers.len(), 1);
        for elsewhere in ["https://b.example/", "http://a.example/", "https://a.example:8443/"] {
            let request = after("POST", 307, elsewhere);
            assert!(request.headers.is_empty() && request.body.is_none(), "{elsewhere}");
        }
    }

    #[test]
    fn other_answers_are_errors_of_their_kind() {
        let kind = |status| match next(sent("GET"), Response { status, location: None, body: Vec::new() }) {
            Err(Error::NotFound(_)) => "not-found",
            Err(Error::NotPermitted(_)) => "not-permitted",
            Err(Error::TooLarge(_)) => "too-large",
            Err(Error::Invalid(_)) => "invalid",
            Err(Error::Io(_)) => "io",
            Ok(_) => "done",
        };
        let kinds = [204, 404, 410, 403, 413, 400, 500, 302, 304].map(kind);
        assert_eq!(
            kinds,
            ["done", "not-found", "not-found", "not-permitted", "too-large", "invalid", "io", "io", "io"]
        );
    }
}
