//! `wasi:http`: a request is sent whole and answered whole, by the parent, which alone has the network. Authority: the
//! grants of hosts that the capability has, and the parent decides on those.
//!
//! A request goes out once its body is finished: in `handle`, where it has none, and else in `finish`. When either returns
//! the response is there, so nothing waits, and a replay gives the same.

use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, SinkOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, ErrorCode, FutureIncomingResponse, FutureTrailers, Headers, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme, Trailers,
};
use wasmtime_wasi_http::p2::{HttpError, HttpResult};

use super::Host;
use super::draft::{Draft, Stage};
use super::io_poll::Wait;
use super::place::{Held, Rule};
use super::stop::{Limit, Stop};
use super::tape::answered;
use crate::exchange::{Refused, Request, Response};

const HANDLE: &str = "wasi:http/outgoing-handler#handle";

/// What stands in the table for a response that is to come.
enum Future {
    /// The request's body is not finished.
    Waiting,
    Ready(Result<Response, ErrorCode>),
    Taken,
}

/// What stands in the table for a response.
struct Arrived {
    status: u16,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

/// What stands in the table for a body that is read, until its stream is taken.
struct Body(Option<Vec<u8>>);

/// What stands in the table for trailers, of which there are none: whether that was told.
struct NoTrailers(bool);

impl Refused {
    /// That which a guest was told so.
    pub(super) fn of(code: &ErrorCode) -> Option<Self> {
        Some(match code {
            ErrorCode::HttpRequestDenied => Self::Denied,
            ErrorCode::HttpRequestUriInvalid => Self::Malformed,
            ErrorCode::DestinationUnavailable => Self::Unreachable,
            ErrorCode::HttpResponseTimeout => Self::TimedOut,
            ErrorCode::HttpResponseBodySize(_) => Self::TooLarge,
            ErrorCode::HttpProtocolError => Self::Broken,
            _ => return None,
        })
    }
}

impl From<Refused> for ErrorCode {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied => Self::HttpRequestDenied,
            Refused::Malformed => Self::HttpRequestUriInvalid,
            Refused::Unreachable => Self::DestinationUnavailable,
            Refused::TimedOut => Self::HttpResponseTimeout,
            Refused::TooLarge => Self::HttpResponseBodySize(None),
            Refused::Broken => Self::HttpProtocolError,
        }
    }
}

impl Host {
    /// The body of a request, which is taken once.
    pub(super) fn body_of(
        &mut self,
        request: &Resource<OutgoingRequest>,
    ) -> Result<Result<Resource<OutgoingBody>, ()>> {
        self.table.get(request)?;
        if self.drafts.contains_key(&request.rep()) {
            return Ok(Err(()));
        }
        let draft = Draft::default();
        let body = self.table.push(draft.clone())?;
        self.drafts.insert(request.rep(), draft);
        Ok(Ok(Resource::new_own(body.rep())))
    }

    fn draft(&self, body: &Resource<OutgoingBody>) -> Result<Draft> {
        Ok(self.table.get(&Resource::<Draft>::new_borrow(body.rep()))?.clone())
    }

    /// Sends a request, and gives what a guest is told of it.
    fn exchange(&mut self, request: Request) -> HttpResult<Response> {
        self.sent_left = self.sent_left.checked_sub(request.bytes()).ok_or(Stop::Limit(Limit::Sent))?;
        let asked = self.ask(HANDLE).on(format!("{} {}", request.method, request.url));
        let headers = request.headers.iter();
        let asked = headers.fold(asked, |asked, (name, value)| asked.text(name).sends(value)).sends(&request.body);
        let response: Response = answered!(self, asked, self.send_now(request))?;
        let left = self.given_left.checked_sub(response.body.len() as u64);
        self.given_left = left.ok_or(Stop::Limit(Limit::Memory))?;
        Ok(response)
    }

    fn send_now(&mut self, request: Request) -> HttpResult<Response> {
        let url = request.url.clone();
        let answer = match &mut self.outside {
            Some(outside) => outside.send(request).map_err(HttpError::trap)?,
            None => Err(Refused::Denied),
        };
        if answer == Err(Refused::Denied) {
            self.note_denied(url, Rule::Request);
        }
        Ok(answer.map_err(ErrorCode::from)?)
    }

