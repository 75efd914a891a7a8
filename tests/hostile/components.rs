//! Group I: components that are none, or too much.

use crate::case::cases;

cases! {}
