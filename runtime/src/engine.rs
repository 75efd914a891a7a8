//! The one engine of a process: what a guest may be made of, what stops it, and what its memory is taken from.

use std::hash::{Hash, Hasher};
use std::io;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, PoolingAllocationConfig, Result, Strategy, WasmBacktraceDetails};

/// Core instances, memories and tables that one step may have, of each; a Python guest needs more than 16 instances.
pub const INSTANCES_MAX: u32 = 100;

/// Bytes that one memory can be: the most that the limit `memory` can be set to, and all that 32 bits can address.
const MEMORY_BYTES_MAX: u64 = 4 << 30;

/// Elements that one table can have: the most that the limit `tables` can be set to.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Bytes of stack that a guest's own frames may take.
const WASM_STACK_BYTES: usize = 512 << 10;

/// Bytes of the stack that a guest and the host functions it calls share.
const FIBER_STACK_BYTES: usize = 2 << 20;

/// Bytes of a pooled stack that stay in memory, zeroed, between steps: what most calls use.
const STACK_BYTES_KEPT: usize = 32 << 10;

/// Bytes of a pooled table that do: all of it for most guests, of which each has a few hundred functions.
const TABLE_BYTES_KEPT: usize = 32 << 10;

/// How often the ticker moves an engine's epoch on, in milliseconds.
const EPOCH_TICK_MS: u64 = 50;

/// How long after its time a step is stopped by its epoch, in milliseconds: the parent's kill at the deadline comes first.
const EPOCH_GRACE_MS: u64 = 500;

/// Where instances, memories, tables and stacks come from. It changes no compiled code, so both load the same artefacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// Mapped for each step: for a process that runs a few.
    OnDemand,
    /// Taken from a pool that is reserved when the engine is made: for a warm worker.
    Pooled,
}

/// An engine with [`config`].
///
/// # Errors
/// A host whose processor lacks what Cranelift needs, or that cannot reserve the pool's address space.
pub fn engine(allocation: Allocation) -> Result<Engine> {
    Engine::new(&config(allocation))
}

