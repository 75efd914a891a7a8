//! Streams of files, and what is printed.

use io::streams::{HostInputStream, HostOutputStream};
use wasmtime_wasi::p2::bindings::cli::{stderr, stdout};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::*;

const MOST: usize = 64 << 10;

fn reading(guest: &mut Guest, path: &str, offset: u64) -> Resource<DynInputStream> {
    let file = guest.open(path, Read).unwrap();
    let stream = guest.host.read_via_stream(same(&file), offset).unwrap();
    HostDescriptor::drop(&mut guest.host, file).unwrap();
    stream
}

fn writing(guest: &mut Guest, path: &str) -> Resource<DynOutputStream> {
    let file = guest.open(path, Create).unwrap();
    let stream = guest.host.write_via_stream(same(&file), 0).unwrap();
    HostDescriptor::drop(&mut guest.host, file).unwrap();
    stream
}

#[test]
fn case_040_reads_are_bounded_and_full() {
    let outer = tree();
    let grant = outer.path().join("grant");
    fs::write(grant.join("long"), vec![b'x'; 3 * MOST + 7]).unwrap();
    let mut guest = Guest::reader(&grant);
    let stream = reading(&mut guest, "long", 0);
    let host = &mut guest.host;
    // What does not block reads as much as what does, at once and always the same.
    assert_eq!(HostInputStream::read(host, same(&stream), u64::MAX).unwrap().len(), MOST);
    assert_eq!(HostInputStream::read(host, same(&stream), 0).unwrap().len(), 0);
    assert_eq!(now(host.blocking_read(same(&stream), u64::MAX)).unwrap().len(), MOST);
    assert_eq!(host.skip(same(&stream), u64::MAX).unwrap(), MOST as u64);
    assert_eq!(HostInputStream::read(host, same(&stream), 100).unwrap().len(), 7);
    assert!(matches!(HostInputStream::read(host, same(&stream), 100), Err(StreamError::Closed)));
    let outcomes: Vec<_> =
        guest.host.report().calls.into_iter().map(|taped| (taped.call.outcome, taped.call.bytes)).collect();
    assert_eq!(outcomes.last().unwrap(), &("closed".into(), None));
    assert_eq!(outcomes.get(3).unwrap(), &("ok".into(), Some(MOST as u64)));
}

#[test]
fn streams_write_where_and_as_much_as_they_may() {
    let outer = tree();
    let mut guest = Guest::writer(&outer.path().join("grant"));
    let stream = writing(&mut guest, "new");
    let host = &mut guest.host;
    assert_eq!(host.check_write(same(&stream)).unwrap(), MOST as u64);
    HostOutputStream::write(host, same(&stream), b"one".to_vec()).unwrap();
    now(host.blocking_write_and_flush(same(&stream), b" two".to_vec())).unwrap();
    host.write_zeroes(same(&stream), 1).unwrap();
    host.flush(same(&stream)).unwrap();
    let file = guest.open("new", Write).unwrap();
    let append = guest.host.append_via_stream(file).unwrap();
    HostOutputStream::write(&mut guest.host, append, b"end".to_vec()).unwrap();
    assert_eq!(guest.read("new").unwrap(), "one two\0end");
    assert_eq!(guest.host.written.spent, 11);
}

#[test]
fn case_038_and_039_zeroes_and_splices_are_bounded() {
    let outer = tree();
    let grant = outer.path().join("grant");
    fs::write(grant.join("long"), vec![b'x'; 3 * MOST]).unwrap();
    let mut guest = Guest::writer(&grant);
    let (from, to) = (reading(&mut guest, "long", 0), writing(&mut guest, "copy"));
    let printed = stdout::Host::get_stdout(&mut guest.host).unwrap();
    for stream in [&to, &printed] {
        assert!(matches!(guest.host.write_zeroes(same(stream), u64::MAX), Err(StreamError::Trap(_))));
        let zeroes = now(guest.host.blocking_write_zeroes_and_flush(same(stream), 4097));
        assert!(matches!(zeroes, Err(StreamError::Trap(_))));
    }
    assert_eq!(guest.host.splice(same(&to), same(&from), u64::MAX).unwrap(), MOST as u64);
    assert_eq!(now(guest.host.blocking_splice(same(&to), same(&from), 5)).unwrap(), 5);
    assert_eq!(guest.host.splice(same(&printed), same(&from), u64::MAX).unwrap(), MOST as u64);
    assert_eq!(fs::metadata(grant.join("copy")).unwrap().len(), MOST as u64 + 5);
    let report = guest.host.report();
    assert_eq!((report.written, report.printed.len()), (MOST as u64 + 5, MOST));
}

