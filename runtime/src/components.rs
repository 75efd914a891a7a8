//! The components that a policy names: found, read, compiled or had from the cache, and put in the catalogue.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use claw_capabilities::{BUILTINS, builtin};
use claw_policy::catalogue::Component;
use claw_policy::{Document, LoadError};

use crate::cache::Cache;
use crate::host::authority;
use crate::signature;
use crate::worker::{Effort, Worker, WorkerFault};

/// The most bytes of a component.
pub const COMPONENT_BYTES_MAX: u64 = 100 << 20;

/// The prefix of a built-in's name in a policy.
const BUILTIN: &str = "builtin:";

/// The components of one policy, by the text that names each.
#[derive(Debug, Default)]
pub struct Components {
    compiled: BTreeMap<String, Compiled>,
    files: Vec<PathBuf>,
}

/// A component that is compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) component: Component,
    code: Code,
}

/// Its native code.
#[derive(Debug)]
enum Code {
    /// Here, since it has just been made.
    Made(Vec<u8>),
    /// In the cache, from where it is had when it is called: most commands call few of a policy's components. If what is there
    /// is not what was put there, it is made again of these bytes.
    Kept(Cache, Cow<'static, [u8]>),
}

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// There is no such built-in.
    #[error("there is no built-in `{0}`; there are {1}")]
    NoBuiltin(String, String),
    /// It is recorded, and no longer here.
    #[error("the component `{}` of this run is not here: {digest}", claw_policy::printable::printable(.name))]
    Gone {
        /// What the run's policy calls it.
        name: String,
        /// The digest of its bytes.
        digest: String,
    },
    /// Its file cannot be read.
    #[error("the component `{}` cannot be read: {error}", claw_policy::printable::printable(&.path.to_string_lossy()))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Its file is too large, or no file.
    #[error("the component `{}` {why}", claw_policy::printable::printable(&.path.to_string_lossy()))]
    Size {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is no component, or does not compile.
    #[error("{0}")]
    Compile(String),
    /// Reading and compiling it was ended.
    #[error("the component was not compiled within what its size allows, {allowed}: {why}")]
    Limit {
        /// What it may take.
        allowed: String,
        /// How it ended.
        why: String,
    },
}

/// How components become ready: the cache they are had from, and the program that compiles them in a worker.
#[derive(Debug)]
pub struct Compiler<'c> {
    /// Where compiled components are kept.
    pub cache: &'c Cache,
    /// The program to start as a worker: this one.
    pub program: &'c Path,
}

impl Compiler<'_> {
    /// Gets every component that `document` names, files from `base`, the folder that the policy is in. `about` is told
    /// what takes long.
    ///
    /// # Errors
    /// Every component that cannot be used.
    pub fn components(
        &self,
        document: &Document,
        base: &Path,
        about: &mut dyn FnMut(&str),
    ) -> Result<Components, Vec<LoadError>> {
        let mut components = Components::default();
        let mut errors = Vec::new();
        let mut add = |components: &mut Components,
                       key: &str,
                       span: Range<usize>,
                       compiled: Result<Compiled, ComponentError>| match compiled {
            Ok(compiled) => {
                components.compiled.insert(key.to_owned(), compiled);
            }
            Err(error) => errors.push(load_error(&error, span)),
        };
        for (name, span) in document.builtins() {
            if !components.compiled.contains_key(name) {
                add(&mut components, name, span, self.builtin(name, about));
            }
        }
        for file in document.files() {
            let path = base.join(&file.path);
            if !components.compiled.contains_key(&file.path) {
                let compiled = self.file(&path, about);
                add(&mut components, &file.path, file.span, compiled);
                components.files.push(path);
            }
        }
        if errors.is_empty() { Ok(components) } else { Err(errors) }
    }

    /// Gets the components of a recorded run, which are `wanted` by the names that its policy gives them: built-in, from
    /// the cache, or in one of `files`. By their digests: what a name stands for may have changed.
    ///
    /// # Errors
    /// One that is in none of these, or cannot be used.
    pub fn recorded(
        &self,
        wanted: &BTreeMap<String, Component>,
        files: &[PathBuf],
        about: &mut dyn FnMut(&str),
    ) -> Result<Components, ComponentError> {
        let mut given = BTreeMap::new();
        for file in files {
            let bytes = read(file)?;
            given.insert(claw_policy::digest(&bytes), bytes);
        }
        let mut components = Components::default();
        for (name, Component { digest, .. }) in wanted {
            let builtin = BUILTINS.iter().find(|builtin| builtin.digest == digest).map(|builtin| builtin.wasm);
            let bytes = builtin.map(Cow::Borrowed).or_else(|| given.get(digest).cloned().map(Cow::Owned));
            let gone = || ComponentError::Gone { name: name.clone(), digest: digest.clone() };
            let compiled = match (self.cache.signature(digest), bytes) {
                (Some(component), Some(bytes)) => Compiled { component, code: Code::Kept(self.cache.clone(), bytes) },
                (Some(component), None) => {
                    Compiled { component, code: Code::Made(self.cache.code(digest).ok_or_else(gone)?) }
                }
                (None, Some(bytes)) => self.compile(&bytes, digest, name, about)?,
                (None, None) => return Err(gone()),
            };
            components.compiled.insert(name.clone(), compiled);
        }
        Ok(components)
    }

    /// What one component is: a built-in as `builtin:NAME`, or a file.
    ///
    /// # Errors
    /// When it cannot be read or compiled.
    pub fn inspect(&self, name: &str, about: &mut dyn FnMut(&str)) -> Result<Component, ComponentError> {
        if !name.starts_with(BUILTIN) {
            return self.file(Path::new(name), about).map(|compiled| compiled.component);
        }
        let mut component = self.builtin(name, about)?.component;
        if let Some(builtin) = name.strip_prefix(BUILTIN).and_then(builtin) {
            signature::document(&mut component.functions, builtin.wit);
        }
        Ok(component)
    }

    pub(crate) fn builtin(&self, key: &str, about: &mut dyn FnMut(&str)) -> Result<Compiled, ComponentError> {
        let known =
            || BUILTINS.iter().map(|builtin| format!("`{BUILTIN}{}`", builtin.name)).collect::<Vec<_>>().join(", ");
        let missing = || ComponentError::NoBuiltin(claw_policy::printable::printable(key), known());
        let builtin = key.strip_prefix(BUILTIN).and_then(builtin).ok_or_else(missing)?;
        let mut compiled = self.compiled(Cow::Borrowed(builtin.wasm), builtin.digest, key, about)?;
        compiled.component.defaults = Some(builtin.policy.to_owned());
        Ok(compiled)
    }

    fn file(&self, path: &Path, about: &mut dyn FnMut(&str)) -> Result<Compiled, ComponentError> {
        let bytes = read(path)?;
        let digest = claw_policy::digest(&bytes);
        self.compiled(Cow::Owned(bytes), &digest, &path.to_string_lossy(), about)
    }

    /// INVARIANT: the bytes that were hashed are the bytes that are compiled (case 151).
    fn compiled(
        &self,
        bytes: Cow<'static, [u8]>,
        digest: &str,
        name: &str,
        about: &mut dyn FnMut(&str),
    ) -> Result<Compiled, ComponentError> {
        let mut compiled = match self.cache.signature(digest) {
            Some(component) => Compiled { component, code: Code::Kept(self.cache.clone(), bytes) },
            None => self.compile(&bytes, digest, name, about)?,
        };
        for import in &mut compiled.component.imports {
            import.authority = authority(&import.name);
        }
        Ok(compiled)
    }

    fn compile(
        &self,
        bytes: &[u8],
        digest: &str,
        name: &str,
        about: &mut dyn FnMut(&str),
    ) -> Result<Compiled, ComponentError> {
        about(&format!("compiling {} for this machine, once", claw_policy::printable::printable(name)));
        let (component, code) = make(self.program, bytes, digest)?;
        // What is cached, and under which name, is not the worker's to say.
        let component = Component { digest: digest.to_owned(), ..component };
        if let Err(error) = self.cache.put(&component, &code) {
            about(&format!("compiled components are not kept: {error}"));
        }
        Ok(Compiled { component, code: Code::Made(code) })
    }
}

