//! Paths that lead out, or to what is neither file nor folder.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

/// Paths that leave the folder that they start in, spelt in many ways.
fn traversals() -> Vec<String> {
    let mut paths = Vec::new();
    for way in ["", "./", "sub/../", "sub/./../", "sub//..//", "./sub/../././", "x/../", "file/../"] {
        for up in ["..", "../", "..//", ".././", "../..", "../../", "../../..", "..//..//..", "./..//.."] {
            for tail in ["", "secret", "./secret", "grant/file", "grant/../secret", "../etc/passwd"] {
                paths.push(format!("{way}{}{tail}", if tail.is_empty() { up.to_owned() } else { format!("{up}/") }));
            }
        }
    }
    paths
}

#[test]
fn case_072_traversal_of_every_method() {
    let outer = tree();
    let paths = traversals();
    assert!(paths.len() >= 200);
    for write in [false, true] {
        for path in &paths {
            let mut guest = match write {
                false => Guest::reader(&outer.path().join("grant")),
                true => Guest::writer(&outer.path().join("grant")),
            };
            for (method, result) in guest.looks(path) {
                assert_eq!(code(result), ErrorCode::NotPermitted, "{method} {path}");
            }
            for (method, result) in guest.changes(path, "file") {
                assert_eq!(code(result), ErrorCode::NotPermitted, "{method} {path}");
            }
            assert_eq!(guest.denied(), Some(Rule::Escape), "{path}");
        }
    }
    assert_eq!(fs::read_to_string(outer.path().join("secret")).unwrap(), "secret");
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 2);
    assert_eq!(fs::read_dir(outer.path().join("grant")).unwrap().count(), 2);
}

#[test]
fn above_a_folder_inside_the_grant_is_refused_and_breaks_no_rule() {
    let outer = tree();
    for write in [false, true] {
        let folders = vec![folder("/", &outer.path().join("grant"), write)];
        let mut guest = Guest::new(Settings { folders, ..settings() });
        let sub = guest.open("sub", Directory).unwrap();
        assert_eq!(code(guest.open_in(&sub, "../file", Read)), ErrorCode::NotPermitted);
        assert_eq!(code(guest.open_in(&sub, "../new", Create)), ErrorCode::NotPermitted);
        assert_eq!(guest.take_denied(), if write { None } else { Some(Rule::ReadOnly) });
        assert_eq!(code(guest.open_in(&sub, "../../secret", Read)), ErrorCode::NotPermitted);
        assert_eq!(
            guest.host.denied.take().unwrap(),
            Denied { subject: "/sub/../../secret".to_owned(), rule: Rule::Escape }
        );
    }
}

#[test]
fn case_073_absolute_and_foreign_paths() {
    let outer = tree();
    let mut guest = Guest::writer(&outer.path().join("grant"));
    for path in ["/etc/passwd", "//host/share", "/", "/.", "/file", "///sub/inner"] {
        for (method, result) in guest.looks(path).into_iter().chain(guest.changes(path, "file")) {
            assert_eq!(code(result), ErrorCode::NotPermitted, "{method} {path}");
        }
        assert_eq!(guest.host.denied.take().unwrap(), Denied { subject: path.to_owned(), rule: Rule::Escape });
    }
    // Here these are names like any other.
    for path in ["C:\\", "\\\\?\\C:\\x", "..\\secret", "file\\..\\..\\secret"] {
        assert_eq!(code(guest.open(path, Read)), ErrorCode::NoEntry, "{path}");
        assert_eq!(guest.denied(), None);
    }
}

#[test]
fn case_074_links_that_lead_out() {
    let outer = tree();
    let grant = outer.path().join("grant");
    symlink("../secret", grant.join("relative")).unwrap();
    symlink(outer.path().join("secret"), grant.join("absolute")).unwrap();
    symlink("..", grant.join("up")).unwrap();
    symlink("sub/../../secret", grant.join("winding")).unwrap();
    for write in [false, true] {
        let mut guest = Guest::new(Settings { folders: vec![folder("/", &grant, write)], ..settings() });
        for path in ["relative", "absolute", "up/secret", "winding", "up/grant/file", "./relative", "sub/../absolute"] {
            assert_eq!(code(guest.open(path, Read)), ErrorCode::NotPermitted, "{path}");
            assert_eq!(guest.take_denied(), Some(Rule::Escape), "{path}");
            let stat = now(guest.host.stat_at(guest.root(), PathFlags::SYMLINK_FOLLOW, path.to_owned()));
            assert_eq!(code(stat), ErrorCode::NotPermitted, "{path}");
            assert_eq!(guest.take_denied(), Some(Rule::Escape), "{path}");
            assert_eq!(code(guest.open(path, Create)), ErrorCode::NotPermitted, "{path}");
            assert_eq!(guest.take_denied(), Some(if write { Rule::Link } else { Rule::ReadOnly }), "{path}");
        }
    }
    assert_eq!(fs::read_to_string(outer.path().join("secret")).unwrap(), "secret");
}

