//! Group F: guests that reach for files.

use crate::case::cases;

cases! {}
