//! Paths as plans give them: relative to the granted folder, and never out of it.

use crate::Failure;

/// A relative path without `.` and `..`, its names joined by `/`; the folder itself is the empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelativePath(String);

impl RelativePath {
    /// The path of a file or a folder.
    ///
    /// # Errors
    ///
    /// If it is absolute, or has a `..`.
    pub fn parse(path: &str) -> Result<Self, Failure> {
        if path.starts_with('/') {
            return Err(Failure::Invalid(format!(
                "`{path}` is absolute: give a path relative to the capability's folder"
            )));
        }
        let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        if names.contains(&"..") {
            return Err(Failure::Invalid(format!("`{path}` has a `..`: give a path within the capability's folder")));
        }
        Ok(Self(names.join("/")))
    }

    /// The path of what can only be a file.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and if it is empty or ends like a folder's.
    pub fn parse_file(path: &str) -> Result<Self, Failure> {
        let parsed = Self::parse(path)?;
        match path.rsplit('/').next() {
            None | Some("" | ".") => Err(Failure::Invalid(format!("`{path}` names a folder: give the path of a file"))),
            Some(_) => Ok(parsed),
        }
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This path and a name below it.
    pub(crate) fn join(&self, name: &str) -> Self {
        Self(if self.0.is_empty() { name.to_owned() } else { format!("{}/{name}", self.0) })
    }

    /// Whether `self` is `folder` or below it.
    pub(crate) fn is_within(&self, folder: &Self) -> bool {
        folder.0.is_empty()
            || self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<String, Failure> {
        RelativePath::parse(path).map(|path| path.0)
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (given, meant) in [("", ""), (".", ""), ("a", "a"), ("./a//b/./c/", "a/b/c"), ("..a/b..", "..a/b..")] {
            assert_eq!(parse(given), Ok(meant.to_owned()), "{given}");
        }
    }

    #[test]
    fn no_path_leads_out() {
        for path in ["/", "/etc/passwd", "..", "a/../../b", "a/.."] {
            assert!(
                matches!(parse(path), Err(Failure::Invalid(text)) if text.contains(&format!("`{path}`"))),
                "{path}"
            );
        }
    }

    #[test]
    fn a_file_has_a_name() {
        for path in ["", ".", "a/", "a/."] {
            assert!(RelativePath::parse_file(path).is_err(), "{path}");
        }
        assert!(RelativePath::parse_file("a/b").is_ok());
    }

    #[test]
    fn within_goes_by_whole_names() {
        let within = |a, b| RelativePath(String::from(a)).is_within(&RelativePath(String::from(b)));
        assert!(within("a/b", "") && within("a/b", "a") && within("a", "a"));
        assert!(!within("ab", "a") && !within("a", "a/b"));
    }
}
