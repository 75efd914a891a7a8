//! Group E: guests that wait, and have the host wait.

use crate::case::cases;

cases! {}
