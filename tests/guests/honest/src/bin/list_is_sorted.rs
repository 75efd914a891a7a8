//! A folder's entries come sorted by their bytes, with their types, and without `.` and `..`.

use std::fs;

fn main() {
    let entries: Vec<_> = fs::read_dir("/in/names").unwrap().map(|entry| entry.unwrap()).collect();
    let names: Vec<String> = entries.iter().map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(names, [".hidden", "10", "9", "B", "a", "b", "folder", "link", "é"]);
    for entry in &entries {
        let name = entry.file_name();
        let kind = entry.file_type().unwrap();
        assert_eq!(kind.is_dir(), name == "folder");
        assert_eq!(kind.is_symlink(), name == "link");
        assert_eq!(entry.path().parent().unwrap().to_str(), Some("/in/names"));
    }
}
