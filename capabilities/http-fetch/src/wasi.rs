//! One request over `wasi:http`, sent whole and answered whole.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

use crate::bindings::exports::claw::capabilities::http_fetch::Error;
use crate::{Request, Response};

/// Bytes that are written or read at once.
const CHUNK_BYTES: usize = 4096;
const READ_BYTES: u64 = 64 * 1024;

/// Sends a request and waits for all of the response.
pub(crate) fn send(request: &Request) -> Result<Response, Error> {
    let host = request.url.host_str().unwrap_or_default();
    let outgoing = outgoing(request)?;
    let body = outgoing.body().map_err(|()| broken("the request has no body"))?;
    let future = handle(outgoing, None).map_err(|code| failed(&code, host))?;
    if let Some(text) = &request.body {
        let stream = body.write().map_err(|()| broken("the body cannot be written"))?;
        for chunk in text.as_bytes().chunks(CHUNK_BYTES) {
            stream.blocking_write_and_flush(chunk).map_err(|_| broken("the body could not be written"))?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| failed(&code, host))?;
    let response = loop {
        match future.get() {
            Some(response) => break response,
            None => future.subscribe().block(),
        }
    };
    let response = response.map_err(|()| broken("the response was taken before"))?;
    let response = response.map_err(|code| failed(&code, host))?;
    // One to `HEAD`, or with another status, may say how long another body is.
    let has_body = request.method != "HEAD" && response.status() == 200;
    let length = if has_body { length(&response.headers().get("content-length")) } else { 0 };
    received(&response, length)
}

/// How long a body is, as its host has checked it.
fn length(fields: &[Vec<u8>]) -> usize {
    let field = fields.first().and_then(|field| std::str::from_utf8(field).ok());
    field.and_then(|field| field.parse().ok()).unwrap_or_default()
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Error> {
    let invalid = |what: &str| Error::Invalid(format!("{what} cannot be sent"));
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields.append(name, value.as_bytes()).map_err(|error| {
            Error::Invalid(format!("the header `{name}` cannot be sent ({error:?}): leave it out, or correct it"))
        })?;
    }
    let outgoing = OutgoingRequest::new(fields);
    outgoing.set_method(&method(&request.method)).map_err(|()| invalid(&format!("the method `{}`", request.method)))?;
    let scheme = match request.url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => return Err(Error::Invalid(format!("`{other}:` is neither `http:` nor `https:`"))),
    };
    outgoing.set_scheme(Some(&scheme)).map_err(|()| invalid("the scheme"))?;
    outgoing.set_authority(Some(request.url.authority())).map_err(|()| invalid("the host"))?;
    let path = match request.url.query() {
        Some(query) => format!("{}?{query}", request.url.path()),
        None => request.url.path().to_owned(),
    };
    outgoing.set_path_with_query(Some(&path)).map_err(|()| invalid("the path"))?;
    Ok(outgoing)
}

fn received(response: &IncomingResponse, length: usize) -> Result<Response, Error> {
    let location = response.headers().get("location").into_iter().next();
    let body = response.consume().map_err(|()| broken("the response has no body"))?;
    let mut bytes = Vec::new();
    // Where that cannot be had, what comes will tell.
    let _reserved = bytes.try_reserve_exact(length);
    {
        let stream = body.stream().map_err(|()| broken("the response has no body"))?;
        loop {
            match stream.blocking_read(READ_BYTES) {
                Ok(chunk) => bytes.extend(chunk),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(_)) => return Err(broken("the response was cut off")),
            }
        }
    }
    let location = location.map(|value| String::from_utf8_lossy(&value).into_owned());
    Ok(Response { status: response.status(), location, body: bytes })
}

fn method(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn failed(code: &ErrorCode, host: &str) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => Error::NotPermitted(format!(
            "a request to `{host}` is not granted: ask for a URL that the capability may reach"
        )),
        ErrorCode::HttpRequestUriInvalid => Error::Invalid(format!("the request to `{host}` cannot be sent as it is")),
        ErrorCode::HttpResponseBodySize(_) => {
            Error::TooLarge(format!("what `{host}` answers is too large: ask for less"))
        }
        ErrorCode::HttpResponseTimeout => Error::Io(format!("`{host}` did not answer in time")),
        ErrorCode::DestinationUnavailable => Error::Io(format!("`{host}` cannot be reached")),
        other => Error::Io(format!("`{host}` did not answer: {other}")),
    }
}

fn broken(what: &str) -> Error {
    Error::Io(format!("{what}: this host's HTTP does not work"))
}
