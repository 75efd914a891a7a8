//! Makes links that lead out, and opens them; and leaves some for whoever looks at its output later.

use claw_hostile_guests::{granted, look};

fn main() {
    let dir = granted("/out");
    for (number, target) in [
        "../sentinel/key",
        "../../../../../etc/passwd",
        "../sentinel",
        "..",
        "sub/../../sentinel/key",
        "../policy.toml",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("link-{number}");
        if dir.symlink_at(target, &name).is_err() {
            continue;
        }
        for path in [name.clone(), format!("{name}/key"), format!("{name}/")] {
            for (what, result) in look(&dir, &path) {
                // A link can be seen as one.
                assert!(result.is_err() || ["stat", "hash"].contains(&what), "{what} `{path}` -> `{target}`");
            }
        }
        assert!(std::fs::read(format!("/out/{name}")).is_err());
        assert!(std::fs::write(format!("/out/{name}"), "x").is_err());
    }
    for target in ["/etc/passwd", "/", "//etc"] {
        assert!(dir.symlink_at(target, "absolute").is_err(), "{target}");
    }
}
