//! A program that walks a folder to its depth finds everything, and can read it.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let mut found = Vec::new();
    walk(Path::new("/in/tree"), &mut found);
    let found: Vec<&str> = found.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(found, ["/in/tree/a/b/c/deep.md", "/in/tree/a/one.md", "/in/tree/two.md"]);
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            assert_eq!(fs::read_to_string(&path).unwrap(), path.file_name().unwrap().to_str().unwrap());
            found.push(path);
        }
    }
}
