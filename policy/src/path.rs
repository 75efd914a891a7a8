//! Paths that a plan may give: relative, downwards, and with one reading.

/// Why a text is no path inside a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It is empty.
    #[error("the path is empty; `.` is the folder itself")]
    Empty,
    /// It starts at the root, or at a drive.
    #[error("the path is absolute; give one relative to the granted folder")]
    Absolute,
    /// It has a `..` segment.
    #[error("the path has `..`, which leads out of the granted folder")]
    Parent,
    /// It starts with `~`.
    #[error("the path starts with `~`, and no home folder is granted")]
    Home,
    /// It has an empty segment, as in `a//b`.
    #[error("the path has an empty part, as in `a//b`")]
    EmptySegment,
    /// It has a backslash or a control character.
    #[error("the path has a backslash or a control character")]
    Character,
}

/// Checks that `text` is a path inside a grant.
///
/// The sandbox resolves every path beneath its folder whatever it says; this check is what refuses a plan *before*
/// anything runs, and says why.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(text: &str) -> Result<(), PathFault> {
    if text.is_empty() {
        return Err(PathFault::Empty);
    }
    if text.contains(|c: char| c == '\\' || c.is_control()) {
        return Err(PathFault::Character);
    }
    if text.starts_with('/') || text.as_bytes().get(1) == Some(&b':') {
        return Err(PathFault::Absolute);
    }
    if text.starts_with('~') {
        return Err(PathFault::Home);
    }
    for segment in text.strip_suffix('/').unwrap_or(text).split('/') {
        match segment {
            "" => return Err(PathFault::EmptySegment),
            ".." => return Err(PathFault::Parent),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_072_and_073_paths_that_lead_out_are_refused() {
        for (text, fault) in [
            ("", PathFault::Empty),
            ("..", PathFault::Parent),
            ("../x", PathFault::Parent),
            ("a/../../x", PathFault::Parent),
            ("./..//../x", PathFault::Parent),
            ("a/..", PathFault::Parent),
            ("/etc/passwd", PathFault::Absolute),
            ("//host/share", PathFault::Absolute),
            ("C:/x", PathFault::Absolute),
            ("~/.ssh/id_rsa", PathFault::Home),
            ("~root", PathFault::Home),
            ("a//b", PathFault::EmptySegment),
            ("C:\\x", PathFault::Character),
            ("\\\\?\\x", PathFault::Character),
            ("a\0b", PathFault::Character),
            ("a\nb", PathFault::Character),
        ] {
            assert_eq!(check(text), Err(fault), "{text:?}");
        }
        for text in [".", "a", "a/b.md", "./a", "a/", "..a", "a..", "ünï/日本.md", "a~"] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
    }
}
