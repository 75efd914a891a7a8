//! Builds the guests, makes components of them, and writes the table that `src/lib.rs` includes.

use sha2::{Digest, Sha256};
use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wit_component::ComponentEncoder;

/// For guests that use files: the linker of this target makes the component.
const WASI: &str = "wasm32-wasip2";

/// For guests that need nothing: what is built for this target imports nothing, and is made a component here.
const BARE: &str = "wasm32-unknown-unknown";

const GUESTS: [(&str, &str); 8] = [
    ("html-to-text", BARE),
    ("http-fetch", WASI),
    ("json-query", BARE),
    ("list-files", WASI),
    ("read-file", WASI),
    ("render-text", BARE),
    ("search-files", WASI),
    ("write-file", WASI),
];

/// What may pass from this build to that of the guests: where cargo finds crates, and how many jobs it runs.
const PASSED_ON: [&str; 6] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_MAKEFLAGS", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_"];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = here.parent().ok_or("this crate is a folder of its workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for path in ["wit", "Cargo.toml", "Cargo.lock", "capabilities/build.rs", "capabilities/folder"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    // One target folder for the guests of all profiles of this build: they are the same guests.
    let guests = out.ancestors().nth(4).unwrap_or(&out).join("guests");
    let mut table = String::from("&[\n");
    for (name, target) in GUESTS {
        println!("cargo::rerun-if-changed={}", here.join(name).display());
        build(workspace, &guests, name, target)?;
        let built = format!("{target}/guest/claw_guest_{}.wasm", name.replace('-', "_"));
        let mut wasm = fs::read(guests.join(built))?;
        if target == BARE {
            wasm = ComponentEncoder::default().validate(true).module(&wasm)?.encode()?;
        }
        fs::write(out.join(name).with_extension("wasm"), &wasm)?;
        let digest = Sha256::digest(&wasm).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        writeln!(table, "    embed!({name:?}, {digest:?}),")?;
    }
    table.push(']');
    fs::write(out.join("builtins.rs"), table)?;
    Ok(())
}

/// Builds one guest, in a target folder apart, since this build holds the lock of its own. One by one, so that what one
/// guest needs of a library changes no other.
fn build(workspace: &Path, guests: &Path, name: &str, target: &str) -> Result<()> {
    let rustc = env::var("RUSTC")?;
    let libraries = Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output()?.stdout;
    if !Path::new(String::from_utf8(libraries)?.trim()).is_dir() {
        return Err(format!("Rust's library for {target} is missing: run `rustup target add {WASI} {BARE}`").into());
    }
    let mut cargo = Command::new(env::var("CARGO")?);
    for (name, _) in env::vars().filter(|(name, _)| is_of_this_build(name)) {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped(workspace, guests)?);
    // Not `--locked`: the build that runs this one has made the lock current, or refused to.
    cargo.args(["build", "--profile", "guest", "--target", target, "-p", &format!("claw-guest-{name}")]);
    cargo.arg("--target-dir").arg(guests).arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    let status = cargo.status()?;
    if status.success() { Ok(()) } else { Err(format!("the guest {name} does not build: {status}").into()) }
}

/// Whether a variable would let flags, wrappers or profiles of this build into the guests, whose digests people pin.
fn is_of_this_build(name: &str) -> bool {
    let is_cargos = ["CARGO_", "RUSTC_", "RUSTFLAGS", "CLIPPY_"].iter().any(|prefix| name.starts_with(prefix));
    is_cargos && !PASSED_ON.iter().any(|prefix| name.starts_with(prefix))
}

/// The flags that put names in the place of this machine's paths, so that every machine builds the same bytes.
fn remapped(workspace: &Path, guests: &Path) -> Result<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).ok_or("there is no CARGO_HOME")?;
    // The last one that fits counts, and `guests` is often in the workspace.
    let remap = |(path, name): (&Path, _)| format!("--remap-path-prefix={}={name}", path.display());
    Ok([(home.as_path(), "/cargo"), (workspace, "/claw"), (guests, "/guests")].map(remap).join("\x1f"))
}