/// Reads and compiles a component in a worker of its own.
fn make(program: &Path, bytes: &[u8], digest: &str) -> Result<(Component, Vec<u8>), ComponentError> {
    Worker::compile(program, bytes, digest).map_err(|fault| match fault {
        WorkerFault::Died(_) | WorkerFault::Deadline => {
            ComponentError::Limit { allowed: Effort::of(bytes.len()).to_string(), why: fault.to_string() }
        }
        other => ComponentError::Compile(other.to_string()),
    })
}

impl Compiled {
    /// Its native code. `program` is started to make it again where the cache has lost it.
    pub(crate) fn code(&self, program: &Path) -> Result<Cow<'_, [u8]>, ComponentError> {
        let digest = &self.component.digest;
        match &self.code {
            Code::Made(code) => Ok(Cow::Borrowed(code)),
            Code::Kept(cache, bytes) => match cache.code(digest) {
                Some(code) => Ok(Cow::Owned(code)),
                None => {
                    let (_, code) = make(program, bytes, digest)?;
                    // As when it was first made: without it, only time is lost.
                    let _kept = cache.put_code(digest, &code);
                    Ok(Cow::Owned(code))
                }
            },
        }
    }
}

impl Components {
    /// What is known of each, by the text that names it in the policy.
    pub fn known(&self) -> BTreeMap<String, Component> {
        self.compiled.iter().map(|(name, compiled)| (name.clone(), compiled.component.clone())).collect()
    }

    /// The component files, which nothing that is granted may change.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The component that the policy calls `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Compiled> {
        self.compiled.get(name)
    }
}

/// Reads a component's file: a regular one, of bounded size.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ComponentError> {
    let failed = |error| ComponentError::Read { path: path.to_owned(), error };
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(ComponentError::Size { path: path.to_owned(), why: "is no file".to_owned() });
    }
    let too_large = || ComponentError::Size {
        path: path.to_owned(),
        why: format!("is over the {COMPONENT_BYTES_MAX} bytes of a component"),
    };
    if metadata.len() > COMPONENT_BYTES_MAX {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > COMPONENT_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

fn load_error(error: &ComponentError, span: Range<usize>) -> LoadError {
    let (rule, help) = match error {
        ComponentError::NoBuiltin(..) => {
            ("component.unknown", "name one of them, or a file: { path = \"…\", digest = \"sha256:…\" }")
        }
        ComponentError::Gone { .. } => ("component.gone", "give its file"),
        ComponentError::Read { .. } => ("component.read", "the path is from the folder that the policy is in"),
        ComponentError::Size { .. } => ("component.size", "name a component's .wasm file"),
        ComponentError::Compile(_) => {
            ("component.invalid", "a component is WebAssembly with the component model, not a core module")
        }
        ComponentError::Limit { .. } => {
            ("component.limit", "use a component with fewer and smaller functions and types; a large one may take more")
        }
    };
    LoadError::new(rule, span, error.to_string()).help(help)
}

/// The digest of a component's file.
///
/// # Errors
/// When it cannot be read, or is too large for a component.
pub fn digest_of(path: &Path) -> Result<String, ComponentError> {
    read(path).map(|bytes| claw_policy::digest(&bytes))
}
