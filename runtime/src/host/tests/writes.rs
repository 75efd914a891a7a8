//! Writing where a grant does not let one write, and more than a session may.

use std::os::unix::fs::symlink;

use globset::{GlobBuilder, GlobSetBuilder};

use super::*;

fn globs(globs: &[&str]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(GlobBuilder::new(glob).literal_separator(true).build().unwrap());
    }
    set.build().unwrap()
}

#[test]
fn case_082_a_read_grant_refuses_every_change() {
    let outer = tree();
    let grant = outer.path().join("grant");
    let before = fs::metadata(grant.join("file")).unwrap().modified().unwrap();
    let mut guest = Guest::reader(&grant);
    for path in ["file", "sub", "sub/inner", "new"] {
        for (method, result) in guest.changes(path, "file") {
            assert_eq!(code(result), ErrorCode::NotPermitted, "{method} {path}");
            assert_eq!(guest.denied(), Some(Rule::ReadOnly));
        }
    }
    let file = guest.open("file", Read).unwrap();
    let times = (NewTimestamp::Now, NewTimestamp::Now);
    assert_eq!(code(now(guest.host.set_size(same(&file), 0))), ErrorCode::NotPermitted);
    assert_eq!(code(now(guest.host.set_times(same(&file), times.0, times.1))), ErrorCode::NotPermitted);
    assert_eq!(code(now(guest.host.set_times(guest.root(), times.0, times.1))), ErrorCode::NotPermitted);
    assert_eq!(code(now(guest.host.write(same(&file), b"x".to_vec(), 0))), ErrorCode::NotPermitted);
    assert_eq!(code(guest.host.write_via_stream(same(&file), 0)), ErrorCode::NotPermitted);
    assert_eq!(code(guest.host.append_via_stream(file)), ErrorCode::NotPermitted);
    assert_eq!(fs::read_to_string(grant.join("file")).unwrap(), "file");
    assert_eq!(fs::metadata(grant.join("file")).unwrap().modified().unwrap(), before);
}

#[test]
fn a_write_grant_lets_every_change_happen() {
    let outer = tree();
    let grant = outer.path().join("grant");
    let mut guest = Guest::writer(&grant);
    guest.write("sub/new", "text").unwrap();
    assert_eq!(guest.read("sub/new").unwrap(), "text");
    let root = || Resource::<Descriptor>::new_borrow(0);
    let host = &mut guest.host;
    now(host.create_directory_at(root(), "made".to_owned())).unwrap();
    now(host.rename_at(root(), "sub/new".to_owned(), root(), "made/moved".to_owned())).unwrap();
    now(host.link_at(root(), PathFlags::empty(), "made/moved".to_owned(), root(), "second".to_owned())).unwrap();
    now(host.symlink_at(root(), "made/moved".to_owned(), "link".to_owned())).unwrap();
    now(host.set_times_at(root(), PathFlags::empty(), "made".to_owned(), NewTimestamp::Now, NewTimestamp::Now))
        .unwrap();
    now(host.unlink_file_at(root(), "second".to_owned())).unwrap();
    assert_eq!(guest.read("link").unwrap(), "text");
    assert_eq!(guest.denied(), None);
    let Report { calls, files, written, .. } = guest.host.report();
    let calls: Vec<_> = calls.into_iter().map(|taped| taped.call).collect();
    assert_eq!((files, written), (4, 4));
    let tape: Vec<_> =
        calls.iter().map(|call| format!("{} {}", call.function, call.subject.as_deref().unwrap_or(""))).collect();
    assert_eq!(tape.get(1).unwrap(), "wasi:filesystem/types#[method]descriptor.open-at /sub/new");
    assert_eq!(calls.get(2).unwrap().bytes, Some(4));
    assert!(calls.iter().all(|call| call.outcome == "ok"));
}

#[test]
fn case_075_no_link_that_leads_out_is_planted() {
    let outer = tree();
    let grant = outer.path().join("grant");
    let mut guest = Guest::writer(&grant);
    for target in ["../../x", "/etc/passwd", "..", "sub/../../x", "sub/..", "/"] {
        let made = now(guest.host.symlink_at(guest.root(), target.to_owned(), "planted".to_owned()));
        assert_eq!(code(made), ErrorCode::NotPermitted, "{target}");
        assert_eq!(guest.take_denied(), Some(Rule::Link), "{target}");
        assert!(fs::symlink_metadata(grant.join("planted")).is_err());
    }
}

