//! Calls the host with a discriminant that the type of an argument does not have: which one is in `/in/attack`.

use wasip2::filesystem::preopens;

// What `wasip2` declares, with plain numbers: its own types have no such values.
#[link(wasm_import_module = "wasi:filesystem/types@0.2.12")]
unsafe extern "C" {
    #[link_name = "[method]descriptor.advise"]
    fn advise(descriptor: u32, offset: u64, len: u64, advice: u32, result: *mut u64);
    #[link_name = "[method]descriptor.set-times"]
    fn set_times(descriptor: u32, kind: u32, s: u64, ns: u32, kind: u32, s: u64, ns: u32, result: *mut u64);
    #[link_name = "[method]descriptor.open-at"]
    fn open_at(descriptor: u32, path: u32, at: *const u8, len: usize, open: u32, flags: u32, result: *mut u64);
}

#[link(wasm_import_module = "wasi:cli/exit@0.2.12")]
unsafe extern "C" {
    #[link_name = "exit"]
    fn exit(status: u32);
}

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (directory, _) = preopens::get_directories().swap_remove(0);
    let (descriptor, mut result) = (directory.handle(), [0; 8]);
    let (to, path) = (result.as_mut_ptr(), "notes.md");
    // The host reads and writes no more than what is passed here.
    unsafe {
        match attack.as_str() {
            "enum" => advise(descriptor, 0, 0, 6, to),
            "enum-most" => advise(descriptor, 0, 0, u32::MAX, to),
            "variant" => set_times(descriptor, 3, 0, 0, 0, 0, 0, to),
            "variant-second" => set_times(descriptor, 0, 0, 0, u32::MAX, 0, 0, to),
            "result" => exit(2),
            "flags" => open_at(descriptor, u32::MAX, path.as_ptr(), path.len(), 0, 1, to),
            other => panic!("there is no attack `{other}`"),
        }
    }
}
