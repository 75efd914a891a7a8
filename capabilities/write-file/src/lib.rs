//! The built-in capability `write-file`: text into one file.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:write-file;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/write-file@0.1.0;
            }
        ",
        world: "claw:write-file/guest",
        additional_derives: [PartialEq],
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{WriteFile, bindings};
    bindings::export!(WriteFile with_types_in bindings);
}

use bindings::exports::claw::capabilities::write_file::{Error, Guest, Mode, Written};
use claw_guest_folder::{Failure, Folder, RelativePath, error_from_failure};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// The capability, as the component exports it.
pub struct WriteFile;

impl Guest for WriteFile {
    fn write(path: String, text: String, mode: Option<Mode>) -> Result<Written, Error> {
        Ok(write(&Folder::granted(), &path, &text, mode.unwrap_or(Mode::Replace))?)
    }
}

error_from_failure!(Error);

fn write(folder: &Folder, path: &str, text: &str, mode: Mode) -> Result<Written, Failure> {
    let relative = RelativePath::parse_file(path)?;
    let failed = |error| Failure::of(&error, path);
    let mut file = open(&folder.locate(&relative), mode).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(Written { path: relative.as_str().to_owned(), bytes: text.len() as u64 })
}

/// Opens the file first and makes its folders only where they are missing: a sandbox may let no folder be made.
fn open(place: &Path, mode: Mode) -> io::Result<File> {
    let mut options = OpenOptions::new();
    match mode {
        Mode::Replace => options.write(true).create(true).truncate(true),
        Mode::Create => options.write(true).create_new(true),
        Mode::Append => options.append(true).create(true),
    };
    match (options.open(place), place.parent()) {
        (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            options.open(place)
        }
        (opened, _) => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes `text` to `path`, where `before` is there already, and expects `after`.
    fn check(mode: Mode, path: &str, before: Option<&str>, text: &str, after: &str) {
        let dir = tempfile::tempdir().unwrap();
        if let Some(before) = before {
            fs::write(dir.path().join(path), before).unwrap();
        }
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        let written = Written { path: path.into(), bytes: text.len() as u64 };
        assert_eq!(write(&folder, &format!("./{path}"), text, mode), Ok(written));
        assert_eq!(fs::read_to_string(dir.path().join(path)).unwrap(), after);
    }

    #[test]
    fn each_mode_writes() {
        check(Mode::Replace, "a", None, "text", "text");
        check(Mode::Replace, "a", Some("a longer text"), "ä", "ä");
        check(Mode::Create, "a", None, "", "");
        check(Mode::Append, "a", None, "b", "b");
        check(Mode::Append, "a", Some("a"), "b", "ab");
    }

    #[test]
    fn missing_folders_are_made() {
        check(Mode::Replace, "x/y/z", None, "text", "text");
        check(Mode::Create, "x/y/z", None, "text", "text");
    }

    #[test]
    fn create_leaves_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "old").unwrap();
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        let text = "`a` exists already: use another path, or the mode `replace` or `append`";
        assert_eq!(write(&folder, "a", "new", Mode::Create), Err(Failure::Invalid(text.into())));
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "old");
    }

    #[test]
    fn only_a_file_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        for path in ["", "sub", "sub/", "a/b", "../a", "/a", "a\0"] {
            let written = write(&folder, path, "text", Mode::Replace);
            assert!(matches!(written, Err(Failure::Invalid(_))), "{path:?}: {written:?}");
        }
    }
}
