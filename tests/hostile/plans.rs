//! Group J: plans.

use crate::case::cases;

cases! {}
