//! How long to wait before a request is sent again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How often a request is sent again, and after what time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// At most so many times.
    pub(super) times: usize,
    /// At least so long the first time, and twice as long each further time. To each, up to as much again is added by
    /// chance, so that many who wait do not come back all at once.
    pub(super) first: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { times: 4, first: Duration::from_millis(500) }
    }
}

impl Patience {
    /// The times to wait, one after the other.
    pub(super) fn waits(self) -> ExponentialBackoff {
        ExponentialBuilder::new().with_min_delay(self.first).with_max_times(self.times).with_jitter().build()
    }
}

/// How long a service asks to be left alone: in seconds, or until a date, which is told by the service's own clock.
pub(super) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok());
    let asked = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?.trim()).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_says_how_long_to_wait() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (asked, seconds) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:40 GMT", Some(3)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let headers = [(RETRY_AFTER, asked), (DATE, date)].map(|(name, value)| (name, value.parse().unwrap()));
            assert_eq!(asked_wait(&headers.into_iter().collect()), seconds.map(Duration::from_secs), "{asked}");
        }
        let undated = [(RETRY_AFTER, date.parse().unwrap())];
        assert_eq!(asked_wait(&undated.into_iter().collect()), None);
    }

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<Duration> = Patience::default().waits().collect();
        assert_eq!(waits.len(), 4);
        for (wait, least) in waits.iter().zip([500, 1000, 2000, 4000]) {
            let least = Duration::from_millis(least);
            assert!(*wait >= least && *wait <= least * 2, "{waits:?}");
        }
    }
}
