//! Waiting for a planner: until it is done, its time is up, or the user interrupts, whichever is first.

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::task::Poll;

use tokio::net::UnixStream;
use tokio::runtime;

use super::{Bounds, PlannerError};

/// Runs `work` within `bounds`, and drops it where it stands when they are reached.
///
/// The event queue is made for this one time, so that nothing of it goes on afterwards: no connection stays open, and a
/// lookup of a name that the system does not end is left behind.
pub(super) fn within<T>(
    bounds: Bounds<'_>,
    work: impl Future<Output = Result<T, PlannerError>>,
) -> Result<T, PlannerError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let ended = runtime.block_on(async {
        let mut interrupted = pin!(interrupted(bounds.interrupt));
        let mut late = pin!(tokio::time::sleep(bounds.time));
        let mut work = pin!(work);
        // The work is asked last: one that always has something to do, such as an endless stream, must not win.
        poll_fn(|context| {
            if let Poll::Ready(why) = interrupted.as_mut().poll(context) {
                return Poll::Ready(Err(why));
            }
            if late.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(PlannerError::TimedOut(bounds.time)));
            }
            work.as_mut().poll(context)
        })
        .await
    });
    runtime.shutdown_background();
    ended
}

/// Returns when the user interrupts, or when that cannot be found out.
async fn interrupted(interrupt: Option<BorrowedFd<'_>>) -> PlannerError {
    let Some(interrupt) = interrupt else { return std::future::pending().await };
    match watch(interrupt) {
        Ok(watched) => watched.readable().await.map_or_else(broken, |()| PlannerError::Interrupted),
        Err(error) => broken(error),
    }
}

/// The same end of a pair of sockets, for the queue to wait on. Nobody reads from it.
fn watch(interrupt: BorrowedFd<'_>) -> io::Result<UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(interrupt.try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

fn broken(error: io::Error) -> PlannerError {
    PlannerError::Failed {
        what: "waiting for the planner".to_owned(),
        why: error.to_string(),
        help: "see `claw doctor`".to_owned(),
    }
}
