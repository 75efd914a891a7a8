//! All files below a folder, in one order, links left alone.

use crate::{Failure, Folder, RelativePath};
use globset::{GlobBuilder, GlobSet};
use std::fs;

/// How many folders may be inside one another: deeper ones are made by accident or to exhaust.
pub const MAX_DEPTH: usize = 64;

/// How many files one call answers about: their paths fill the megabyte that a step may put out by default.
pub const MAX_FILES: usize = 10_000;

impl Folder {
    /// The regular files at or below `start` whose path matches the glob `pattern`, sorted by the bytes of their paths.
    ///
    /// # Errors
    ///
    /// If `start` cannot be read, `pattern` is no glob, or there is more than [`MAX_FILES`] or [`MAX_DEPTH`].
    pub fn files(&self, start: Option<&str>, pattern: Option<&str>) -> Result<Vec<RelativePath>, Failure> {
        let start = RelativePath::parse(start.unwrap_or_default())?;
        let pattern = pattern.map(parse_glob).transpose()?;
        let mut files = Vec::new();
        let mut folders = Vec::new();
        for place in self.places(start) {
            let kind = self.metadata(&place)?.file_type();
            if kind.is_dir() {
                folders.push((place, 0));
            } else if kind.is_file() {
                keep(place, pattern.as_ref(), &mut files)?;
            } else {
                return Err(not_regular(&place));
            }
        }
        while let Some((folder, depth)) = folders.pop() {
            let failed = |error: std::io::Error| Failure::of(&error, folder.as_str());
            for entry in fs::read_dir(self.locate(&folder)).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let path = folder.join(&entry.file_name().to_string_lossy());
                let kind = entry.file_type().map_err(failed)?;
                if kind.is_dir() && depth == MAX_DEPTH {
                    return Err(Failure::TooLarge(format!(
                        "`{}` is more than {MAX_DEPTH} folders deep: start further down, with `path`",
                        path.as_str()
                    )));
                } else if kind.is_dir() {
                    folders.push((path, depth + 1));
                } else if kind.is_file() {
                    keep(path, pattern.as_ref(), &mut files)?;
                }
            }
        }
        files.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(files)
    }

    /// Where to walk for all of `start`: there, or in what is mounted below it where nothing is mounted at or above it.
    fn places(&self, start: RelativePath) -> Vec<RelativePath> {
        let below: Vec<_> = self.mounts.iter().filter(|mount| mount.is_within(&start)).cloned().collect();
        if below.is_empty() || self.mounts.iter().any(|mount| start.is_within(mount)) { vec![start] } else { below }
    }
}

/// What cannot be read like a file: a symbolic link, or worse, something that would block.
pub(crate) fn not_regular(path: &RelativePath) -> Failure {
    Failure::Invalid(format!(
        "`{}` is neither a file nor a folder, but a link or a device: use another path",
        path.as_str()
    ))
}

fn keep(path: RelativePath, pattern: Option<&GlobSet>, files: &mut Vec<RelativePath>) -> Result<(), Failure> {
    if pattern.is_some_and(|pattern| !pattern.is_match(path.as_str())) {
        return Ok(());
    }
    if files.len() == MAX_FILES {
        return Err(Failure::TooLarge(format!(
            "there are more than {MAX_FILES} files: narrow it with a `path` or a glob"
        )));
    }
    files.push(path);
    Ok(())
}

fn parse_glob(pattern: &str) -> Result<GlobSet, Failure> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    // A set of one, since compiling a single glob panics where it is too big.
    let set = glob.and_then(|glob| GlobSet::builder().add(glob).build());
    set.map_err(|error| Failure::Invalid(format!("`{pattern}` is not a glob: {}", error.kind())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tempfile::{TempDir, tempdir};

    fn tree(files: &[&str]) -> TempDir {
        let dir = tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        dir
    }

    fn check(root: &Path, mounts: &[&str], start: Option<&str>, pattern: Option<&str>, expected: &[&str]) {
        let files = Folder::for_tests(root, mounts).unwrap().files(start, pattern).unwrap();
        let files: Vec<_> = files.iter().map(RelativePath::as_str).collect();
        assert_eq!(files, expected, "{start:?} {pattern:?}");
    }

    #[test]
    fn everything_is_found_in_byte_order() {
        let dir = tree(&["b", "a/z", "a.txt", "a/.hidden/c", "ä"]);
        check(dir.path(), &[], None, None, &["a.txt", "a/.hidden/c", "a/z", "b", "ä"]);
        check(dir.path(), &[], Some("a"), None, &["a/.hidden/c", "a/z"]);
        check(dir.path(), &[], Some("./b"), None, &["b"]);
    }

    #[test]
    fn a_glob_is_about_the_whole_path() {
        let dir = tree(&["a.md", "x/b.md", "x/y/c.md", "x/d.txt"]);
        check(dir.path(), &[], None, Some("*.md"), &["a.md"]);
        check(dir.path(), &[], None, Some("**/*.md"), &["a.md", "x/b.md", "x/y/c.md"]);
        check(dir.path(), &[], Some("x"), Some("x/*.{md,txt}"), &["x/b.md", "x/d.txt"]);
    }

    #[test]
    fn what_is_not_a_glob_is_an_error() {
        let dir = tree(&[]);
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        for glob in ["[a".to_owned(), "{a".to_owned(), "?".repeat(1_000_000)] {
            assert!(matches!(folder.files(None, Some(&glob)), Err(Failure::Invalid(_))));
        }
    }

    #[test]
    fn several_mounts_are_walked_together() {
        let dir = tree(&["notes/a", "out/b", "secret/c"]);
        check(dir.path(), &["out", "notes"], None, None, &["notes/a", "out/b"]);
        check(dir.path(), &["out", "notes"], Some("notes"), None, &["notes/a"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_left_alone() {
        let dir = tree(&["a/b"]);
        std::os::unix::fs::symlink("a", dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("a/b", dir.path().join("file")).unwrap();
        std::os::unix::fs::symlink(".", dir.path().join("a/loop")).unwrap();
        check(dir.path(), &[], None, None, &["a/b"]);
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        assert_eq!(folder.files(Some("file"), None), Err(not_regular(&RelativePath::parse("file").unwrap())));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |depth| format!("{}f", "d/".repeat(depth));
        let dir = tree(&[&deep(MAX_DEPTH)]);
        check(dir.path(), &[], None, None, &[&deep(MAX_DEPTH)]);
        let dir = tree(&[&deep(MAX_DEPTH + 1)]);
        let files = Folder::for_tests(dir.path(), &[]).unwrap().files(None, None);
        assert!(matches!(files, Err(Failure::TooLarge(_))), "{files:?}");
    }

    #[test]
    fn the_number_of_files_is_bounded_after_the_glob() {
        let dir = tree(&[]);
        for number in 0..=MAX_FILES {
            fs::write(dir.path().join(number.to_string()), "").unwrap();
        }
        let folder = Folder::for_tests(dir.path(), &[]).unwrap();
        assert!(matches!(folder.files(None, None), Err(Failure::TooLarge(_))));
        assert_eq!(folder.files(None, Some("1*")).unwrap().len(), 1 + 10 + 100 + 1000 + 1);
    }
}
