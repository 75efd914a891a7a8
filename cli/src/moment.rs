//! A point in time as people write it: a date, a time, or how long ago.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

/// A point in time, or a day.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// `2026-11-28T10:30:00Z` (RFC 3339).
    Time(Timestamp),
    /// `2026-11-28`: all of that day, in UTC.
    Day(Date),
    /// `2d`, `36h`, `2 weeks 3 days`.
    Ago(Span),
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let help = "a date such as 2026-11-28, a time such as 2026-11-28T10:30:00Z, or how long ago, such as 2d or 36h, is wanted";
        if let Ok(time) = text.parse() {
            return Ok(Self::Time(time));
        }
        // A time without a zone is no day: jiff would read it as one.
        if let (Ok(day), 10) = (text.parse(), text.len()) {
            return Ok(Self::Day(day));
        }
        text.parse().map(Self::Ago).map_err(|_| help)
    }
}

impl Moment {
    /// Where it begins, seen from `now`: unix time in milliseconds. None where that is before or after all time.
    pub(crate) fn begin(self, now: Timestamp) -> Option<u64> {
        let time = match self {
            Self::Time(time) => time,
            Self::Day(day) => day.to_zoned(TimeZone::UTC).ok()?.timestamp(),
            Self::Ago(span) => now.to_zoned(TimeZone::UTC).checked_sub(span.abs()).ok()?.timestamp(),
        };
        u64::try_from(time.as_millisecond()).ok()
    }

    /// Where it is over: a day lasts to the next one.
    pub(crate) fn end(self, now: Timestamp) -> Option<u64> {
        match self {
            Self::Day(day) => Self::Day(day.checked_add(1.day()).ok()?).begin(now),
            Self::Time(_) | Self::Ago(_) => self.begin(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_spans_are_read_and_nothing_else() {
        let now: Timestamp = "2026-11-28T10:30:00Z".parse().unwrap();
        let ms = |text: &str| u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap();
        for (text, begin, end) in [
            ("2026-11-27", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2026-11-27T08:00:00Z", "2026-11-27T08:00:00Z", "2026-11-27T08:00:00Z"),
            ("2026-11-27T08:00:00+02:00", "2026-11-27T06:00:00Z", "2026-11-27T06:00:00Z"),
            ("2d", "2026-11-26T10:30:00Z", "2026-11-26T10:30:00Z"),
            ("36h", "2026-11-26T22:30:00Z", "2026-11-26T22:30:00Z"),
            ("1 month", "2026-10-28T10:30:00Z", "2026-10-28T10:30:00Z"),
            ("2 days ago", "2026-11-26T10:30:00Z", "2026-11-26T10:30:00Z"),
            ("P1W", "2026-11-21T10:30:00Z", "2026-11-21T10:30:00Z"),
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!((moment.begin(now), moment.end(now)), (Some(ms(begin)), Some(ms(end))), "{text}");
        }
        for text in ["", "yesterday", "2", "2026-11", "2026-11-31", "2026-11-27T08:00:00", "2026-11-27 08:00", "1d x"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
        assert_eq!("9999 years".parse::<Moment>().unwrap().begin(now), None);
    }
}
