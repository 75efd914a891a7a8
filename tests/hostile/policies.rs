//! Group K: policies.

use crate::case::cases;

cases! {}
