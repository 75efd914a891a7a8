//! Lists a folder of a hundred thousand files a thousand times, and drops no listing.

use std::mem::forget;

use claw_hostile_guests::granted;
use wasip2::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

fn main() {
    let out = granted("/out");
    let many =
        out.open_at(PathFlags::empty(), "many", OpenFlags::DIRECTORY, DescriptorFlags::READ).expect("it is there");
    let mut held = 0;
    for _ in 0..1_000 {
        match many.read_directory() {
            Ok(listing) => {
                held += 1;
                forget(listing);
            }
            Err(error) => assert_eq!(error, ErrorCode::InsufficientMemory),
        }
    }
    assert_eq!(held, 1, "the host keeps one listing of that size");
}
