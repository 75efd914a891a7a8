//! Asks about pairs of paths outside, of which one is there and one is not: no answer may differ.

use std::fs;

use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

fn main() {
    let pairs = [
        ("../sentinel/key", "../sentinel/absent"),
        ("../sentinel", "../absent"),
        ("../sentinel/key/x", "../sentinel/absent/x"),
        ("/sentinel/key", "/sentinel/absent"),
        ("/etc/passwd", "/etc/absent"),
        ("../policy.toml", "../absent.toml"),
        ("sub/../../sentinel/key", "sub/../../sentinel/absent"),
        ("leads-to-key", "leads-to-nothing"),
        ("leads-to-key/x", "leads-to-nothing/x"),
        ("leads-to-folder/key", "leads-to-folder/absent"),
        ("leads-to-folder/.ssh/id_ed25519", "leads-to-folder/.ssh/absent"),
        ("leads-to-passwd", "leads-to-nothing"),
    ];
    for (there, absent) in pairs {
        let (a, b) = (answers(there), answers(absent));
        assert_eq!(a, b, "{there} and {absent}");
        assert!(a.iter().all(|answer| answer.contains("Err") || answer.contains("SymbolicLink")), "{there}: {a:?}");
    }
}

/// What each way of asking says, without the path in it.
fn answers(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (folder, name) in wasip2::filesystem::preopens::get_directories() {
        // The links are in one of them; in the other their names are free.
        if name == "/out" && !path.starts_with(['.', '/']) {
            continue;
        }
        for follow in [PathFlags::empty(), PathFlags::SYMLINK_FOLLOW] {
            let stat = folder.stat_at(follow, path).map(|stat| stat.type_);
            all.push(format!("{stat:?} {:?}", folder.metadata_hash_at(follow, path).is_ok()));
            for flags in
                [OpenFlags::empty(), OpenFlags::DIRECTORY, OpenFlags::CREATE, OpenFlags::CREATE | OpenFlags::EXCLUSIVE]
            {
                let opened = folder.open_at(follow, path, flags, DescriptorFlags::READ);
                all.push(format!("{:?}", opened.map(|_| "opened")));
            }
        }
        all.push(format!("{:?}", folder.unlink_file_at("../absent").and(folder.unlink_file_at(path))));
        all.push(format!("{:?}", folder.create_directory_at(path)).replace("Exist", "Err"));
    }
    let full = if path.starts_with('/') { path.to_owned() } else { format!("/in/{path}") };
    all.push(format!("{:?}", fs::read(&full).map_err(|error| error.kind())));
    all.push(format!("{:?}", fs::read_dir(&full).map(drop).map_err(|error| error.kind())));
    all.push(format!("{:?}", fs::copy(&full, "/out/copy").map_err(|error| error.kind())));
    all
}
