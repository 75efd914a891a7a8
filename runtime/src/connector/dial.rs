//! TCP connections, to addresses that were looked at and to no others.

use std::time::Duration;

use tokio::net::TcpStream;

use super::addresses::Checked;
use super::deadline::Deadline;
use super::failure::{Failure, Phase};

/// The longest that connecting may take, for all addresses together.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// A connection to the first of the addresses that takes one.
pub(super) async fn dial(addresses: &[Checked], deadline: Deadline) -> Result<TcpStream, Failure> {
    let deadline = deadline.within(CONNECT_TIME_MAX);
    let mut failure = Failure::NoAddress;
    for (tried, address) in addresses.iter().enumerate() {
        // One that does not answer must not take the time of all.
        let share = deadline.share(addresses.len().saturating_sub(tried));
        match share.keep(Phase::Connect, TcpStream::connect(address.address())).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(Failure::Connect)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = Failure::Connect(error),
            Err(late) => failure = late,
        }
    }
    Err(failure)
}