#[test]
fn nothing_is_written_over_a_link() {
    let outer = tree();
    let grant = outer.path().join("grant");
    symlink("sub", grant.join("link")).unwrap();
    symlink("sub/inner", grant.join("file-link")).unwrap();
    let mut guest = Guest::writer(&grant);
    assert_eq!(guest.read("link/inner").unwrap(), "inner");
    for path in ["link/inner", "link/new", "file-link"] {
        assert_eq!(code(guest.write(path, "x")), ErrorCode::NotPermitted, "{path}");
        assert_eq!(guest.take_denied(), Some(Rule::Link), "{path}");
    }
    // Nor in a folder that was opened over one.
    let over_link = guest.open("link", Directory).unwrap();
    assert_eq!(code(guest.open_in(&over_link, "inner", Write)), ErrorCode::NotPermitted);
    assert_eq!(code(now(guest.host.unlink_file_at(same(&over_link), "inner".to_owned()))), ErrorCode::NotPermitted);
    assert_eq!(guest.take_denied(), Some(Rule::Link));
    let below = guest.open_in(&over_link, ".", Directory).unwrap();
    assert_eq!(code(guest.open_in(&below, "inner", Write)), ErrorCode::NotPermitted);
    // A file that was opened to be read stays that.
    let file = guest.open("sub/inner", Read).unwrap();
    assert_eq!(code(now(guest.host.write(same(&file), b"x".to_vec(), 0))), ErrorCode::BadDescriptor);
    assert_eq!(code(now(guest.host.set_times(file, NewTimestamp::Now, NewTimestamp::Now))), ErrorCode::BadDescriptor);
    assert_eq!(fs::read_to_string(grant.join("sub/inner")).unwrap(), "inner");
    // wasmtime, the second wall, has them as read-only too.
    let file = guest.open("sub/inner", Read).unwrap();
    for handle in [&file, &over_link, &below] {
        let perms = match guest.host.table.get(handle).unwrap() {
            Descriptor::File(file) => file.perms,
            Descriptor::Dir(dir) => dir.perms,
        };
        assert_eq!(perms, FsPerms::ReadOnly);
    }
    // Links themselves can be renamed and removed.
    now(guest.host.rename_at(guest.root(), "link".to_owned(), guest.root(), "moved".to_owned())).unwrap();
    now(guest.host.unlink_file_at(guest.root(), "moved".to_owned())).unwrap();
}

#[test]
fn case_094_names_that_start_with_a_dot() {
    let outer = tree();
    let grant = outer.path().join("grant");
    fs::create_dir_all(grant.join(".git/hooks")).unwrap();
    fs::write(grant.join(".git/hooks/post-checkout"), "hook").unwrap();
    let mut guest = Guest::writer(&grant);
    for path in [".git/hooks/post-checkout", ".git/hooks/new", ".bashrc", "sub/.env", "sub/../.git/config", ".git"] {
        for (method, result) in guest.changes(path, "file") {
            assert!(result.is_err(), "{method} {path}");
        }
        assert_eq!(guest.take_denied(), Some(Rule::Hidden), "{path}");
    }
    let git = guest.open(".git", Directory).unwrap();
    assert_eq!(code(guest.open_in(&git, "hooks/post-checkout", Write)), ErrorCode::NotPermitted);
    assert_eq!(code(now(guest.host.set_times(git, NewTimestamp::Now, NewTimestamp::Now))), ErrorCode::NotPermitted);
    assert_eq!(guest.read(".git/hooks/post-checkout").unwrap(), "hook");
    let allowed = Folder { dotfiles: true, ..folder("/", &grant, true) };
    let mut guest = Guest::new(Settings { folders: vec![allowed], ..settings() });
    guest.write(".git/hooks/new", "x").unwrap();
}

