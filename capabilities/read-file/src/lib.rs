//! The built-in capability `read-file`: the text of one file.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:read-file;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/read-file@0.1.0;
            }
        ",
        world: "claw:read-file/guest",
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{ReadFile, bindings};
    bindings::export!(ReadFile with_types_in bindings);
}

use bindings::exports::claw::capabilities::read_file::{Error, Guest};
use claw_guest_folder::{Failure, Folder, RelativePath, error_from_failure};
use std::fs::{self, File};
use std::io::Read;

/// The most bytes that one call reads: a few copies of it fit the memory that a step has by default.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The capability, as the component exports it.
pub struct ReadFile;

impl Guest for ReadFile {
    fn read(path: String) -> Result<String, Error> {
        Ok(read(&Folder::granted(), &path)?)
    }
}

error_from_failure!(Error);

fn read(folder: &Folder, path: &str) -> Result<String, Failure> {
    let place = folder.locate(&RelativePath::parse_file(path)?);
    let failed = |error| Failure::of(&error, path);
    let metadata = fs::metadata(&place).map_err(failed)?;
    // Asked before opening, since opening a pipe would block.
    if !metadata.is_file() {
        return Err(Failure::Invalid(format!("`{path}` is a folder or a device: give the path of a file")));
    }
    // The size may be stale, and is only where to start.
    let expected = metadata.len().min(MAX_FILE_BYTES) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    File::open(&place).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::TooLarge(format!("`{path}` has more than {MAX_FILE_BYTES} bytes: read a smaller file")));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::Invalid(format!("`{path}` is not UTF-8 text: give the path of a text file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &[u8], expected: Result<&str, Failure>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), content).unwrap();
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        assert_eq!(read(&folder, "./file"), expected.map(str::to_owned));
    }

    #[test]
    fn text_is_given_as_it_is() {
        check(b"", Ok(""));
        check("\u{feff}one\r\ntwo\0ä\n".as_bytes(), Ok("\u{feff}one\r\ntwo\0ä\n"));
    }

    #[test]
    fn bytes_are_not_text() {
        check(b"\xff\xfe", Err(Failure::Invalid("`./file` is not UTF-8 text: give the path of a text file".into())));
    }

    #[test]
    fn size_is_bounded() {
        let most = usize::try_from(MAX_FILE_BYTES).unwrap();
        check(&vec![b'a'; most], Ok(&"a".repeat(most)));
        let text = "`./file` has more than 16777216 bytes: read a smaller file";
        check(&vec![b'a'; most + 1], Err(Failure::TooLarge(text.into())));
    }

    #[test]
    fn what_is_no_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        assert!(matches!(read(&folder, "sub"), Err(Failure::Invalid(_))));
        assert!(matches!(read(&folder, "none"), Err(Failure::NotFound(_))));
        assert!(matches!(read(&folder, "../none"), Err(Failure::Invalid(_))));
    }
}
