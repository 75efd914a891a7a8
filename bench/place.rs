//! A folder with a policy that grants what the benches do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use claw_policy::{Catalogue, Document, Policy};
use claw_runtime::{Cache, Compiler, Components, Folders, Places};

/// A component whose one function does nothing.
const NOTHING: &str = r#"(component
    (core module $m (func (export "run") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m))
    (func (export "run") (result bool) (canon lift (core func $i "run"))))"#;

pub(crate) struct Place {
    folder: tempfile::TempDir,
    server: SocketAddr,
}

impl Place {
    /// A folder whose policy also grants what a server answers.
    pub(crate) fn new(server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nothing = wat::parse_str(NOTHING).unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("in/kib.md"), "x".repeat(1024)).unwrap();
        std::fs::write(folder.path().join("nothing.wasm"), &nothing).unwrap();
        let policy = format!(
            r#"claw = 1
name = "bench"
[limits]
log = "4GiB"
plan-steps = 10_000
[plan]
steps = 1_000_000
[planner]
rounds = 100
tokens = 1_000_000_000
[grant.in]
dir = "in"
access = "read"
[grant.out]
dir = "out"
access = "write"
create = true
accepts = ["in"]
[capability.nothing]
component = {{ path = "nothing.wasm", digest = "{}" }}
[capability.read]
component = "builtin:read-file"
grants = ["in"]
[capability.write]
component = "builtin:write-file"
grants = ["out"]
[grant.web]
http = ["GET http://{server}/*"]
addresses = ["127.0.0.1/32"]
secrecy = []
[capability.fetch]
component = "builtin:http-fetch"
grants = ["web"]
[capability.read-large]
component = "builtin:read-file"
grants = ["in"]
[capability.read-large.limits]
output-bytes = "8MiB"
tape = "16MiB"
[capability.fetch-large]
component = "builtin:http-fetch"
grants = ["web"]
[capability.fetch-large.limits]
http-bytes = "32MiB"
output-bytes = "64MiB"
memory = "256MiB"
tape = "64MiB"
fuel = 1_000_000_000_000
"#,
            claw_policy::digest(&nothing)
        );
        std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
        Self { folder, server }
    }

    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The policy with everything that it needs, as `claw run` loads it.
    pub(crate) fn load(&self) -> (Arc<Policy>, Document, Components, Folders) {
        let home = self.folder().join("home");
        let cache = Cache::open(&home.join(".cache/claw"), &home.join(".local/state/claw")).unwrap();
        let program = program();
        let document = Document::parse(&std::fs::read_to_string(self.folder().join("policy.toml")).unwrap()).unwrap();
        let compiler = Compiler { cache: &cache, program: &program };
        let components = compiler.components(&document, self.folder(), &mut |_| {}).unwrap();
        let places = Places {
            base: self.folder().to_owned(),
            home: None,
            binds: Default::default(),
            private: Vec::new(),
            protected: Vec::new(),
            secrets: Vec::new(),
            make: true,
        };
        let folders = Folders::open(&document, &places).unwrap();
        let catalogue =
            Catalogue { components: components.known(), overlaps: folders.overlaps(), ..Default::default() };
        let policy = Policy::load(&document, &catalogue).unwrap();
        (Arc::new(policy), document, components, folders)
    }

    /// The text of a policy of fifty capabilities with ten proofs, and what is known of its components.
    pub(crate) fn large_policy(&self) -> (String, Catalogue) {
        let (_, _, components, _) = self.load();
        let mut text = "claw = 1\nname = \"large\"\n".to_owned();
        for n in 0..10 {
            text.push_str(&format!("[grant.in{n}]\ndir = \"in{n}\"\naccess = \"read\"\n"));
            let accepts = format!("[\"in{n}\"]");
            text.push_str(&format!("[grant.out{n}]\ndir = \"out{n}\"\naccess = \"write\"\naccepts = {accepts}\n"));
        }
        for n in 0..50 {
            let (component, grant) = if n % 2 == 0 { ("read-file", "in") } else { ("write-file", "out") };
            let grant = format!("{grant}{}", n / 5);
            text.push_str(&format!("[capability.c{n}]\ncomponent = \"builtin:{component}\"\ngrants = [\"{grant}\"]\n"));
        }
        let never: Vec<String> = (0..10).map(|n| format!("\"in{n} -> out{}\"", (n + 1) % 10)).collect();
        text.push_str(&format!("[prove]\nnever = [{}]\n", never.join(", ")));
        (text, Catalogue { components: components.known(), ..Default::default() })
    }

    /// The bytes of a component, as the policy names it.
    pub(crate) fn component(&self, name: &str) -> Vec<u8> {
        match name.strip_prefix("builtin:") {
            Some(name) => claw_capabilities::builtin(name).unwrap().wasm.to_vec(),
            None => std::fs::read(self.folder().join(name)).unwrap(),
        }
    }
}

pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_claw"))
}

pub(crate) fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("bench-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
