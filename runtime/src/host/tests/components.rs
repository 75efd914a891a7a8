//! Whole components that use more than a step may.

use claw_policy::catalogue::Authority;
use wasmtime::component::{Component, Linker};

use super::*;
use crate::engine::{Allocation, engine, tick};

/// A component that runs `body`, with `parts` beside its function.
fn module(parts: &str, body: &str) -> String {
    format!(
        "(component
            (core module $m {parts} (func $run (export \"run\") {body}))
            (core instance $i (instantiate $m))
            (func (export \"run\") (canon lift (core func $i \"run\"))))"
    )
}

/// Runs its `run`, in an engine of each allocation, and tells how it was stopped and what the last one did.
fn run_in_both(wat: &str, limits: Limits) -> (Option<Stop>, Report) {
    let [on_demand, pooled] = [Allocation::OnDemand, Allocation::Pooled].map(|allocation| {
        let engine = engine(allocation).unwrap();
        tick(&engine).unwrap();
        let component = Component::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
        let mut linker = Linker::new(&engine);
        link(&mut linker).unwrap();
        let linker = with_udp(&linker, &component).unwrap();
        let host = Host::new(Settings { limits: limits.clone(), ..settings() });
        let mut store = store(&engine, host).unwrap();
        let called = now(async {
            let instance = linker.instantiate_async(&mut store, &component).await?;
            let run = instance.get_func(&mut store, "run").unwrap();
            run.call_async(&mut store, &[], &mut []).await
        });
        let stop = called.err().map(|error| Stop::of(&error, store.data()));
        (stop, store.into_data().report())
    });
    assert_eq!(on_demand, pooled);
    pooled
}

fn stopped(wat: &str, limits: Limits) -> Stop {
    run_in_both(wat, limits).0.unwrap()
}

#[test]
fn case_001_a_loop_ends_by_fuel_or_by_time() {
    let forever = module("", "(loop (br 0))");
    let limits = Limits { fuel: 1_000_000, ..Limits::default() };
    assert_eq!(stopped(&forever, limits), Stop::Limit(Limit::Fuel));
    let limits = Limits { time: 1, fuel: 10_000_000_000_000, ..Limits::default() };
    assert_eq!(stopped(&forever, limits), Stop::Limit(Limit::Time));
}

#[test]
fn case_002_recursion_is_a_trap() {
    assert_eq!(stopped(&module("", "(call $run)"), Limits::default()), Stop::StackOverflow);
}

#[test]
fn case_004_a_start_function_is_limited_too() {
    let wat = module("(func $begin (loop (br 0))) (start $begin)", "");
    assert_eq!(stopped(&wat, Limits { fuel: 1_000_000, ..Limits::default() }), Stop::Limit(Limit::Fuel));
}

#[test]
fn case_013_memories_are_summed_and_a_refusal_explains_the_abort() {
    let limits = Limits { memory: 10 << 16, ..Limits::default() };
    let grow = |pages: u32| {
        module(
            "(memory 1)",
            &format!("(if (i32.eq (i32.const -1) (memory.grow (i32.const {pages}))) (then unreachable))"),
        )
    };
    let (stop, report) = run_in_both(&grow(9), limits.clone());
    assert_eq!((stop, report.peak_memory), (None, 10 << 16));
    assert_eq!(stopped(&grow(10), limits.clone()), Stop::Limit(Limit::Memory));
    // A refusal that the guest copes with is nothing.
    let copes = module("(memory 1)", "(drop (memory.grow (i32.const 10)))");
    assert_eq!(run_in_both(&copes, limits.clone()).0, None);
    let two = |pages: u32| {
        format!(
            "(component
                (core module $m (memory 5)) (core module $n (memory {pages}) (func (export \"run\")))
                (core instance (instantiate $m)) (core instance $i (instantiate $n))
                (func (export \"run\") (canon lift (core func $i \"run\"))))"
        )
    };
    assert_eq!(run_in_both(&two(5), limits.clone()).0, None);
    assert_eq!(stopped(&two(6), limits), Stop::Limit(Limit::Memory));
}

#[test]
fn case_014_a_declared_minimum_is_limited_too() {
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    assert_eq!(stopped(&module("(memory 65536)", ""), limits), Stop::Limit(Limit::Memory));
}

#[test]
fn case_017_tables_are_summed() {
    let wat = module(
        "(table $t 10 funcref)",
        "(if (i32.eq (i32.const -1) (table.grow $t (ref.null func) (i32.const 9991))) (then unreachable))",
    );
    assert_eq!(stopped(&wat, Limits::default()), Stop::Limit(Limit::Tables));
    assert_eq!(stopped(&module("(table 10001 funcref)", ""), Limits::default()), Stop::Limit(Limit::Tables));
}

#[test]
fn case_015_a_thousand_instances() {
    let instances = "(core instance (instantiate $m))".repeat(1_000);
    let wat = format!("(component (core module $m (memory 0)) {instances})");
    let engine = engine(Allocation::OnDemand).unwrap();
    let component = Component::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
    let mut store = store(&engine, Host::new(settings())).unwrap();
    let error = now(Linker::new(&engine).instantiate_async(&mut store, &component)).unwrap_err();
    let Stop::Trapped(text) = Stop::of(&error, store.data()) else { panic!("{error}") };
    assert!(text.contains("instance count too high"), "{text}");
}

#[test]
fn case_007_host_calls_are_counted() {
    let wat = r#"(component
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64)))))
        (core func $now (canon lower (func $clock "now")))
        (core module $m
            (import "" "now" (func $now (result i64)))
            (func (export "run") (loop (drop (call $now)) (br 0))))
        (core instance $i (instantiate $m (with "" (instance (export "now" (func $now))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let (stop, report) = run_in_both(wat, Limits { host_calls: 1_000, ..Limits::default() });
    assert_eq!((stop, report.host_calls), (Some(Stop::Limit(Limit::HostCalls)), 1_000));
}

#[test]
fn case_024_handles_of_the_guests_own_are_counted() {
    let wat = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "run") (loop (drop (call $new (i32.const 0))) (br 0))))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    assert_eq!(stopped(wat, Limits::default()), Stop::Limit(Limit::Handles));
}

#[test]
fn case_025_handles_of_the_hosts_are_counted() {
    let wat = r#"(component
        (import "wasi:io/streams@0.2.0" (instance $streams (export "output-stream" (type (sub resource)))))
        (alias export $streams "output-stream" (type $stream))
        (import "wasi:cli/stdout@0.2.0" (instance $stdout
            (alias outer 1 $stream (type $s))
            (export "output-stream" (type $t (eq $s)))
            (export "get-stdout" (func (result (own $t))))))
        (core func $get (canon lower (func $stdout "get-stdout")))
        (core module $m
            (import "" "get" (func $get (result i32)))
            (func (export "run") (loop (drop (call $get)) (br 0))))
        (core instance $i (instantiate $m (with "" (instance (export "get" (func $get))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let (stop, report) = run_in_both(wat, Limits { handles: 50, ..Limits::default() });
    assert_eq!((stop, report.host_calls), (Some(Stop::Limit(Limit::Handles)), 51));
}

/// With multi-memory off, wasmtime 48.0.8 panics on this one: its adapter modules have the memory of each side.
#[test]
fn components_in_components_that_share_text_run() {
    let memory = r#"(memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))"#;
    let wat = format!(
        r#"(component
        (component $callee
            (core module $m {memory} (func (export "take") (param i32 i32) (if (i32.ne (local.get 1) (i32.const 5)) (then unreachable))))
            (core instance $i (instantiate $m))
            (func (export "take") (param "text" string)
                (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
        (component $caller
            (import "take" (func $take (param "text" string)))
            (core module $libc {memory})
            (core instance $libc (instantiate $libc))
            (core func $take (canon lower (func $take) (memory (core memory $libc "memory"))))
            (core module $m
                (import "" "take" (func $take (param i32 i32)))
                (func (export "run") (call $take (i32.const 0) (i32.const 5))))
            (core instance $i (instantiate $m (with "" (instance (export "take" (func $take))))))
            (func (export "run") (canon lift (core func $i "run"))))
        (instance $callee (instantiate $callee))
        (instance $caller (instantiate $caller (with "take" (func $callee "take"))))
        (export "run" (func $caller "run")))"#
    );
    run_in_both(&wat, Limits::default());
}

#[test]
fn a_trap_tells_what_for_and_nothing_of_the_host() {
    let trapped = |body: &str| stopped(&module("(memory 1)", body), Limits::default());
    assert_eq!(trapped("unreachable"), Stop::Trapped("wasm `unreachable` instruction executed".to_owned()));
    assert_eq!(trapped("(drop (i32.load (i32.const -1)))"), Stop::Trapped("out of bounds memory access".to_owned()));
    assert_eq!(
        trapped("(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
        Stop::Trapped("integer divide by zero".to_owned())
    );
}

#[test]
fn everything_that_is_linked_is_listed_and_nothing_else() {
    let engine = engine(Allocation::OnDemand).unwrap();
    let mut linker = Linker::new(&engine);
    link(&mut linker).unwrap();
    let component = Component::new(&engine, wat::parse_str(network()).unwrap()).unwrap();
    let mut linker = with_udp(&linker, &component).unwrap();
    for ((interface, expected), name) in LINKED.iter().zip(NAMES) {
        assert_eq!(authority(&format!("{interface}@0.2.0")), *expected);
        assert_eq!(authority(&format!("{interface}@0.2.12")), *expected);
        for version in ["", "@", "@0.2", "@0.2.99", "@0.3.0", "@0.2.0-rc", "@1.2.0"] {
            assert_eq!(authority(&format!("{interface}{version}")), Authority::Unknown, "{interface}{version}");
        }
        assert!(has(&mut linker, interface, name), "{interface} is not linked");
    }
    assert_eq!(LINKED.len(), NAMES.len());
    for interface in ["wasi:sockets/tcpx", "wasi:http/incoming-handler", "wasi:io/other", "wasi:cli/stdinx", ""] {
        assert_eq!(authority(interface), Authority::Unknown);
    }
    assert!(!has(&mut linker, "wasi:http/incoming-handler", "handle"));
}

/// Something of each of [`LINKED`].
const NAMES: [&str; 29] = [
    "get-environment",
    "exit",
    "get-stdin",
    "get-stdout",
    "get-stderr",
    "terminal-input",
    "terminal-output",
    "get-terminal-stdin",
    "get-terminal-stdout",
    "get-terminal-stderr",
    "now",
    "now",
    "error",
    "poll",
    "output-stream",
    "get-random-bytes",
    "get-insecure-random-bytes",
    "insecure-seed",
    "get-directories",
    "descriptor",
    "handle",
    "fields",
    "instance-network",
    "resolve-addresses",
    "network",
    "tcp-socket",
    "create-tcp-socket",
    "udp-socket",
    "create-udp-socket",
];

#[test]
fn networks_that_are_none_are_counted_as_all_handles_and_calls_are() {
    let asking = |with_each: &str| {
        format!(
            r#"(component
                (import "wasi:sockets/network@0.2.12" (instance $networks (export "network" (type (sub resource)))))
                (alias export $networks "network" (type $network))
                (import "wasi:sockets/instance-network@0.2.12" (instance $asked
                    (export "network" (type $n (eq $network)))
                    (export "instance-network" (func (result (own $n))))))
                (core func $ask (canon lower (func $asked "instance-network")))
                (core func $drop (canon resource.drop $network))
                (core module $m
                    (import "" "ask" (func $ask (result i32)))
                    (import "" "drop" (func $drop (param i32)))
                    (func (export "run") (loop (call $ask) ({with_each}) (br 0))))
                (core instance $i (instantiate $m
                    (with "" (instance (export "ask" (func $ask)) (export "drop" (func $drop))))))
                (func (export "run") (canon lift (core func $i "run"))))"#
        )
    };
    assert_eq!(stopped(&asking("drop"), Limits::default()), Stop::Limit(Limit::Handles));
    assert_eq!(stopped(&asking("call $drop"), Limits::default()), Stop::Limit(Limit::HostCalls));
}

/// A component that imports something of each interface of `wasi:sockets`.
fn network() -> &'static str {
    r#"(component
        (import "wasi:sockets/instance-network@0.2.12" (instance (export "instance-network" (func))))
        (import "wasi:sockets/ip-name-lookup@0.2.12" (instance (export "resolve-addresses" (func))))
        (import "wasi:sockets/network@0.2.12" (instance (export "network" (type (sub resource)))))
        (import "wasi:sockets/tcp@0.2.12" (instance (export "tcp-socket" (type (sub resource)))))
        (import "wasi:sockets/tcp-create-socket@0.2.12" (instance (export "create-tcp-socket" (func))))
        (import "wasi:sockets/udp@0.2.12" (instance (export "udp-socket" (type (sub resource)))))
        (import "wasi:sockets/udp-create-socket@0.2.12" (instance (export "create-udp-socket" (func)))))"#
}

/// Whether `interface` has a `name`: a linker takes no name twice, and cannot be asked.
fn has(linker: &mut Linker<Host>, interface: &str, name: &str) -> bool {
    let mut instance = linker.instance(&format!("{interface}@0.2.12")).unwrap();
    instance.resource(name, wasmtime::component::ResourceType::host::<()>(), |_, _| Ok(())).is_err()
}
