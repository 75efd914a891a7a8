//! Requests over `wasi:http` as a guest can put them together by hand: nothing about them is made right on the way.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};

pub use wasip2::http::types::ErrorCode;

/// A request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    pub method: &'a str,
    pub scheme: &'a str,
    pub authority: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// What came of a request.
#[derive(Debug)]
pub enum Came {
    /// A status, and a body.
    Response(u16, Vec<u8>),
    /// Why there is none.
    Nothing(ErrorCode),
    /// It cannot even be put together: what of it cannot.
    Impossible(&'static str),
}

/// Sends a request. `deadline` is what it asks for each of connecting, the first byte, and the time between two.
pub fn send(request: Request, deadline: Option<u64>) -> Came {
    put_together(request, deadline).unwrap_or_else(Came::Impossible)
}

fn put_together(request: Request, deadline: Option<u64>) -> Result<Came, &'static str> {
    let fields = Fields::new();
    for (name, value) in request.headers {
        fields.append(name, value.as_bytes()).map_err(|_| "a header")?;
    }
    let outgoing = OutgoingRequest::new(fields);
    outgoing.set_method(&method(request.method)).map_err(|()| "the method")?;
    outgoing.set_scheme(Some(&scheme(request.scheme))).map_err(|()| "the scheme")?;
    outgoing.set_authority(Some(request.authority)).map_err(|()| "the authority")?;
    outgoing.set_path_with_query(Some(request.path)).map_err(|()| "the path")?;
    let options = RequestOptions::new();
    if deadline.is_some() {
        options.set_connect_timeout(deadline).map_err(|()| "the time to connect")?;
        options.set_first_byte_timeout(deadline).map_err(|()| "the time to the first byte")?;
        options.set_between_bytes_timeout(deadline).map_err(|()| "the time between bytes")?;
    }
    let body = outgoing.body().map_err(|()| "the body")?;
    let future = match handle(outgoing, Some(options)) {
        Ok(future) => future,
        Err(code) => return Ok(Came::Nothing(code)),
    };
    if !request.body.is_empty() {
        let stream = body.write().map_err(|()| "the body's stream")?;
        for part in request.body.chunks(4096) {
            stream.blocking_write_and_flush(part).map_err(|_| "a part of the body")?;
        }
    }
    if let Err(code) = OutgoingBody::finish(body, None) {
        return Ok(Came::Nothing(code));
    }
    match future.get() {
        Some(Ok(Ok(response))) => Ok(received(&response)),
        Some(Ok(Err(code))) => Ok(Came::Nothing(code)),
        _ => Err("the response"),
    }
}

fn received(response: &IncomingResponse) -> Came {
    let body = response.consume().expect("it is taken once");
    let (stream, mut bytes) = (body.stream().expect("it is taken once"), Vec::new());
    while let Ok(part) = stream.blocking_read(64 * 1024) {
        bytes.extend(part);
    }
    Came::Response(response.status(), bytes)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(name: &str) -> Scheme {
    match name {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}
