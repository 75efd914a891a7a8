//! Makes a folder in a folder in a folder, deeper than any path is long.

use claw_hostile_guests::granted;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

fn main() {
    let mut dir = granted("/out");
    loop {
        if dir.create_directory_at("a-folder-with-a-long-name").is_err() {
            return;
        }
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        match dir.open_at(PathFlags::empty(), "a-folder-with-a-long-name", OpenFlags::DIRECTORY, flags) {
            Ok(below) => dir = below,
            Err(_) => return,
        }
    }
}
