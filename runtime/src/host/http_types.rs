//! `wasi:http/types`, as far as it is plain values: fields, requests, options. Authority: none.
//!
//! What is sent and what comes back is in `http_exchange`. What servers have, incoming requests and outgoing responses, is
//! wasmtime's own, and nothing here hands any out.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::IoError;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, ErrorCode, Headers, HostFields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest,
    OutgoingResponse, RequestOptions, ResponseOutparam, Scheme,
};
use wasmtime_wasi_http::p2::{HeaderError, HeaderResult, HttpError, HttpResult};
use wasmtime_wasi_http::{Error, FieldMap, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use super::Host;

/// wasmtime's implementation asks these what to do. It is never asked to send: that is `http_exchange`'s.
pub(super) struct NeverSends;

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for NeverSends {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<wasmtime_wasi_http::RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

/// What wasmtime's implementation keeps between calls.
pub(super) struct Http {
    ctx: WasiHttpCtx,
    hooks: NeverSends,
}

impl Default for Http {
    fn default() -> Self {
        Self { ctx: WasiHttpCtx::new(), hooks: NeverSends }
    }
}

impl Host {
    /// wasmtime's own implementation, over the guest's handles.
    pub(super) fn wasmtime_http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.http.hooks, table: &mut self.table, ctx: &mut self.http.ctx }
    }

    /// Fields that a guest can read and not change.
    pub(super) fn fields(&mut self, map: http::HeaderMap) -> FieldMap {
        FieldMap::new_immutable(&mut self.http.hooks, map)
    }
}

/// Bounds each method, and calls wasmtime's.
macro_rules! bounded {
    ($(fn $method:ident(&mut self $(, $argument:ident: $ty:ty)*) -> $gives:ty;)*) => {
        $(fn $method(&mut self $(, $argument: $ty)*) -> $gives {
            self.bound()?;
            self.wasmtime_http().$method($($argument),*)
        })*
    };
}

impl From<super::Stop> for HttpError {
    fn from(stop: super::Stop) -> Self {
        Self::trap(stop)
    }
}

impl types::Host for Host {
    fn convert_error_code(&mut self, error: HttpError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn convert_header_error(&mut self, error: HeaderError) -> Result<types::HeaderError> {
        error.downcast()
    }

    bounded! {
        fn http_error_code(&mut self, error: Resource<IoError>) -> Result<Option<ErrorCode>>;
    }
}

impl HostFields for Host {
    fn new(&mut self) -> Result<Resource<FieldMap>> {
        self.bound()?;
        HostFields::new(&mut self.wasmtime_http())
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> HeaderResult<Resource<FieldMap>> {
        self.bound().map_err(HeaderError::trap)?;
        self.wasmtime_http().from_list(entries)
    }

    fn set(&mut self, fields: Resource<FieldMap>, name: String, values: Vec<Vec<u8>>) -> HeaderResult<()> {
        self.bound().map_err(HeaderError::trap)?;
        HostFields::set(&mut self.wasmtime_http(), fields, name, values)
    }

    fn delete(&mut self, fields: Resource<FieldMap>, name: String) -> HeaderResult<()> {
        self.bound().map_err(HeaderError::trap)?;
        self.wasmtime_http().delete(fields, name)
    }

    fn append(&mut self, fields: Resource<FieldMap>, name: String, value: Vec<u8>) -> HeaderResult<()> {
        self.bound().map_err(HeaderError::trap)?;
        self.wasmtime_http().append(fields, name, value)
    }

    fn clone(&mut self, fields: Resource<FieldMap>) -> Result<Resource<FieldMap>> {
        self.bound()?;
        HostFields::clone(&mut self.wasmtime_http(), fields)
    }

    fn drop(&mut self, fields: Resource<FieldMap>) -> Result<()> {
        self.bound()?;
        HostFields::drop(&mut self.wasmtime_http(), fields)
    }

    bounded! {
        fn get(&mut self, fields: Resource<FieldMap>, name: String) -> Result<Vec<Vec<u8>>>;
        fn has(&mut self, fields: Resource<FieldMap>, name: String) -> Result<bool>;
        fn entries(&mut self, fields: Resource<FieldMap>) -> Result<Vec<(String, Vec<u8>)>>;
    }
}

impl types::HostOutgoingRequest for Host {
    fn new(&mut self, headers: Resource<Headers>) -> Result<Resource<OutgoingRequest>> {
        self.bound()?;
        types::HostOutgoingRequest::new(&mut self.wasmtime_http(), headers)
    }

    fn body(&mut self, request: Resource<OutgoingRequest>) -> Result<Result<Resource<OutgoingBody>, ()>> {
        self.bound()?;
        self.body_of(&request)
    }

    fn method(&mut self, request: Resource<OutgoingRequest>) -> Result<Method> {
        self.bound()?;
        types::HostOutgoingRequest::method(&mut self.wasmtime_http(), request)
    }

