//! Group D: guests that flood the host with calls and data.

use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};

cases! {
    case_036_output_flood
}

fn case_036_output_flood(arena: &mut Arena) -> Contained {
    arena.guest("case_036_output_flood").attack(Ending::Failed("limit.host-calls"))
}
