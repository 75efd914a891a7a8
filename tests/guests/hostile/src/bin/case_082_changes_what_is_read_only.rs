//! Tries to change a folder that is granted for reading, by every operation that changes anything.

use claw_hostile_guests::{change, granted, none_is_done};
use wasip2::filesystem::types::{DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

fn main() {
    let dir = granted("/in");
    for path in ["notes.md", "new", "sub", "sub/new", "./notes.md", "sub/../notes.md"] {
        none_is_done(path, change(&dir, "notes.md", path));
    }
    for flags in [
        DescriptorFlags::WRITE,
        DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY,
        DescriptorFlags::READ | DescriptorFlags::WRITE | DescriptorFlags::DATA_INTEGRITY_SYNC,
    ] {
        let opened = dir.open_at(PathFlags::empty(), "notes.md", OpenFlags::empty(), flags);
        assert!(opened.is_err() || !flags.contains(DescriptorFlags::WRITE), "opened with {flags:?}");
        if let Ok(sub) = dir.open_at(PathFlags::empty(), "sub", OpenFlags::DIRECTORY, flags) {
            assert!(sub.create_directory_at("new").is_err());
        }
    }
    // A file that is open for reading is no way in.
    let file =
        dir.open_at(PathFlags::empty(), "notes.md", OpenFlags::empty(), DescriptorFlags::READ).expect("it can be read");
    assert!(file.set_size(0).is_err() && file.write(b"x", 0).is_err());
    assert!(file.set_times(NewTimestamp::Now, NewTimestamp::Now).is_err());
    assert!(file.write_via_stream(0).is_err() && file.append_via_stream().is_err());
    let _harmless = (file.sync(), file.sync_data(), dir.sync());
    assert!(dir.set_times(NewTimestamp::Now, NewTimestamp::Now).is_err());
}