    fn path_with_query(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<String>> {
        self.bound()?;
        types::HostOutgoingRequest::path_with_query(&mut self.wasmtime_http(), request)
    }

    fn scheme(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<Scheme>> {
        self.bound()?;
        types::HostOutgoingRequest::scheme(&mut self.wasmtime_http(), request)
    }

    fn authority(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<String>> {
        self.bound()?;
        types::HostOutgoingRequest::authority(&mut self.wasmtime_http(), request)
    }

    fn headers(&mut self, request: Resource<OutgoingRequest>) -> Result<Resource<Headers>> {
        self.bound()?;
        types::HostOutgoingRequest::headers(&mut self.wasmtime_http(), request)
    }

    fn drop(&mut self, request: Resource<OutgoingRequest>) -> Result<()> {
        self.bound()?;
        self.drafts.remove(&request.rep());
        types::HostOutgoingRequest::drop(&mut self.wasmtime_http(), request)
    }

    bounded! {
        fn set_method(&mut self, request: Resource<OutgoingRequest>, method: Method) -> Result<Result<(), ()>>;
        fn set_path_with_query(&mut self, request: Resource<OutgoingRequest>, path: Option<String>) -> Result<Result<(), ()>>;
        fn set_scheme(&mut self, request: Resource<OutgoingRequest>, scheme: Option<Scheme>) -> Result<Result<(), ()>>;
        fn set_authority(&mut self, request: Resource<OutgoingRequest>, authority: Option<String>) -> Result<Result<(), ()>>;
    }
}

/// A guest may say how long it would wait. The deadlines are the parent's, and shorter or longer they are not.
impl types::HostRequestOptions for Host {
    fn new(&mut self) -> Result<Resource<RequestOptions>> {
        self.bound()?;
        types::HostRequestOptions::new(&mut self.wasmtime_http())
    }

    fn drop(&mut self, options: Resource<RequestOptions>) -> Result<()> {
        self.bound()?;
        types::HostRequestOptions::drop(&mut self.wasmtime_http(), options)
    }

    bounded! {
        fn connect_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>>;
        fn set_connect_timeout(&mut self, options: Resource<RequestOptions>, time: Option<u64>) -> Result<Result<(), ()>>;
        fn first_byte_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>>;
        fn set_first_byte_timeout(&mut self, options: Resource<RequestOptions>, time: Option<u64>) -> Result<Result<(), ()>>;
        fn between_bytes_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>>;
        fn set_between_bytes_timeout(&mut self, options: Resource<RequestOptions>, time: Option<u64>) -> Result<Result<(), ()>>;
    }
}

impl types::HostIncomingRequest for Host {
    fn method(&mut self, request: Resource<IncomingRequest>) -> Result<Method> {
        self.bound()?;
        types::HostIncomingRequest::method(&mut self.wasmtime_http(), request)
    }

    fn path_with_query(&mut self, request: Resource<IncomingRequest>) -> Result<Option<String>> {
        self.bound()?;
        types::HostIncomingRequest::path_with_query(&mut self.wasmtime_http(), request)
    }

    fn scheme(&mut self, request: Resource<IncomingRequest>) -> Result<Option<Scheme>> {
        self.bound()?;
        types::HostIncomingRequest::scheme(&mut self.wasmtime_http(), request)
    }

    fn authority(&mut self, request: Resource<IncomingRequest>) -> Result<Option<String>> {
        self.bound()?;
        types::HostIncomingRequest::authority(&mut self.wasmtime_http(), request)
    }

    fn headers(&mut self, request: Resource<IncomingRequest>) -> Result<Resource<Headers>> {
        self.bound()?;
        types::HostIncomingRequest::headers(&mut self.wasmtime_http(), request)
    }

    fn consume(&mut self, request: Resource<IncomingRequest>) -> Result<Result<Resource<IncomingBody>, ()>> {
        self.bound()?;
        types::HostIncomingRequest::consume(&mut self.wasmtime_http(), request)
    }

    fn drop(&mut self, request: Resource<IncomingRequest>) -> Result<()> {
        self.bound()?;
        types::HostIncomingRequest::drop(&mut self.wasmtime_http(), request)
    }
}

impl types::HostOutgoingResponse for Host {
    fn new(&mut self, headers: Resource<Headers>) -> Result<Resource<OutgoingResponse>> {
        self.bound()?;
        types::HostOutgoingResponse::new(&mut self.wasmtime_http(), headers)
    }

    /// Nobody is there to be answered.
    fn body(&mut self, _response: Resource<OutgoingResponse>) -> Result<Result<Resource<OutgoingBody>, ()>> {
        self.bound()?;
        Ok(Err(()))
    }

    fn headers(&mut self, response: Resource<OutgoingResponse>) -> Result<Resource<Headers>> {
        self.bound()?;
        types::HostOutgoingResponse::headers(&mut self.wasmtime_http(), response)
    }

    fn drop(&mut self, response: Resource<OutgoingResponse>) -> Result<()> {
        self.bound()?;
        types::HostOutgoingResponse::drop(&mut self.wasmtime_http(), response)
    }

    bounded! {
        fn status_code(&mut self, response: Resource<OutgoingResponse>) -> Result<u16>;
        fn set_status_code(&mut self, response: Resource<OutgoingResponse>, status: u16) -> Result<Result<(), ()>>;
    }
}

impl types::HostResponseOutparam for Host {
    fn set(
        &mut self,
        to: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> Result<()> {
        self.bound()?;
        types::HostResponseOutparam::set(&mut self.wasmtime_http(), to, response)
    }

    fn send_informational(
        &mut self,
        to: Resource<ResponseOutparam>,
        status: u16,
        headers: Resource<Headers>,
    ) -> HttpResult<()> {
        self.bound()?;
        self.wasmtime_http().send_informational(to, status, headers)
    }

    fn drop(&mut self, to: Resource<ResponseOutparam>) -> Result<()> {
        self.bound()?;
        types::HostResponseOutparam::drop(&mut self.wasmtime_http(), to)
    }
}
