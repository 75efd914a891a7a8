//! Names that start with a dot are read, and not written unless the grant says `dotfiles = true`.

use std::fs::{self, File};
use std::io::ErrorKind;

fn main() {
    assert_eq!(fs::read_to_string("/in/names/.hidden").unwrap(), ".hidden");
    assert_eq!(File::create("/out/.hidden").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::create_dir("/out/.git").unwrap_err().kind(), ErrorKind::PermissionDenied);
    fs::write("/out/a.md", "a").unwrap();
    assert_eq!(fs::rename("/out/a.md", "/out/.a.md").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::remove_file("/out/.there").unwrap_err().kind(), ErrorKind::PermissionDenied);
    fs::write("/dots/.hidden", "a").unwrap();
}
