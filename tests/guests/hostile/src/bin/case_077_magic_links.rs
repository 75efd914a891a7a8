//! Follows links into `/proc`, where a link can lead anywhere.

fn main() {
    for path in ["/in/fd", "/in/cwd", "/in/root", "/in/exe"] {
        for end in ["", "/", "/etc/passwd", "/0"] {
            let path = format!("{path}{end}");
            assert!(std::fs::read(&path).is_err() && std::fs::read_dir(&path).is_err(), "{path}");
            assert!(std::fs::metadata(&path).is_err(), "{path}");
        }
    }
}
