//! Why a file capability did not do what was asked, in words for whoever asked.

use std::io::{Error, ErrorKind};

/// WASI's number for a name that is not UTF-8, which has no [`ErrorKind`].
const ILLEGAL_BYTE_SEQUENCE: i32 = 25;

/// The `error` of `wit/errors.wit`, before it becomes the type of one guest's bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such file or folder.
    NotFound(String),
    /// The sandbox does not allow it.
    NotPermitted(String),
    /// An argument, or what it names, is not what is needed.
    Invalid(String),
    /// More than the capability handles in one call.
    TooLarge(String),
    /// Reading or writing failed for another reason.
    Io(String),
}

impl Failure {
    /// What an error of the file system means to someone who asked for `path`.
    pub fn of(error: &Error, path: &str) -> Self {
        let path = if path.is_empty() { "." } else { path };
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound(format!("there is no `{path}`: list the files to see what there is")),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::NotPermitted(format!(
                "`{path}` may not be used for this: use a path that the policy grants for it"
            )),
            ErrorKind::IsADirectory => Self::Invalid(format!("`{path}` is a folder: give the path of a file")),
            ErrorKind::NotADirectory => {
                Self::Invalid(format!("a part of `{path}` is a file, not a folder: correct the path"))
            }
            ErrorKind::AlreadyExists => {
                Self::Invalid(format!("`{path}` exists already: use another path, or the mode `replace` or `append`"))
            }
            ErrorKind::InvalidInput | ErrorKind::InvalidFilename => {
                Self::Invalid(format!("`{path}` cannot be the name of a file: use another path"))
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::TooLarge(format!("there is no room for `{path}`: write less"))
            }
            _ if error.raw_os_error() == Some(ILLEGAL_BYTE_SEQUENCE) => {
                Self::Invalid(format!("a name in `{path}` is not UTF-8: use another folder, or have it renamed"))
            }
            _ => Self::Io(format!("`{path}`: {error}")),
        }
    }
}

/// Makes the `error` type of a guest's bindings out of a [`Failure`]: each guest has a type of its own.
#[macro_export]
macro_rules! error_from_failure {
    ($error:ident) => {
        impl From<$crate::Failure> for $error {
            fn from(failure: $crate::Failure) -> Self {
                match failure {
                    $crate::Failure::NotFound(text) => $error::NotFound(text),
                    $crate::Failure::NotPermitted(text) => $error::NotPermitted(text),
                    $crate::Failure::Invalid(text) => $error::Invalid(text),
                    $crate::Failure::TooLarge(text) => $error::TooLarge(text),
                    $crate::Failure::Io(text) => $error::Io(text),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: impl Into<Error>, expected: Failure) {
        assert_eq!(Failure::of(&error.into(), "a/b"), expected);
    }

    #[test]
    fn each_error_says_what_to_do() {
        check(ErrorKind::NotFound, Failure::NotFound("there is no `a/b`: list the files to see what there is".into()));
        let text = "`a/b` may not be used for this: use a path that the policy grants for it";
        check(ErrorKind::PermissionDenied, Failure::NotPermitted(text.into()));
        check(ErrorKind::StorageFull, Failure::TooLarge("there is no room for `a/b`: write less".into()));
        check(ErrorKind::TimedOut, Failure::Io("`a/b`: timed out".into()));
        let text = "a name in `a/b` is not UTF-8: use another folder, or have it renamed";
        check(Error::from_raw_os_error(ILLEGAL_BYTE_SEQUENCE), Failure::Invalid(text.into()));
    }

    #[test]
    fn the_folder_itself_is_a_dot() {
        let failure = Failure::of(&ErrorKind::NotFound.into(), "");
        assert_eq!(failure, Failure::NotFound("there is no `.`: list the files to see what there is".into()));
    }
}