#[test]
fn case_036_what_is_printed_is_cut_and_the_guest_goes_on() {
    let mut host = Host::new(Settings { limits: Limits { stdout: 10, ..Limits::default() }, ..settings() });
    let out = stdout::Host::get_stdout(&mut host).unwrap();
    let err = stderr::Host::get_stderr(&mut host).unwrap();
    for _ in 0..1_000 {
        HostOutputStream::write(&mut host, same(&out), b"out ".to_vec()).unwrap();
        now(host.blocking_write_and_flush(same(&err), b"err ".to_vec())).unwrap();
    }
    let Report { printed, printed_cut, written, calls, .. } = host.report();
    assert_eq!((printed.as_slice(), printed_cut, written, calls.len()), (b"out err ou".as_slice(), true, 0, 0));
}

#[test]
fn case_037_empty_writes_cost_a_call_and_no_memory() {
    let outer = tree();
    let mut guest = Guest::writer(&outer.path().join("grant"));
    let file = writing(&mut guest, "new");
    let out = stdout::Host::get_stdout(&mut guest.host).unwrap();
    for _ in 0..1_000 {
        HostOutputStream::write(&mut guest.host, same(&out), Vec::new()).unwrap();
        HostOutputStream::write(&mut guest.host, same(&file), Vec::new()).unwrap();
        guest.host.flush(same(&out)).unwrap();
    }
    assert_eq!(guest.host.printed.bytes().capacity(), 0);
    guest.host.limits.host_calls = guest.host.calls + 1;
    HostOutputStream::write(&mut guest.host, same(&out), Vec::new()).unwrap();
    let next = HostOutputStream::write(&mut guest.host, out, Vec::new());
    assert_eq!(stream_stop(next), Stop::Limit(Limit::HostCalls));
}

#[test]
fn case_026_open_files_are_counted_until_the_last_stream_is_dropped() {
    let outer = tree();
    let limits = Limits { open_files: 3, ..Limits::default() };
    let folders = vec![folder("/", &outer.path().join("grant"), false)];
    let mut guest = Guest::new(Settings { folders, limits, ..settings() });
    let streams: Vec<_> = (0..2).map(|_| reading(&mut guest, "file", 0)).collect();
    let folder = guest.open("sub", Directory).unwrap();
    assert_eq!(stop(guest.open("file", Read)), Stop::Limit(Limit::OpenFiles));
    for stream in streams {
        now(HostInputStream::drop(&mut guest.host, stream)).unwrap();
    }
    HostDescriptor::drop(&mut guest.host, folder).unwrap();
    for _ in 0..1_000 {
        guest.read("sub/inner").unwrap();
    }
    assert_eq!(guest.host.places.open(), 0);
}

#[test]
fn case_031_a_stream_is_not_dropped_before_its_pollable() {
    let outer = tree();
    let mut guest = Guest::reader(&outer.path().join("grant"));
    let stream = reading(&mut guest, "file", 0);
    let pollable = HostInputStream::subscribe(&mut guest.host, same(&stream)).unwrap();
    assert!(now(io::poll::HostPollable::ready(&mut guest.host, same(&pollable))).unwrap());
    now(HostInputStream::drop(&mut guest.host, Resource::new_own(stream.rep()))).unwrap_err();
    io::poll::HostPollable::drop(&mut guest.host, pollable).unwrap();
    now(HostInputStream::drop(&mut guest.host, stream)).unwrap();
}

#[test]
fn case_130_an_error_tells_its_name_alone() {
    let mut host = Host::new(settings());
    let secret = std::io::Error::from_raw_os_error(28);
    let error = host.table.push(wasmtime::Error::from(secret).context("/home/user/secret")).unwrap();
    let text = io::error::HostError::to_debug_string(&mut host, same(&error)).unwrap();
    assert_eq!(text, "insufficient-space");
    io::error::HostError::drop(&mut host, error).unwrap();
}
