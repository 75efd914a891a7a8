//! Waiting for the user to interrupt, beside a request.

use std::io;
use std::os::fd::BorrowedFd;

use tokio::net::UnixStream;

/// Returns when `interrupt`, one end of a pair of sockets, can be read; never, where there is none.
pub(crate) async fn interrupted(interrupt: Option<BorrowedFd<'_>>) {
    let watched = interrupt.and_then(|interrupt| watch(interrupt).ok());
    match watched {
        Some(watched) if watched.readable().await.is_ok() => {}
        _ => std::future::pending().await,
    }
}

/// The same end, for the runtime to wait on. Nobody reads it.
fn watch(interrupt: BorrowedFd<'_>) -> io::Result<UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(interrupt.try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}
