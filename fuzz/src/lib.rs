//! What several targets share: the examples, loaded as the program loads them, and inputs that have parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use claw_capabilities::builtin;
use claw_policy::catalogue::Component;
use claw_policy::{Catalogue, Document, Policy};
use claw_runtime::{Folders, Places};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// What an end of the worker's socket sets aside at once for what is still to come, at most.
pub const BYTES_AT_ONCE: usize = 1 << 20;

/// A folder of `examples/`.
pub struct Example {
    pub name: &'static str,
    pub catalogue: Catalogue,
    pub policy: Arc<Policy>,
}

/// All examples.
pub static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(|| {
    ["notes", "meeting-notes", "invoice", "code-docs", "support-desk"].into_iter().map(Example::load).collect()
});

impl Example {
    fn load(name: &'static str) -> Self {
        let base = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).join(name);
        let read = |path: &str| fs::read_to_string(base.join(path)).expect("the example has it");
        let document = Document::parse(&read("policy.toml")).expect("the policy is in form");
        let mut components = BTreeMap::new();
        for (key, _) in document.builtins() {
            let builtin = key.strip_prefix("builtin:").and_then(builtin).expect("a built-in");
            components
                .insert(key.to_owned(), Component { defaults: Some(builtin.policy.into()), ..known(builtin.wasm) });
        }
        for file in document.files() {
            let bytes = fs::read(base.join(&file.path)).expect("the example has it");
            components.insert(file.path, known(&bytes));
        }
        let places = Places {
            base: base.clone(),
            home: None,
            binds: BTreeMap::new(),
            private: Vec::new(),
            protected: Vec::<PathBuf>::new(),
            secrets: Vec::new(),
            make: false,
        };
        let overlaps = Folders::open(&document, &places).expect("the folders are there").overlaps();
        let files = document.test_plans().into_iter().map(|(path, _)| (path.to_owned(), read(path))).collect();
        let catalogue = Catalogue { components, overlaps, files };
        let policy = Policy::load(&document, &catalogue).expect("the policy loads");
        Self { name, catalogue, policy: Arc::new(policy) }
    }
}

fn known(component: &[u8]) -> Component {
    claw_runtime::fuzzing::signature(component).expect("a component")
}

/// A component with the interface of a WIT text, whose functions only trap.
pub fn component(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("fuzz.wit", wit).expect("WIT");
    let world = resolve.select_world(&[package], None).expect("a world");
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("a module");
    ComponentEncoder::default().module(&module).expect("a module").encode().expect("a component")
}

/// The first line of an input, and the rest.
pub fn first_line(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}

/// What one end of the worker's socket sends, and how many bytes of it at once.
///
/// The first line is the number; each other line is a message, with what comes along after a tab, and is put into a
/// frame. A line that starts with `!` is sent as it is.
pub fn stream(input: &[u8]) -> Option<(usize, Vec<u8>)> {
    let (size, lines) = first_line(input)?;
    let mut sent = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        match line.strip_prefix(b"!") {
            Some(bytes) => sent.extend(bytes),
            None => {
                let mut parts = line.splitn(2, |byte| *byte == b'\t');
                sent.extend(frame(parts.next().unwrap_or_default(), parts.next().unwrap_or_default()));
            }
        }
    }
    Some((size.parse().ok().filter(|size| *size > 0)?, sent))
}

/// A message as it goes over the socket: its length and that of what comes along, and both.
pub fn frame(message: &[u8], payload: &[u8]) -> Vec<u8> {
    let lengths = [message.len(), payload.len()].map(|length| (length as u64).to_be_bytes());
    [lengths.as_flattened(), message, payload].concat()
}
