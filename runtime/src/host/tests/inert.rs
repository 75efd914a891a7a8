//! What is linked for everyone gives nothing of the host's.

use wasmtime_wasi::p2::bindings::cli::{environment, exit, stdin, terminal_stderr, terminal_stdin, terminal_stdout};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use super::*;

#[test]
fn case_129_environment_arguments_and_input_are_empty() {
    let host = &mut Host::new(settings());
    assert_eq!(environment::Host::get_environment(host).unwrap(), []);
    assert_eq!(environment::Host::get_arguments(host).unwrap(), [""; 0]);
    assert_eq!(environment::Host::initial_cwd(host).unwrap(), None);
    assert!(terminal_stdin::Host::get_terminal_stdin(host).unwrap().is_none());
    assert!(terminal_stdout::Host::get_terminal_stdout(host).unwrap().is_none());
    assert!(terminal_stderr::Host::get_terminal_stderr(host).unwrap().is_none());
    assert!(host.get_directories().unwrap().is_empty());
    let stdin = stdin::Host::get_stdin(host).unwrap();
    for len in [1, u64::MAX] {
        assert!(matches!(io::streams::HostInputStream::read(host, same(&stdin), len), Err(StreamError::Closed)));
        let read = now(io::streams::HostInputStream::blocking_read(host, same(&stdin), len));
        assert!(matches!(read, Err(StreamError::Closed)));
    }
}

#[test]
fn case_056_exit_is_a_stop_with_its_code() {
    let host = &mut Host::new(settings());
    let code = |error: wasmtime::Error| Stop::of(&error, &Host::new(settings()));
    assert_eq!(code(exit::Host::exit(host, Ok(())).unwrap_err()), Stop::Exited(0));
    assert_eq!(code(exit::Host::exit(host, Err(())).unwrap_err()), Stop::Exited(1));
    assert_eq!(code(exit::Host::exit_with_code(host, 255).unwrap_err()), Stop::Exited(255));
}

#[test]
fn case_131_the_clocks_are_the_steps_own() {
    let host = &mut Host::new(settings());
    assert_eq!(monotonic_clock::Host::now(host).unwrap(), 0);
    assert_eq!(monotonic_clock::Host::now(host).unwrap(), 1_000);
    assert_eq!(monotonic_clock::Host::resolution(host).unwrap(), 1_000);
    let wall = wall_clock::Host::now(host).unwrap();
    assert_eq!((wall.seconds, wall.nanoseconds), (1_700_000_000, 2_000));
    assert_eq!(wall_clock::Host::resolution(host).unwrap().nanoseconds, 1_000);
}

#[test]
fn case_058_nobody_sleeps() {
    let host = &mut Host::new(settings());
    let second = monotonic_clock::Host::subscribe_duration(host, 1_000_000_000).unwrap();
    let never = monotonic_clock::Host::subscribe_instant(host, u64::MAX).unwrap();
    assert!(!now(io::poll::HostPollable::ready(host, same(&second))).unwrap());
    // The first one that is over is all that is waited for.
    let over = now(io::poll::Host::poll(host, vec![same(&never), same(&second), same(&never), same(&second)]));
    assert_eq!(over.unwrap(), [1, 3]);
    assert_eq!(monotonic_clock::Host::now(host).unwrap(), 1_000_000_000);
    assert!(now(io::poll::HostPollable::ready(host, same(&second))).unwrap());
    now(io::poll::HostPollable::block(host, same(&never))).unwrap();
    assert_eq!(monotonic_clock::Host::now(host).unwrap(), u64::MAX);
    assert_eq!(monotonic_clock::Host::now(host).unwrap(), u64::MAX);
    wall_clock::Host::now(host).unwrap();
    for pollable in [second, never] {
        io::poll::HostPollable::drop(host, pollable).unwrap();
    }
    assert!(host.table.is_empty());
}

#[test]
fn case_045_an_empty_list_is_no_poll_and_a_long_one_neither() {
    let host = &mut Host::new(settings());
    let of = |error: wasmtime::Error| Stop::of(&error, &Host::new(settings()));
    let empty = now(io::poll::Host::poll(host, Vec::new())).unwrap_err();
    assert_eq!(of(empty), Stop::Trapped("polled an empty list".to_owned()));
    let pollable = monotonic_clock::Host::subscribe_duration(host, 0).unwrap();
    let many = std::iter::repeat_with(|| same(&pollable)).take(1_001).collect();
    assert_eq!(of(now(io::poll::Host::poll(host, many)).unwrap_err()), Stop::Limit(Limit::Handles));
}

#[test]
fn case_132_random_numbers_are_the_seeds_and_distinct() {
    let draw = |seed: u64| {
        let seed = std::array::from_fn(|index| seed.to_le_bytes().get(index).copied().unwrap_or(0));
        let host = &mut Host::new(Settings { seed, ..settings() });
        let (lower, upper) = insecure_seed::Host::insecure_seed(host).unwrap();
        assert_eq!(insecure_seed::Host::insecure_seed(host).unwrap(), (lower, upper));
        let drawn = random::Host::get_random_bytes(host, 16).unwrap();
        [
            u64::from_le_bytes(*drawn.first_chunk().unwrap()),
            random::Host::get_random_u64(host).unwrap(),
            insecure::Host::get_insecure_random_u64(host).unwrap(),
            lower,
            upper,
        ]
    };
    assert_eq!(draw(1), draw(1));
    let mut all: Vec<u64> = (0..10_000).flat_map(draw).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 50_000);
}

#[test]
fn case_041_random_bytes_are_bounded() {
    let host = &mut Host::new(settings());
    assert_eq!(random::Host::get_random_bytes(host, 64 << 10).unwrap().len(), 64 << 10);
    for len in [(64 << 10) + 1, 1 << 40, u64::MAX] {
        assert!(random::Host::get_random_bytes(host, len).is_err());
        assert!(insecure::Host::get_insecure_random_bytes(host, len).is_err());
    }
}
