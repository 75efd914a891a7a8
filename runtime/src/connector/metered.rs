//! A stream of which only so much is read, whatever it says of its length.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that ends with an error once more was read of it than allowed: it also counts what no reader of HTTP ever
/// hands out, such as interim responses, the sizes of chunks and their extensions.
pub(super) struct Metered<S> {
    stream: S,
    left: Allowance,
}

/// How many bytes may still be read.
#[derive(Clone)]
pub(super) struct Allowance(Arc<AtomicUsize>);

/// More was read than allowed.
#[derive(Debug, thiserror::Error)]
#[error("more bytes came than may be read")]
pub(super) struct Spent;

impl<S> Metered<S> {
    pub(super) fn new(stream: S, bytes: usize) -> (Self, Allowance) {
        let left = Allowance(Arc::new(AtomicUsize::new(bytes)));
        (Self { stream, left: left.clone() }, left)
    }
}

impl Allowance {
    pub(super) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().len().saturating_sub(before);
        match this.left.0.load(Ordering::Relaxed).checked_sub(read) {
            Some(left) => this.left.set(left),
            None => return Poll::Ready(Err(io::Error::other(Spent))),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
