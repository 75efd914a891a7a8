//! What was answered once is answered again, without a folder; and what is asked otherwise is noticed.

use wasmtime_wasi::p2::bindings::filesystem::types::Advice;
use wasmtime_wasi_io::bindings::wasi::io::streams::{HostInputStream as _, HostOutputStream as _};

use super::*;

/// Everything that a guest can do with files, each once that works and once that fails; what it is given, in words.
fn do_all(guest: &mut Guest) -> Vec<String> {
    let mut said = Vec::new();
    let root = guest.root();
    let fd = || same(&root);
    macro_rules! say {
        ($result:expr) => {
            said.push(match $result {
                Ok(given) => format!("{given:?}"),
                Err(error) => format!("{error:?}"),
            })
        };
    }
    let follow = PathFlags::SYMLINK_FOLLOW;
    for path in ["file", "sub", "none", "../secret", "/etc/passwd"] {
        for (_, looked) in guest.looks(path) {
            say!(looked);
        }
        say!(now(guest.host.stat_at(fd(), follow, path.to_owned())));
        say!(now(guest.host.metadata_hash_at(fd(), follow, path.to_owned())));
    }
    for (_, changed) in guest.changes("made", "file") {
        say!(changed);
    }
    let file = guest.open("written", Create).unwrap();
    say!(now(HostDescriptor::write(&mut guest.host, same(&file), b"some bytes".to_vec(), 3)));
    say!(now(guest.host.set_size(same(&file), 5)));
    say!(now(guest.host.set_times(same(&file), NewTimestamp::Now, NewTimestamp::NoChange)));
    say!(now(guest.host.advise(same(&file), 0, 5, Advice::Sequential)));
    say!(now(guest.host.sync(same(&file))));
    say!(now(guest.host.sync_data(same(&file))));
    say!(now(guest.host.get_flags(same(&file))));
    say!(now(guest.host.get_type(same(&file))));
    say!(now(guest.host.stat(same(&file))));
    say!(now(guest.host.metadata_hash(same(&file))));
    say!(now(guest.host.is_same_object(same(&file), fd())));
    let stream = guest.host.append_via_stream(same(&file)).unwrap();
    say!(guest.host.check_write(same(&stream)));
    say!(streams_write(guest, &stream, b"and more"));
    say!(guest.host.flush(same(&stream)));
    let stream = guest.host.write_via_stream(same(&file), 1).unwrap();
    say!(streams_write(guest, &stream, b"over"));
    let long = guest.open("sub/inner", Read).unwrap();
    let stream = guest.host.read_via_stream(same(&long), 1).unwrap();
    for len in [0, 2, 100, 100] {
        say!(now(guest.host.blocking_read(same(&stream), len)));
    }
    say!(now(HostDescriptor::read(&mut guest.host, same(&long), 2, 1)));
    say!(now(HostDescriptor::write(&mut guest.host, same(&long), b"not this".to_vec(), 0)));
    let listing = now(guest.host.read_directory(fd())).unwrap();
    for _ in 0..6 {
        say!(now(guest.host.read_directory_entry(same(&listing))));
    }
    said.push(guest.host.places.open().to_string());
    HostDescriptor::drop(&mut guest.host, file).unwrap();
    HostDescriptor::drop(&mut guest.host, long).unwrap();
    // Streams hold their files open.
    said.push(format!("{} {:?}", guest.host.places.open(), guest.denied()));
    said
}

fn streams_write(
    guest: &mut Guest,
    stream: &Resource<wasmtime_wasi::p2::DynOutputStream>,
    text: &[u8],
) -> Result<(), StreamError> {
    now(guest.host.blocking_write_and_flush(same(stream), text.to_vec()))
}

/// A guest whose calls are answered by `tape`, and that has a folder in name alone.
fn replayed(tape: Vec<Taped>) -> Guest {
    let folder = Folder { guest_path: "/".to_owned(), dir: None, write: true, dotfiles: false, files: None };
    Guest::new(Settings { folders: vec![folder], tape: Some(tape), ..settings() })
}

#[test]
fn every_call_is_answered_again_as_it_was() {
    let outer = tree();
    let mut live = Guest::writer(&outer.path().join("grant"));
    let before = do_all(&mut live);
    let Report { calls, calls_left_out, denied, .. } = live.host.report();
    assert!(calls.len() > 60 && calls_left_out == 0, "{}", calls.len());
    drop(outer);
    // As it goes into a record and comes out of it.
    let tape: Vec<Taped> = serde_json::from_value(serde_json::to_value(&calls).unwrap()).unwrap();
    assert_eq!(tape, calls);
    let mut again = replayed(tape);
    assert_eq!(do_all(&mut again), before);
    let report = again.host.report();
    assert_eq!((report.calls, report.denied), (calls, denied));
}

#[test]
fn what_is_asked_otherwise_is_noticed_and_nothing_is_answered_after_it() {
    let outer = tree();
    let mut live = Guest::reader(&outer.path().join("grant"));
    live.read("file").unwrap();
    let calls = live.host.report().calls;
    for other in [
        |guest: &mut Guest| guest.open("sub/inner", Read).map(drop),
        |guest: &mut Guest| guest.open("file", Write).map(drop),
        |guest: &mut Guest| now(guest.host.stat(guest.root())).map(drop),
    ] {
        let mut again = replayed(calls.clone());
        assert_eq!(stop(other(&mut again)), Stop::Differs);
        assert_eq!(stop(guest_reads(&mut again)), Stop::Differs);
        let report = again.host.report();
        assert_eq!(report.calls[1].call.outcome, "differs");
    }
    let mut again = replayed(calls);
    again.read("file").unwrap();
    assert_eq!(stop(guest_reads(&mut again)), Stop::Differs, "it has read all that there is");
}

fn guest_reads(guest: &mut Guest) -> FsResult<()> {
    guest.read("file").map(drop)
}

#[test]
fn an_answer_of_another_kind_is_none() {
    let outer = tree();
    let mut live = Guest::reader(&outer.path().join("grant"));
    live.read("file").unwrap();
    let calls = live.host.report().calls;
    for answer in [Answer::Done, Answer::Text("x".to_owned()), Answer::Error("no-such-error".into()), Answer::Kind(99)]
    {
        let mut tape = calls.clone();
        tape[1].answered.answer = answer.clone();
        assert_eq!(stop(guest_reads(&mut replayed(tape))), Stop::Differs, "{answer:?}");
    }
}
