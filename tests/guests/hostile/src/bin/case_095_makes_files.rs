//! Makes a file and a folder, for the test to look at their modes.

fn main() {
    std::fs::write("/out/file", "#!/bin/sh\n").expect("files can be made");
    std::fs::create_dir("/out/folder").expect("folders can be made");
}