/// The digest of all that compiled code depends on: wasmtime's version, [`config`], and this machine's processor. Code
/// that was compiled under one is loaded under the same only.
pub fn fingerprint() -> String {
    struct Digesting(Sha256);
    impl Hasher for Digesting {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Digesting(Sha256::new());
    // Where there can be no engine there is no compiled code either.
    if let Ok(engine) = engine(Allocation::OnDemand) {
        engine.precompile_compatibility_hash().hash(&mut hasher);
    }
    hasher.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The settings of every engine, each with its why. `the_config_is_locked` fails if one changes.
pub fn config(allocation: Allocation) -> Config {
    let mut config = Config::new();
    code(&mut config);
    refused_proposals(&mut config);
    stops(&mut config);
    memory(&mut config);
    if allocation == Allocation::Pooled {
        config.allocation_strategy(pool());
    }
    config
}

/// How guests are compiled.
fn code(config: &mut Config) {
    // The one compiler that gets the security fixes of the long-term line.
    config.strategy(Strategy::Cranelift);
    // A NaN's bits would differ between processors, and a replay with them.
    config.cranelift_nan_canonicalization(true);
    // A trap's frames are not told to anyone; and the default of the details is an environment variable.
    config.wasm_backtrace_max_frames(None);
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.generate_address_map(false);
    config.debug_info(false);
    // Core dumps of guests are not even compiled in: wasmtime's cargo feature `coredump` is off.
}

/// What a guest may not be made of. The cargo features `gc` and `threads` stay compiled in: builds without them can be
/// made to abort by a module that uses them.
fn refused_proposals(config: &mut Config) {
    // No component-model async: the host has one guest and one call at a time.
    config.concurrency_support(false);
    // Each of these is code in the trusted base that no guest of ours needs.
    config.wasm_gc(false);
    config.wasm_exceptions(false);
    config.wasm_function_references(false);
    config.wasm_stack_switching(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_tail_call(false);
    config.wasm_wide_arithmetic(false);
    // Threads and shared memories: schedules cannot be replayed.
    config.wasm_threads(false);
    config.wasm_shared_everything_threads(false);
    config.shared_memory(false);
    // Memories that 32 bits cannot address lose their guard pages.
    config.wasm_memory64(false);
    // On, and bounded as a sum: wasmtime joins components that pass each other text with modules of two memories, and
    // without them its compiler panics (48.0.8, `translate/adapt.rs`).
    config.wasm_multi_memory(true);
    // Its results depend on the processor. Deterministic, too, should it ever be turned on.
    config.wasm_relaxed_simd(false);
    config.relaxed_simd_deterministic(true);
}

/// What ends a guest that does not end.
fn stops(config: &mut Config) {
    // Fuel is the limit that is the same in every run; the epoch is the second stop, should the parent's kill not come.
    config.consume_fuel(true);
    config.epoch_interruption(true);
    // Recursion is a trap long before the native stack ends, with room left for the host functions that a guest calls.
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(FIBER_STACK_BYTES);
    // What a guest left on its stack is not there for the next one.
    config.async_stack_zeroing(true);
}

/// How linear memories lie in the address space.
fn memory(config: &mut Config) {
    // Fuel used is identical between runs only as long as this is: it stands here so that nobody tunes it for one of them.
    config.memory_init_cow(true);
    // The whole 32 bits are reserved, so that no access needs a check, and nothing moves when a memory grows.
    config.memory_reservation(MEMORY_BYTES_MAX);
    config.memory_may_move(false);
    // An access that misses its memory hits unmapped pages, on either side, and the signal becomes a trap.
    config.memory_guard_size(32 << 20);
    config.guard_before_linear_memory(true);
    config.signals_based_traps(true);
}

/// A pool for one step at a time: what a step may have, and a second one for what is being taken down.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(2);
    pool.total_stacks(2);
    // Of a stack that is zeroed, this much by writing: half the time of a call that does nothing was giving pages back.
    pool.async_stack_keep_resident(STACK_BYTES_KEPT);
    // The same of tables. Of memories it would be slower: all of a guest's stack is below its data, and most of it unused.
    // Putting back only the pages that the kernel says were written (`pagemap_scan`) would be faster, and would miss one
    // that was swapped out: what a step left there would be the next one's.
    pool.table_keep_resident(TABLE_BYTES_KEPT);
    pool.total_core_instances(INSTANCES_MAX);
    pool.max_core_instances_per_component(INSTANCES_MAX);
    pool.total_memories(INSTANCES_MAX);
    pool.max_memories_per_component(INSTANCES_MAX);
    pool.max_memories_per_module(INSTANCES_MAX);
    pool.max_memory_size(usize::try_from(MEMORY_BYTES_MAX).unwrap_or(usize::MAX));
    pool.total_tables(INSTANCES_MAX);
    pool.max_tables_per_component(INSTANCES_MAX);
    pool.max_tables_per_module(10);
    pool.table_elements(TABLE_ELEMENTS_MAX);
    pool.total_gc_heaps(1);
    // Guests of many modules (Python: some 30) have large contexts.
    pool.max_core_instance_size(4 << 20);
    pool.max_component_instance_size(16 << 20);
    pool
}

/// Starts the thread that moves `engine`'s epoch on, until the engine is gone. One an engine; a store's deadline in
/// epochs ([`epochs`]) means nothing without it. It runs when this returns.
///
/// # Errors
/// The thread cannot be started: start it before the process gives up the right to.
pub fn tick(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    let (started, is_started) = std::sync::mpsc::channel();
    let ticking = move || {
        // A thread that starts makes system calls that nothing makes later.
        let _listened_to = started.send(());
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(Duration::from_millis(EPOCH_TICK_MS));
        }
    };
    thread::Builder::new().name("epochs".to_owned()).stack_size(64 << 10).spawn(ticking)?;
    is_started.recv().map_err(io::Error::other)
}

/// The epochs after which a step whose limit `time` is this many milliseconds is stopped: some half a second late.
pub(crate) fn epochs(time_ms: u64) -> u64 {
    time_ms.saturating_add(EPOCH_GRACE_MS).div_ceil(EPOCH_TICK_MS).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use wasmtime::{Engine, Module, OptLevel, Store, Strategy, Trap, WasmFeatures};

    use super::*;

    const BOTH: [Allocation; 2] = [Allocation::OnDemand, Allocation::Pooled];

    #[test]
    fn the_config_is_locked() {
        for allocation in BOTH {
            let engine = engine(allocation).unwrap();
            assert_eq!(engine.get_strategy(), Some(Strategy::Cranelift));
            assert_eq!(engine.get_cranelift_opt_level(), Some(OptLevel::Speed));
            assert_eq!(engine.get_cranelift_nan_canonicalization(), Some(true));
            assert!(engine.get_consume_fuel() && engine.get_epoch_interruption());
            assert!(!engine.get_concurrency_support() && !engine.get_shared_memory());
            assert!(engine.get_relaxed_simd_deterministic());
            assert_eq!(engine.get_max_wasm_stack(), 512 << 10);
            assert_eq!(engine.get_async_stack_size(), 2 << 20);
            assert!(engine.get_async_stack_zeroing());
            assert!(engine.get_memory_init_cow() && engine.get_signals_based_traps());
            assert_eq!(engine.get_memory_reservation(), 4 << 30);
            assert_eq!(engine.get_memory_guard_size(), 32 << 20);
            assert!(engine.get_guard_before_linear_memory() && !engine.get_memory_may_move());
            assert!(!engine.get_debug_info() && !engine.get_guest_debug() && !engine.get_generate_address_map());
            assert_eq!(engine.get_wasm_backtrace_max_frames(), 0);
        }
        let pooled = engine(Allocation::Pooled).unwrap();
        let pool = pooled.get_pooling_config().unwrap();
        assert!(pool.get_max_core_instances_per_component() > 16, "a Python guest needs more");
        assert_eq!(pool.get_total_core_instances(), 100);
        assert_eq!(pool.get_total_memories(), 100);
        assert_eq!(pool.get_total_tables(), 100);
        assert_eq!(pool.get_total_stacks(), 2);
        assert_eq!(pool.get_async_stack_keep_resident(), 32 << 10);
        assert_eq!(pool.get_table_keep_resident(), 32 << 10);
        assert_eq!(pool.get_max_memory_size(), 4 << 30);
        assert_eq!(pool.get_table_elements(), 100_000);
        assert!(engine(Allocation::OnDemand).unwrap().get_pooling_config().is_none());
    }

    #[test]
    fn the_proposals_that_are_on_are_these() {
        let on = engine(Allocation::OnDemand).unwrap().get_wasm_features();
        let expected = WasmFeatures::MUTABLE_GLOBAL
            | WasmFeatures::SATURATING_FLOAT_TO_INT
            | WasmFeatures::SIGN_EXTENSION
            | WasmFeatures::REFERENCE_TYPES
            | WasmFeatures::CALL_INDIRECT_OVERLONG
            | WasmFeatures::MULTI_VALUE
            | WasmFeatures::MULTI_MEMORY
            | WasmFeatures::BULK_MEMORY
            | WasmFeatures::BULK_MEMORY_OPT
            | WasmFeatures::SIMD
            | WasmFeatures::EXTENDED_CONST
            | WasmFeatures::FLOATS
            | WasmFeatures::GC_TYPES
            | WasmFeatures::COMPONENT_MODEL;
        let names = |features: WasmFeatures| features.iter_names().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(on), names(expected));
    }

    #[test]
    fn refused_proposals_do_not_compile() {
        let engine = engine(Allocation::OnDemand).unwrap();
        for (proposal, wat) in [
            ("gc", "(module (type (struct)) (func (drop (struct.new 0))))"),
            ("exceptions", "(module (tag $e) (func (throw $e)))"),
            ("function references", "(module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))"),
            ("threads", "(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))"),
            ("memory64", "(module (memory i64 1))"),
            (
                "stack switching",
                "(module (type $f (func)) (type $c (cont $f)) (func (param (ref $c)) (resume $c (local.get 0))))",
            ),
            ("custom page sizes", "(module (memory 1 (pagesize 1)))"),
            ("tail calls", "(module (func $f (return_call $f)))"),
            ("relaxed simd", "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))"),
            (
                "wide arithmetic",
                "(module (func (result i64 i64) (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))))",
            ),
        ] {
            let bytes = wat::parse_str(wat).unwrap();
            assert!(Module::new(&engine, bytes).is_err(), "{proposal} is on");
        }
        let bytes = wat::parse_str("(module (memory 1) (func (export \"run\")))").unwrap();
        Module::new(&engine, bytes).unwrap();
    }

    #[test]
    fn both_allocations_load_the_same_artefacts() {
        let hash = |engine: &Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        let [on_demand, pooled] = BOTH.map(|allocation| engine(allocation).unwrap());
        assert_eq!(hash(&on_demand), hash(&pooled));
        assert_eq!(fingerprint(), fingerprint());
        assert_eq!(fingerprint().len(), 64);
    }

    #[test]
    fn fuel_ends_a_loop_and_the_epoch_does_without_fuel() {
        for allocation in BOTH {
            let engine = engine(allocation).unwrap();
            tick(&engine).unwrap();
            let bytes = wat::parse_str("(module (func (export \"run\") (loop (br 0))))").unwrap();
            let module = Module::new(&engine, bytes).unwrap();
            for (fuel, epochs, expected) in [(1_000_000, 1_000_000, Trap::OutOfFuel), (u64::MAX, 2, Trap::Interrupt)] {
                let mut store = Store::new(&engine, ());
                store.set_fuel(fuel).unwrap();
                store.set_epoch_deadline(epochs);
                let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
                let error =
                    instance.get_typed_func::<(), ()>(&mut store, "run").unwrap().call(&mut store, ()).unwrap_err();
                assert_eq!(error.downcast_ref(), Some(&expected));
            }
        }
    }

    #[test]
    fn the_ticker_ends_with_its_engine() {
        let engine = engine(Allocation::OnDemand).unwrap();
        let weak = engine.weak();
        tick(&engine).unwrap();
        drop(engine);
        std::thread::sleep(Duration::from_millis(3 * EPOCH_TICK_MS));
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn a_step_is_stopped_by_its_epoch_some_half_a_second_late() {
        assert_eq!(epochs(10_000), 211);
        assert_eq!(epochs(1), 12);
    }
}
