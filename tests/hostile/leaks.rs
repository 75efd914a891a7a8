//! Group H: what a guest and a planner can learn of the host.

use crate::case::cases;

cases! {}
