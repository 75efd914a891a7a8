//! Group C: guests that take, forge and mix up handles.

use crate::case::cases;

cases! {}
