//! Group B: guests that take memory.

use crate::case::cases;

cases! {}