#[test]
fn only_files_that_match_are_written() {
    let outer = tree();
    let grant = outer.path().join("grant");
    fs::write(grant.join("a.md"), "a").unwrap();
    let matching = Folder { files: Some(globs(&["*.md", "src/**"])), ..folder("/", &grant, true) };
    let mut guest = Guest::new(Settings { folders: vec![matching], ..settings() });
    let root = || Resource::<Descriptor>::new_borrow(0);
    now(guest.host.create_directory_at(root(), "src".to_owned())).unwrap();
    now(guest.host.create_directory_at(root(), "src/deep".to_owned())).unwrap();
    guest.write("b.md", "b").unwrap();
    guest.write("src/deep/x.rs", "x").unwrap();
    guest.write("src/../b.md", "b").unwrap();
    for path in ["file", "sub/inner", "sub/c.md", "new", "src.rs", "b.md.txt"] {
        assert_eq!(code(guest.write(path, "x")), ErrorCode::NotPermitted, "{path}");
        assert_eq!(guest.take_denied(), Some(Rule::Files), "{path}");
    }
    let src = guest.open("src", Directory).unwrap();
    guest.open_in(&src, "from-there", Create).unwrap();
    let mut rename = |from: &str, to: &str| now(guest.host.rename_at(root(), from.to_owned(), root(), to.to_owned()));
    rename("a.md", "src/a").unwrap();
    for (from, to) in [("src/a", "file"), ("file", "src/a"), ("sub", "src/sub"), ("src", "other")] {
        assert_eq!(code(rename(from, to)), ErrorCode::NotPermitted, "{from} {to}");
    }
    let link = |host: &mut Host, from: &str, to: &str| {
        now(host.link_at(root(), PathFlags::empty(), from.to_owned(), root(), to.to_owned()))
    };
    assert_eq!(code(link(&mut guest.host, "file", "src/file")), ErrorCode::NotPermitted);
    assert_eq!(code(now(guest.host.unlink_file_at(root(), "file".to_owned()))), ErrorCode::NotPermitted);
    assert_eq!(fs::read_to_string(grant.join("file")).unwrap(), "file");
}

#[test]
fn case_080_nothing_moves_between_grants() {
    let outer = tree();
    let other = tempfile::tempdir().unwrap();
    let folders = vec![folder("/a", &outer.path().join("grant"), true), folder("/b", other.path(), true)];
    let mut host = Host::new(Settings { folders, ..settings() });
    let mut roots = host.get_directories().unwrap().into_iter().map(|(fd, _)| fd);
    let (a, b) = (roots.next().unwrap(), roots.next().unwrap());
    let link = now(host.link_at(same(&a), PathFlags::empty(), "file".to_owned(), same(&b), "x".to_owned()));
    assert_eq!(code(link), ErrorCode::CrossDevice);
    assert_eq!(code(now(host.rename_at(a, "file".to_owned(), b, "x".to_owned()))), ErrorCode::CrossDevice);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    let Report { calls, .. } = host.report();
    let last = &calls.last().unwrap().call;
    assert_eq!((last.subject.as_deref(), last.to.as_deref()), (Some("/a/file"), Some("/b/x")));
}

#[test]
fn case_091_the_budget_of_bytes_is_taken_before_they_are_written() {
    let outer = tree();
    let grant = outer.path().join("grant");
    let folders = vec![folder("/", &grant, true)];
    let mut guest = Guest::new(Settings { folders, written_left: 10, ..settings() });
    guest.write("file", "12345").unwrap();
    assert_eq!(stop(guest.write("file", "123456")), Stop::Budget(Budget::Written));
    assert_eq!(fs::read_to_string(grant.join("file")).unwrap(), "12345");
    assert_eq!(guest.host.report().written, 5);
}