#[test]
fn case_076_loops_are_loops_and_no_refusal() {
    let outer = tree();
    let grant = outer.path().join("grant");
    symlink("self", grant.join("self")).unwrap();
    for number in 0..60 {
        symlink(format!("chain{}", number + 1), grant.join(format!("chain{number}"))).unwrap();
    }
    fs::write(grant.join("chain60"), "").unwrap();
    for write in [false, true] {
        let mut guest = Guest::new(Settings { folders: vec![folder("/", &grant, write)], ..settings() });
        assert_eq!(code(guest.open("self", Read)), ErrorCode::Loop);
        assert_eq!(code(guest.open("self/x", Read)), ErrorCode::Loop);
        assert_eq!(code(guest.open("chain0", Read)), ErrorCode::Loop);
        guest.open("chain50", Read).unwrap();
        assert_eq!(guest.denied(), None);
    }
}

#[test]
fn case_077_magic_links() {
    let outer = tree();
    let grant = outer.path().join("grant");
    symlink("/proc/self/fd/0", grant.join("magic")).unwrap();
    symlink("/proc/self/root", grant.join("root")).unwrap();
    let mut guest = Guest::reader(&grant);
    for path in ["magic", "root", "root/etc/passwd"] {
        assert_eq!(code(guest.open(path, Read)), ErrorCode::NotPermitted);
        assert_eq!(guest.take_denied(), Some(Rule::Escape));
    }
}

#[test]
fn case_078_trailing_slashes() {
    let outer = tree();
    let grant = outer.path().join("grant");
    symlink("sub", grant.join("link")).unwrap();
    symlink("../", grant.join("out")).unwrap();
    let mut guest = Guest::writer(&grant);
    for path in ["file/", "file/.", "file//"] {
        assert_eq!(code(guest.open(path, Read)), ErrorCode::NotDirectory, "{path}");
        assert!(guest.open(path, Create).is_err(), "{path}");
        assert!(now(guest.host.unlink_file_at(guest.root(), path.to_owned())).is_err(), "{path}");
    }
    for path in ["out/", "out/.", "out//."] {
        assert_eq!(code(guest.open(path, Read)), ErrorCode::NotPermitted, "{path}");
    }
    assert_eq!(guest.take_denied(), Some(Rule::Escape));
    for path in ["link/", "link/.", "link//"] {
        for (method, result) in guest.changes(path, "file") {
            if method != "rename to it" {
                assert!(result.is_err(), "{method} {path}");
            }
        }
    }
    let times = now(guest.host.set_times_at(
        guest.root(),
        PathFlags::empty(),
        "link/".to_owned(),
        NewTimestamp::Now,
        NewTimestamp::Now,
    ));
    assert_eq!(code(times), ErrorCode::NotPermitted);
    assert_eq!(fs::read_to_string(grant.join("sub/inner")).unwrap(), "inner");
    now(guest.host.create_directory_at(guest.root(), "made/".to_owned())).unwrap();
    now(guest.host.rename_at(guest.root(), "made/".to_owned(), guest.root(), "moved/".to_owned())).unwrap();
    now(guest.host.remove_directory_at(guest.root(), "moved/".to_owned())).unwrap();
}

