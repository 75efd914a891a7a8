//! Which grants are one place.

use crate::grant::{Grant, Target};
use crate::name::Name;

/// Which grants are one place: folders that overlap, a `place` of one name, a host that several name.
pub(super) fn places(grants: &[(&Name, &Grant)], overlaps: &[(Name, Name)]) -> Vec<usize> {
    let is_one = |(a_name, a): &(&Name, &Grant), (b_name, b): &(&Name, &Grant)| {
        let overlap = overlaps.iter().any(|(x, y)| (x == *a_name && y == *b_name) || (x == *b_name && y == *a_name));
        let named = a.place.is_some() && a.place == b.place;
        let host = match (&a.target, &b.target) {
            (Target::Hosts(a), Target::Hosts(b)) => !a.hosts().is_disjoint(&b.hosts()),
            _ => false,
        };
        overlap || named || host
    };
    let mut place_of: Vec<usize> = (0..grants.len()).collect();
    for (index, a) in grants.iter().enumerate() {
        for (other, b) in grants.iter().enumerate().skip(index + 1) {
            if is_one(a, b)
                && let (Some(from), Some(to)) = (place_of.get(other).copied(), place_of.get(index).copied())
            {
                place_of.iter_mut().filter(|place| **place == from).for_each(|place| *place = to);
            }
        }
    }
    place_of
}
