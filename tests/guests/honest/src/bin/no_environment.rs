//! There is no environment and there are no arguments.

use std::env::{self, VarError};

fn main() {
    assert_eq!(env::vars().count(), 0);
    assert_eq!(env::args().count(), 0);
    assert_eq!(env::var("HOME"), Err(VarError::NotPresent));
    assert_eq!(env::current_exe().unwrap_err().kind(), std::io::ErrorKind::Unsupported);
}