#[test]
fn case_060_a_pipe_is_refused_and_not_waited_for() {
    let outer = tree();
    let grant = outer.path().join("grant");
    mknodat(CWD, grant.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink("pipe", grant.join("link")).unwrap();
    for write in [false, true] {
        let mut guest = Guest::new(Settings { folders: vec![folder("/", &grant, write)], ..settings() });
        for path in ["pipe", "link", "./pipe", "sub/../link"] {
            assert_eq!(code(guest.open(path, Read)), ErrorCode::NotPermitted, "{path}");
            assert_eq!(guest.take_denied(), Some(Rule::SpecialFile), "{path}");
        }
        assert_eq!(code(guest.open("pipe", Create)), ErrorCode::NotPermitted);
        assert_eq!(guest.take_denied(), Some(if write { Rule::SpecialFile } else { Rule::ReadOnly }));
        assert_eq!(guest.read("file").unwrap(), "file");
    }
}

#[test]
fn case_061_a_socket_is_refused() {
    let outer = tree();
    let grant = outer.path().join("grant");
    let _socket = UnixListener::bind(grant.join("socket")).unwrap();
    let mut guest = Guest::writer(&grant);
    for how in [Read, Write] {
        assert_eq!(code(guest.open("socket", how)), ErrorCode::NotPermitted);
        assert_eq!(guest.take_denied(), Some(Rule::SpecialFile));
    }
}

#[test]
fn case_088_odd_names_are_exact_or_an_error() {
    let outer = tree();
    let grant = outer.path().join("grant");
    let mut guest = Guest::writer(&grant);
    for path in ["a\0b", "sub/\0", "\0"] {
        assert_eq!(code(guest.open(path, Create)), ErrorCode::Invalid, "{path:?}");
        assert_eq!(code(guest.open(path, Read)), ErrorCode::Invalid, "{path:?}");
    }
    assert_eq!(code(guest.open(&"n".repeat(256), Create)), ErrorCode::NameTooLong);
    assert_eq!(code(guest.open(&"sub/../".repeat(1_000), Read)), ErrorCode::NameTooLong);
    assert_eq!(code(guest.open(&"sub/../".repeat(1_000), Create)), ErrorCode::NameTooLong);
    assert_eq!(code(guest.open("", Read)), ErrorCode::NoEntry);
    assert_eq!(code(guest.open("", Create)), ErrorCode::NoEntry);
    for name in ["new\nline", "\u{202e}txt.exe", "é", "e\u{301}", "a b", &"n".repeat(255), "..."] {
        let expected = if name == "..." { Err(Rule::Hidden) } else { Ok(()) };
        assert_eq!(guest.write(name, "x").map(drop).map_err(|_| guest.take_denied().unwrap()), expected, "{name:?}");
        assert_eq!(grant.join(name).exists(), expected.is_ok());
    }
    assert_eq!(guest.denied(), None);
}

#[test]
fn what_does_not_exist_is_not_refused() {
    let outer = tree();
    for mut guest in [Guest::reader(&outer.path().join("grant")), Guest::writer(&outer.path().join("grant"))] {
        for path in ["none", "sub/none", "none/none", "none/../file"] {
            assert_eq!(code(guest.open(path, Read)), ErrorCode::NoEntry, "{path}");
        }
        assert_eq!(code(guest.open("file/x", Read)), ErrorCode::NotDirectory);
        assert_eq!(guest.denied(), None);
    }
}

#[test]
fn case_133_no_identity_of_the_host_in_a_metadata_hash() {
    let outer = tree();
    let mut guest = Guest::reader(&outer.path().join("grant"));
    let mut hash = |path: &str| {
        let fd = Resource::<Descriptor>::new_borrow(0);
        let hash = now(guest.host.metadata_hash_at(fd, PathFlags::SYMLINK_FOLLOW, path.to_owned())).unwrap();
        (hash.lower, hash.upper)
    };
    assert_eq!([hash("file"), hash("sub"), hash("file"), hash("sub/../file")], [(1, 0), (2, 0), (1, 0), (1, 0)]);
    let file = guest.open("file", Read).unwrap();
    assert_eq!(now(guest.host.metadata_hash(file)).unwrap().lower, 1);
}

#[test]
fn listings_are_sorted_bounded_and_without_what_is_outside() {
    let outer = tree();
    let grant = outer.path().join("grant");
    for name in ["zeta", "alpha", "Beta", ".hidden", "é"] {
        fs::write(grant.join(name), "").unwrap();
    }
    let mut guest = Guest::reader(&grant);
    let listing = now(guest.host.read_directory(guest.root())).unwrap();
    let mut names = Vec::new();
    while let Some(entry) = now(guest.host.read_directory_entry(same(&listing))).unwrap() {
        names.push(entry.name);
    }
    assert_eq!(names, [".hidden", "Beta", "alpha", "file", "sub", "zeta", "é"]);
    assert_eq!(guest.host.listed, 7);
    HostDirectoryEntryStream::drop(&mut guest.host, listing).unwrap();
    assert_eq!(guest.host.listed, 0);
    guest.host.listed = 100_000 - 6;
    assert_eq!(code(now(guest.host.read_directory(guest.root()))), ErrorCode::InsufficientMemory);
}
