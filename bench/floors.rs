//! The floors: what cannot be had for less, measured in the same run.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

use crate::median;
use crate::place::Place;

/// The argument that makes this program the other end of a round trip.
pub(crate) const ECHO: &str = "__echo";

/// Bytes of a message there, and of one back: about those of a step.
const MESSAGE: usize = 256;

struct Data {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// wasmtime alone, in its fastest mode: pooled, nothing metered, no thread handed work to.
pub(crate) fn wasmtime(place: &Place, name: &str, arguments: &str, rounds: usize) -> Duration {
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new()));
    let engine = Engine::new(&config).unwrap();
    let component = Component::new(&engine, place.component(name)).unwrap();
    let mut linker = Linker::<Data>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    let instance = linker.instantiate_pre(&component).unwrap();
    let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap();
    let arguments: Vec<Val> =
        arguments.as_object().unwrap().values().map(|text| Val::String(text.as_str().unwrap().to_owned())).collect();
    let function = match component.get_export_index(None, "claw:capabilities/read-file@0.1.0") {
        Some(interface) => component.get_export_index(Some(&interface), "read").unwrap(),
        None => component.get_export_index(None, "run").unwrap(),
    };
    median(rounds, &mut || {
        let mut wasi = WasiCtx::builder();
        wasi.allow_blocking_current_thread(true)
            .preopened_dir(place.folder().join("in"), "/", FsPerms::ReadOnly)
            .unwrap();
        let mut store = Store::new(&engine, Data { table: ResourceTable::new(), wasi: wasi.build() });
        let instance = instance.instantiate(&mut store).unwrap();
        let mut results = [Val::Bool(false)];
        instance.get_func(&mut store, function).unwrap().call(&mut store, &arguments, &mut results).unwrap();
    })
}

/// A message to another process and one back.
pub(crate) fn round_trip(rounds: usize) -> Duration {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let stdin = Stdio::from(std::os::fd::OwnedFd::from(theirs));
    let mut child = Command::new(std::env::current_exe().unwrap()).arg(ECHO).stdin(stdin).spawn().unwrap();
    let mut message = [0; MESSAGE];
    let mut hop = || {
        ours.write_all(&message).unwrap();
        ours.read_exact(&mut message).unwrap();
    };
    (0..100).for_each(|_| hop());
    let time = median(rounds, &mut hop);
    drop(ours);
    child.wait().unwrap();
    time
}

/// The other end of a round trip.
pub(crate) fn echo() {
    use std::os::fd::AsFd as _;
    let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut message = [0; MESSAGE];
    while socket.read_exact(&mut message).is_ok() && socket.write_all(&message).is_ok() {}
}

/// One `write` and one SHA-256 of a step's events.
pub(crate) fn write_and_hash(place: &Place, bytes: usize, rounds: usize) -> Duration {
    let mut file = OpenOptions::new().append(true).create(true).open(place.folder().join("floor")).unwrap();
    let events = vec![b'x'; bytes];
    median(rounds, &mut || {
        file.write_all(&events).unwrap();
        std::hint::black_box(Sha256::digest(&events));
    })
}

/// One small write and one sync.
pub(crate) fn sync(place: &Place, rounds: usize) -> Duration {
    let mut file = OpenOptions::new().append(true).create(true).open(place.folder().join("synced")).unwrap();
    median(rounds, &mut || {
        file.write_all(b"a line\n").unwrap();
        file.sync_data().unwrap();
    })
}
