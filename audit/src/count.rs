//! Counts in events: numbers that a record gives back as they are.

use claw_policy::types::EXACT_INTEGER_MAX;
use serde::{Serialize, Serializer};

/// A count, or the most that a JSON number carries exactly: counts are the word of a worker or a service, which could else
/// write a line that is no event to who reads it.
pub(crate) fn count<S: Serializer>(count: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64((*count).min(EXACT_INTEGER_MAX))
}

/// The same of one that may not be there.
pub(crate) fn maybe_count<S: Serializer>(count: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    count.map(|count| count.min(EXACT_INTEGER_MAX)).serialize(serializer)
}