    /// What a guest is told of an exchange; what stops it is not told.
    fn settled(&mut self, request: Request) -> Result<Future> {
        match self.exchange(request) {
            Ok(response) => Ok(Future::Ready(Ok(response))),
            Err(error) => error.downcast().map(|code| Future::Ready(Err(code))),
        }
    }
}

impl outgoing_handler::Host for Host {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        _options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<FutureIncomingResponse>> {
        self.bound()?;
        let draft = self.drafts.remove(&request.rep());
        let outgoing = self.table.delete(request)?;
        let request = read(&outgoing);
        let stage = draft.as_ref().map_or(Stage::Finished, |draft| draft.with(|writing| writing.stage));
        let future = match stage {
            Stage::Open => Future::Waiting,
            Stage::GivenUp => Future::Ready(Err(ErrorCode::HttpRequestBodySize(None))),
            Stage::Finished => {
                let body = draft.as_ref().map(|draft| draft.with(|writing| std::mem::take(&mut writing.bytes)));
                self.settled(Request { body: body.unwrap_or_default(), ..request.clone() }).map_err(HttpError::trap)?
            }
        };
        let future = self.table.push(future)?;
        if let (Stage::Open, Some(draft)) = (stage, draft) {
            draft.with(|writing| writing.sends = Some((request, future.rep())));
        }
        Ok(Resource::new_own(future.rep()))
    }
}

impl types::HostOutgoingBody for Host {
    fn write(&mut self, body: Resource<OutgoingBody>) -> Result<Result<Resource<DynOutputStream>, ()>> {
        self.bound()?;
        let draft = self.draft(&body)?;
        if draft.with(|writing| std::mem::replace(&mut writing.has_stream, true)) {
            return Ok(Err(()));
        }
        // A sink that nothing is written to: `io_streams` takes the bytes.
        let sink: DynOutputStream = Box::new(SinkOutputStream);
        let stream = self.table.push_child(sink, &body)?;
        self.places.hold(stream.rep(), Held::Sent(draft));
        Ok(Ok(stream))
    }

    /// Trailers are not sent.
    fn finish(&mut self, body: Resource<OutgoingBody>, trailers: Option<Resource<Trailers>>) -> HttpResult<()> {
        self.bound()?;
        if let Some(trailers) = trailers {
            self.table.delete(trailers)?;
        }
        let draft = self.table.delete(Resource::<Draft>::new_own(body.rep()))?;
        let sends = draft.with(|writing| {
            writing.stage = Stage::Finished;
            let sends = writing.sends.take();
            sends.map(|(request, future)| (Request { body: std::mem::take(&mut writing.bytes), ..request }, future))
        });
        // A future that was dropped meanwhile wants no response, and no request.
        if let Some((request, future)) = sends
            && self.table.get(&Resource::<Future>::new_borrow(future)).is_ok()
        {
            let settled = self.settled(request).map_err(HttpError::trap)?;
            *self.table.get_mut(&Resource::<Future>::new_borrow(future))? = settled;
        }
        Ok(())
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> Result<()> {
        self.bound()?;
        let draft = self.table.delete(Resource::<Draft>::new_own(body.rep()))?;
        let waits = draft.with(|writing| {
            writing.stage = Stage::GivenUp;
            writing.sends.take()
        });
        if let Some((_, future)) = waits
            && let Ok(future) = self.table.get_mut(&Resource::<Future>::new_borrow(future))
        {
            *future = Future::Ready(Err(ErrorCode::HttpRequestBodySize(None)));
        }
        Ok(())
    }
}

impl types::HostFutureIncomingResponse for Host {
    fn subscribe(&mut self, future: Resource<FutureIncomingResponse>) -> Result<Resource<DynPollable>> {
        self.bound()?;
        self.pollable_of(&future)
    }

    fn get(
        &mut self,
        future: Resource<FutureIncomingResponse>,
    ) -> Result<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>> {
        self.bound()?;
        let future = self.table.get_mut(&Resource::<Future>::new_borrow(future.rep()))?;
        let response = match std::mem::replace(future, Future::Taken) {
            Future::Waiting => {
                *future = Future::Waiting;
                return Ok(None);
            }
            Future::Taken => return Ok(Some(Err(()))),
            Future::Ready(Err(code)) => return Ok(Some(Ok(Err(code)))),
            Future::Ready(Ok(response)) => response,
        };
        let arrived = Arrived { status: response.status, headers: map(&response.headers), body: Some(response.body) };
        let arrived = self.table.push(arrived)?;
        Ok(Some(Ok(Ok(Resource::new_own(arrived.rep())))))
    }

