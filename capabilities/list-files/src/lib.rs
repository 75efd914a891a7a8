//! The built-in capability `list-files`: which files there are.

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package claw:list-files;
            world guest {
                export claw:capabilities/errors@0.1.0;
                export claw:capabilities/list-files@0.1.0;
            }
        ",
        world: "claw:list-files/guest",
        additional_derives: [PartialEq],
    });
}

#[cfg(target_family = "wasm")] // no other linker takes the names of a component's exports
#[expect(unsafe_code, reason = "generated: the ABI of components is raw pointers")]
mod export {
    use crate::{ListFiles, bindings};
    bindings::export!(ListFiles with_types_in bindings);
}

use bindings::exports::claw::capabilities::list_files::{Entry, Error, Guest};
use claw_guest_folder::{Failure, Folder, error_from_failure};

/// The capability, as the component exports it.
pub struct ListFiles;

impl Guest for ListFiles {
    fn list(path: Option<String>, pattern: Option<String>) -> Result<Vec<Entry>, Error> {
        Ok(list(&Folder::granted(), path.as_deref(), pattern.as_deref())?)
    }
}

error_from_failure!(Error);

fn list(folder: &Folder, path: Option<&str>, pattern: Option<&str>) -> Result<Vec<Entry>, Failure> {
    let files = folder.files(path, pattern)?;
    let entry = |path: &_| Ok(Entry { bytes: folder.metadata(path)?.len(), path: path.as_str().to_owned() });
    files.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_listed_with_their_size() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/b.md"), "four").unwrap();
        fs::write(dir.path().join("a.txt"), "").unwrap();
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        let [a, b] = [("a.txt", 0), ("sub/b.md", 4)].map(|(path, bytes)| Entry { path: path.into(), bytes });
        assert_eq!(list(&folder, None, None), Ok(vec![a, b.clone()]));
        assert_eq!(list(&folder, Some("sub"), Some("**/*.md")), Ok(vec![b]));
        assert_eq!(list(&folder, None, Some("*.pdf")), Ok(vec![]));
        assert!(matches!(list(&folder, Some("none"), None), Err(Failure::NotFound(_))));
    }
}
