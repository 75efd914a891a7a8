//! One request and its response over a connection of their own.

use std::error::Error as _;
use std::pin::pin;
use std::task::Poll;

use http::response::Parts;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::deadline::{Bounds, Deadline};
use super::failure::{Failure, Part, Phase};
use super::metered::{Allowance, Metered, Spent};

/// The most headers of a response.
const HEADERS_MAX: usize = 256;
/// The most bytes that are read until a response's head is there: it, interim responses before it, and what of the body is
/// read along with it, which is as much again at most.
const HEAD_BYTES_MAX: usize = 128 * 1024;
/// What may be read for a byte of a body that comes in chunks of one: its size, two line ends, and the byte.
const BYTES_FOR_A_BYTE: usize = 6;

/// Sends a request, and reads all of the response. Redirects are responses like any other.
pub(super) async fn exchange<S>(
    stream: S,
    request: http::Request<Full<Bytes>>,
    bounds: &Bounds,
    deadline: Deadline,
) -> Result<(Parts, Vec<u8>), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (stream, allowance) = Metered::new(stream, HEAD_BYTES_MAX);
    let mut http = http1::Builder::new();
    http.max_headers(HEADERS_MAX);
    let head_in_time = deadline.within(bounds.first_byte);
    let handshake = head_in_time.keep(Phase::Head, http.handshake(TokioIo::new(stream))).await?;
    let (mut sender, connection) = handshake.map_err(|error| failure(&error, Part::Head))?;
    let exchange = async {
        let response = head_in_time.keep(Phase::Head, sender.send_request(request)).await?;
        let (head, body) = response.map_err(|error| failure(&error, Part::Head))?.into_parts();
        // 101 comes only to those who asked for another protocol.
        if head.status.is_informational() {
            return Err(Failure::Broken("it switches to another protocol".to_owned()));
        }
        let body = read(body, bounds, deadline, &allowance).await?;
        Ok((head, body))
    };
    driven(connection, exchange).await
}

async fn read(
    mut body: Incoming,
    bounds: &Bounds,
    deadline: Deadline,
    allowance: &Allowance,
) -> Result<Vec<u8>, Failure> {
    let most = bounds.response_bytes;
    allowance.set(most.saturating_mul(BYTES_FOR_A_BYTE).saturating_add(HEAD_BYTES_MAX));
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        return Err(Failure::Large(Part::Body));
    }
    let mut whole = Vec::with_capacity(announced);
    while let Some(frame) = deadline.within(bounds.between_bytes).keep(Phase::Body, body.frame()).await? {
        let frame = frame.map_err(|error| failure(&error, Part::Body))?;
        // What is no data is trailers: they are dropped.
        if let Ok(data) = frame.into_data() {
            if data.len() > most.saturating_sub(whole.len()) {
                return Err(Failure::Large(Part::Body));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole)
}

/// What hyper says, by the part of the response that it was at.
fn failure(error: &hyper::Error, part: Part) -> Failure {
    let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    let is_spent = source.and_then(std::io::Error::get_ref).is_some_and(|inner| inner.is::<Spent>());
    if is_spent {
        return Failure::Large(part);
    }
    let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    Failure::Broken(format!("{error}{why}"))
}

/// Runs a connection and what goes on over it as one future, so that dropping it drops both.
async fn driven<T>(connection: impl Future, exchange: impl Future<Output = T>) -> T {
    let (mut connection, mut exchange) = (pin!(connection), pin!(exchange));
    let mut is_over = false;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(done) = exchange.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        // Its end, and why it ended, is told to the exchange too.
        is_over = is_over || connection.as_mut().poll(cx).is_ready();
        exchange.as_mut().poll(cx)
    })
    .await
}
