//! Makes every error that it can, writes down what each says, and gives up with it.

use std::fmt::Write as _;
use std::fs;

use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

fn main() {
    let mut said = String::new();
    for path in [
        "/in/absent",
        "/in",
        "/in/..",
        "/in/../sentinel/key",
        "/",
        "/in/notes.md/x",
        "/in/loop",
        "/in/away",
        "x",
        "",
        "/in/\0",
    ] {
        let _ = writeln!(
            said,
            "{path:?} {:?} {:?} {:?}",
            fs::read(path).err(),
            fs::write(path, "x").err(),
            fs::read_dir(path).err()
        );
        let _ = writeln!(
            said,
            "{:?} {:?} {:?}",
            fs::metadata(path).err(),
            fs::canonicalize(path),
            fs::read_link(path).err()
        );
        let _ = writeln!(said, "{:?} {:?}", fs::remove_file(path).err(), fs::rename(path, "/out/x").err());
    }
    // The host's own words for an error, where it has any.
    let opened = wasip2::filesystem::preopens::get_directories();
    for (folder, name) in &opened {
        let flags = DescriptorFlags::READ;
        for path in [".", "notes.md"] {
            let Ok(file) = folder.open_at(PathFlags::empty(), path, OpenFlags::empty(), flags) else { continue };
            let read =
                file.read_via_stream(0).map(|stream| stream.blocking_read(10).map_err(|error| format!("{error:?}")));
            let written = file.write_via_stream(0).map(|stream| {
                stream.blocking_write_and_flush(b"x").map_err(|error| match error {
                    wasip2::io::streams::StreamError::LastOperationFailed(error) => error.to_debug_string(),
                    closed => format!("{closed:?}"),
                })
            });
            let _ = writeln!(said, "{name} {path} {read:?} {written:?}");
        }
    }
    fs::write("/out/said", &said).unwrap();
    eprintln!("{said}");
    std::process::abort();
}
