//! Tries every operation on paths that are absolute, or that other systems would take for a way out.

use claw_hostile_guests::{change, granted, look, none_is_done};

fn main() {
    for folder in ["/in", "/out"] {
        let dir = granted(folder);
        for path in [
            "/etc/passwd",
            "/",
            "//",
            "//host/share",
            "/in/notes.md",
            "///etc/passwd",
            "/proc/self/environ",
            "/dev/null",
            "~/.ssh/id_ed25519/x",
            "C:\\Windows\\win.ini/x",
            "\\\\?\\C:\\x/x",
            "..\\..\\sentinel\\key/x",
            "%2e%2e/sentinel/key",
            "..%2fsentinel%2fkey/x",
            "\u{2025}/sentinel/key",
            "\u{ff0e}\u{ff0e}/sentinel/key",
            "file:///etc/passwd",
            "",
        ] {
            none_is_done(path, look(&dir, path));
            none_is_done(path, change(&dir, "own", path));
        }
    }
}
