//! The hostile guests: one file an attack, in `tests/guests/hostile/`, each used by a case.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use crate::program::repository;

static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The component of a guest, by its file's name: a program in `src/bin/`, or text in `wat/`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    USED.lock().expect("nobody panics while it is held").insert(name.to_owned());
    let text = folder().join("wat").join(format!("{name}.wat"));
    if text.exists() {
        return wat::parse_file(text).unwrap_or_else(|error| panic!("{error}"));
    }
    let program = programs().join(format!("{name}.wasm"));
    fs::read(&program).unwrap_or_else(|error| panic!("there is no guest `{name}`: {error}"))
}

/// A component that does nothing.
pub(crate) fn harmless() -> Vec<u8> {
    guest("case_009_short_run")
}

/// The names of all guests that there are.
pub(crate) fn all() -> BTreeSet<String> {
    let listed = ["wat", "src/bin"].map(|part| fs::read_dir(folder().join(part)).expect("the guests are there"));
    let files = listed.into_iter().flatten().map(|entry| entry.expect("it can be read").path());
    files.map(|file| file.file_stem().expect("a file has a name").to_string_lossy().into_owned()).collect()
}

/// Those that a case has used.
pub(crate) fn used() -> BTreeSet<String> {
    USED.lock().expect("nobody panics while it is held").clone()
}

fn folder() -> PathBuf {
    repository().join("tests/guests/hostile")
}

/// Where the programs are, built once.
fn programs() -> &'static PathBuf {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let target = folder().join("target");
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip2", "--target-dir"])
            .arg(&target)
            .current_dir(folder())
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        target.join("wasm32-wasip2/release")
    })
}