    fn drop(&mut self, future: Resource<FutureIncomingResponse>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<Future>::new_own(future.rep()))?;
        Ok(())
    }
}

impl types::HostIncomingResponse for Host {
    fn status(&mut self, response: Resource<IncomingResponse>) -> Result<u16> {
        self.bound()?;
        Ok(self.table.get(&Resource::<Arrived>::new_borrow(response.rep()))?.status)
    }

    fn headers(&mut self, response: Resource<IncomingResponse>) -> Result<Resource<Headers>> {
        self.bound()?;
        let headers = self.table.get(&Resource::<Arrived>::new_borrow(response.rep()))?.headers.clone();
        let fields = self.fields(headers);
        Ok(self.table.push(fields)?)
    }

    fn consume(&mut self, response: Resource<IncomingResponse>) -> Result<Result<Resource<IncomingBody>, ()>> {
        self.bound()?;
        let Some(body) = self.table.get_mut(&Resource::<Arrived>::new_borrow(response.rep()))?.body.take() else {
            return Ok(Err(()));
        };
        Ok(Ok(Resource::new_own(self.table.push(Body(Some(body)))?.rep())))
    }

    fn drop(&mut self, response: Resource<IncomingResponse>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<Arrived>::new_own(response.rep()))?;
        Ok(())
    }
}

impl types::HostIncomingBody for Host {
    fn stream(&mut self, body: Resource<IncomingBody>) -> Result<Result<Resource<DynInputStream>, ()>> {
        self.bound()?;
        let Some(bytes) = self.table.get_mut(&Resource::<Body>::new_borrow(body.rep()))?.0.take() else {
            return Ok(Err(()));
        };
        let stream: DynInputStream = Box::new(MemoryInputPipe::new(bytes));
        Ok(Ok(self.table.push_child(stream, &body)?))
    }

    fn finish(&mut self, body: Resource<IncomingBody>) -> Result<Resource<FutureTrailers>> {
        self.bound()?;
        self.table.delete(Resource::<Body>::new_own(body.rep()))?;
        Ok(Resource::new_own(self.table.push(NoTrailers(false))?.rep()))
    }

    fn drop(&mut self, body: Resource<IncomingBody>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<Body>::new_own(body.rep()))?;
        Ok(())
    }
}

impl types::HostFutureTrailers for Host {
    fn subscribe(&mut self, _trailers: Resource<FutureTrailers>) -> Result<Resource<DynPollable>> {
        self.bound()?;
        self.pollable(Wait::Ready)
    }

    fn get(
        &mut self,
        trailers: Resource<FutureTrailers>,
    ) -> Result<Option<Result<Result<Option<Resource<Trailers>>, ErrorCode>, ()>>> {
        self.bound()?;
        let told = &mut self.table.get_mut(&Resource::<NoTrailers>::new_borrow(trailers.rep()))?.0;
        Ok(Some(if std::mem::replace(told, true) { Err(()) } else { Ok(Ok(None)) }))
    }

    fn drop(&mut self, trailers: Resource<FutureTrailers>) -> Result<()> {
        self.bound()?;
        self.table.delete(Resource::<NoTrailers>::new_own(trailers.rep()))?;
        Ok(())
    }
}

/// A guest's request, as it is sent. Whether it is one, and goes anywhere, is the parent's to say.
fn read(request: &OutgoingRequest) -> Request {
    let scheme = match &request.scheme {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) | None => "https",
        Some(Scheme::Other(other)) => other.as_str(),
    };
    let (authority, path) =
        (request.authority.as_deref().unwrap_or_default(), request.path_with_query.as_deref().unwrap_or("/"));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let headers = request.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Request {
        method: method(&request.method).to_owned(),
        url: format!("{scheme}://{authority}{slash}{path}"),
        headers: headers.collect(),
        body: Vec::new(),
    }
}

fn method(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => other,
    }
}

/// The headers of a response; what cannot be one is left out.
fn map(headers: &[(String, Vec<u8>)]) -> HeaderMap {
    let headers = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    let mut map = HeaderMap::new();
    // A map holds 32,768 names; the parent allows fewer.
    headers.for_each(|(name, value)| drop(map.try_append(name, value)));
    map
}
