//! Writes files that tools of the host's run or read as their settings.

use std::fs;

fn main() {
    for path in [
        ".git/hooks/post-checkout",
        ".git/config",
        ".bashrc",
        ".profile",
        ".envrc",
        ".ssh/authorized_keys",
        ".vscode/tasks.json",
        ".cargo/config.toml",
        ".claude/settings.json",
        ".mcp.json",
        ".npmrc",
        "a/.gitattributes",
        "a/../.netrc",
        "./.x",
        ".x/../.y",
    ] {
        let path = format!("/out/{path}");
        if let Some((folder, _)) = path.rsplit_once('/') {
            let _refused = fs::create_dir_all(folder);
        }
        assert!(fs::write(&path, "x").is_err(), "{path} was written");
        assert!(fs::create_dir(&path).is_err(), "{path} was made");
        fs::write("/out/own", "x").expect("what is no such file can be written");
        assert!(fs::rename("/out/own", &path).is_err() && fs::hard_link("/out/own", &path).is_err(), "{path} was made");
    }
}