#[test]
fn case_093_holes_are_taken_from_the_budget() {
    let outer = tree();
    let folders = vec![folder("/", &outer.path().join("grant"), true)];
    let mut guest = Guest::new(Settings { folders, written_left: 100, ..settings() });
    let file = guest.open("sparse", Create).unwrap();
    assert_eq!(stop(now(guest.host.set_size(same(&file), 1 << 62))), Stop::Budget(Budget::Written));
    assert_eq!(stop(now(guest.host.write(same(&file), b"x".to_vec(), 1 << 40))), Stop::Budget(Budget::Written));
    let stream = guest.host.write_via_stream(same(&file), 1 << 40).unwrap();
    let write = io::streams::HostOutputStream::write(&mut guest.host, stream, b"x".to_vec());
    assert_eq!(stream_stop(write), Stop::Budget(Budget::Written));
    now(guest.host.set_size(same(&file), 60)).unwrap();
    now(guest.host.set_size(same(&file), 10)).unwrap();
    now(guest.host.write(same(&file), b"0123456789".to_vec(), 20)).unwrap();
    assert_eq!(guest.host.written.spent, 80);
    assert_eq!(fs::metadata(outer.path().join("grant/sparse")).unwrap().len(), 30);
}

#[test]
fn case_092_the_budget_of_files_is_taken_for_each_new_name() {
    let outer = tree();
    let grant = outer.path().join("grant");
    let root = || Resource::<Descriptor>::new_borrow(0);
    let spent = Settings { folders: vec![folder("/", &grant, true)], files_left: 0, ..settings() };
    let mut guest = Guest::new(spent);
    guest.write("file", "exists").unwrap();
    assert_eq!(code(now(guest.host.create_directory_at(root(), "sub".to_owned()))), ErrorCode::Exist);
    let files = Stop::Budget(Budget::Files);
    assert_eq!(stop(guest.write("new", "")), files);
    assert_eq!(stop(now(guest.host.create_directory_at(root(), "new".to_owned()))), files);
    assert_eq!(stop(now(guest.host.symlink_at(root(), "file".to_owned(), "new".to_owned()))), files);
    let link = now(guest.host.link_at(root(), PathFlags::empty(), "file".to_owned(), root(), "new".to_owned()));
    assert_eq!(stop(link), files);
    assert!(!grant.join("new").exists());
    // What fails costs nothing.
    let mut guest = Guest::new(Settings { folders: vec![folder("/", &grant, true)], files_left: 1, ..settings() });
    assert_eq!(code(guest.open("none/new", Create)), ErrorCode::NoEntry);
    assert!(guest.open("new/", Create).is_err());
    guest.write("new", "").unwrap();
    assert_eq!(guest.host.report().files, 1);
}

#[test]
#[cfg(target_os = "linux")]
fn case_084_a_folder_that_turns_into_a_link_and_back() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let outer = tree();
    let grant = outer.path().join("grant");
    let (one, other) = (grant.join("swapped"), grant.join("other"));
    fs::create_dir(&one).unwrap();
    symlink("..", &other).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    let (mut denied, mut written) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let limits = Limits { host_calls: 10_000_000, ..Limits::default() };
        let folders = vec![folder("/", &grant, true)];
        let mut guest = Guest::new(Settings { folders, written_left: u64::MAX, limits, ..settings() });
        for _ in 0..10_000 {
            let read = guest.read("swapped/secret");
            written += u64::from(guest.write("swapped/secret", "overwritten").is_ok());
            denied += u64::from(guest.take_denied().is_some());
            if read.is_ok_and(|text| text == "secret") {
                stop.store(true, relaxed);
                panic!("read what is outside");
            }
        }
        stop.store(true, relaxed);
    });
    assert!(denied > 0 && written > 0, "{denied} {written}: nothing raced");
    assert_eq!(fs::read_to_string(outer.path().join("secret")).unwrap(), "secret");
}

#[test]
fn what_is_taped_is_bounded() {
    let outer = tree();
    let mut guest = Guest::writer(&outer.path().join("grant"));
    let long = "n".repeat(4_000);
    for _ in 0..5_000 {
        assert_eq!(code(guest.open(&long, Read)), ErrorCode::NameTooLong);
    }
    assert_eq!(code(guest.open(&"n/".repeat(1 << 20), Create)), ErrorCode::NameTooLong);
    let Report { calls, calls_left_out, .. } = guest.host.report();
    assert_eq!(calls.len() as u64 + calls_left_out, 5_002);
    assert!(calls.iter().map(|taped| taped.call.subject.as_ref().map_or(0, String::len)).sum::<usize>() <= 16 << 20);
}
