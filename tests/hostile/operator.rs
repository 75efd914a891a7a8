//! Group O: the operator's machine, and a worker that an attacker owns.

use crate::case::cases;

cases! {}
