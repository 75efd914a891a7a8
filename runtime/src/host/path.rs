//! Paths inside a folder, by what they say alone.

/// Bytes of a path that is looked at; a longer one is `name-too-long`, as on Linux.
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// The path from `base`, both inside a folder, to what `path` names; `None` if that is outside the folder, by itself and
/// whatever links there are.
pub(crate) fn join(base: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Whether some name in `path`, which is one that [`join`] gave, starts with a dot.
pub(crate) fn hidden(path: &str) -> bool {
    path.split('/').any(|name| name.starts_with('.'))
}
