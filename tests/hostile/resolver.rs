//! A resolver that lies, in the place of the system's own: `resolver.c`, preloaded into the program.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::arena::Arena;
use crate::program::{program, repository};

/// Has names answered by these lines: see `resolver.c`.
pub(crate) fn lies(arena: &mut Arena, answers: &str) {
    arena.place.write("stage/answers", answers);
    arena.place.write("stage/asked", "");
    arena.environment("RESOLVER_ANSWERS", "stage/answers").environment("RESOLVER_ASKED", "stage/asked");
    let library = library().to_str().expect("a path in UTF-8").to_owned();
    arena.variable("LD_PRELOAD", &library);
}

/// Every name that was asked for, in its turn.
pub(crate) fn asked(arena: &Arena) -> Vec<String> {
    arena.place.read("stage/asked").lines().map(str::to_owned).collect()
}

fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = program().parent().expect("a file is in a folder").join("libclaw-test-resolver.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library);
        compiler.arg(repository().join("tests/hostile/resolver.c")).arg("-ldl");
        let built = compiler.output().expect("there is a C compiler");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        library
    })
}
