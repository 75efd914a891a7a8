//! Compiled components, kept in the user's cache folder and authenticated, so that a component is compiled once.
//!
//! What a component is and its native code are two files: every command needs the one, and a step alone the other, which is
//! a thousand times as long.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use claw_audit::secret::{SECRET_BYTES, SecretError, secret, temporary};
use claw_policy::catalogue::Component;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Changed whenever what is cached would be read differently.
const FORMAT: &str = "claw-component-2";
const MAC_BYTES: usize = 32;
/// The most bytes of a cached component.
const ENTRY_BYTES_MAX: u64 = 1 << 30;

/// The cache of one user.
#[derive(Clone)]
pub struct Cache {
    folder: PathBuf,
    key: [u8; SECRET_BYTES],
    engine: String,
}

/// What is cached of a component.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// What it is: its functions and imports.
    Signature,
    /// Its native code.
    Code,
}

/// The cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Its key cannot be used.
    #[error("the cache of compiled components: {0}")]
    Key(#[from] SecretError),
    /// A file could not be read or written.
    #[error("the cache of compiled components cannot be used: {0}")]
    Io(#[from] io::Error),
    /// No key could be made.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl Cache {
    /// Opens the cache in `folder`, with its key in `state`; both are made on first use, with modes 0700 and 0600.
    ///
    /// The key is what stands between a file in the cache and native code in a worker: whoever can read it can forge.
    ///
    /// # Errors
    /// When they cannot be made or read, or another user could read the key.
    pub fn open(folder: &Path, state: &Path) -> Result<Self, CacheError> {
        let folder = folder.join("components");
        private_folder(&folder)?;
        private_folder(state)?;
        let engine = crate::engine::fingerprint();
        Ok(Self { folder, key: secret(&state.join("cache.key"))?, engine })
    }

    /// The digest of the engine's settings, its version and this machine, on which compiled code depends.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// What the component with `digest` is, where that is here and its MAC holds, and its code is here too.
    pub(crate) fn signature(&self, digest: &str) -> Option<Component> {
        let component: Component = serde_json::from_slice(&self.get(digest, Part::Signature)?).ok()?;
        Some(component).filter(|component| component.digest == digest && self.path(digest, Part::Code).exists())
    }

    /// The native code of the component with `digest`, where it is here and its MAC holds.
    pub(crate) fn code(&self, digest: &str) -> Option<Vec<u8>> {
        self.get(digest, Part::Code)
    }

    /// Keeps what a component is, and its native code. A cache that cannot be written costs time alone.
    pub(crate) fn put(&self, component: &Component, code: &[u8]) -> Result<(), CacheError> {
        // The code first: who finds the signature expects it.
        self.put_code(&component.digest, code)?;
        let signature = serde_json::to_vec(component).map_err(io::Error::from)?;
        self.put_part(&component.digest, Part::Signature, &signature)
    }

    /// Keeps native code alone, where what it is of is here.
    pub(crate) fn put_code(&self, digest: &str, code: &[u8]) -> Result<(), CacheError> {
        self.put_part(digest, Part::Code, code)
    }

    fn get(&self, digest: &str, part: Part) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(digest, part)).ok()?.take(ENTRY_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let (mac, entry) = bytes.split_at_checked(MAC_BYTES)?;
        // INVARIANT: the bytes that are checked are the bytes that are used; the file is not read again.
        self.mac(digest, part, entry)?.verify_slice(mac).ok()?;
        // In place: a second copy is new pages, and those were half the time of loading a policy.
        bytes.drain(..MAC_BYTES);
        Some(bytes)
    }

    fn put_part(&self, digest: &str, part: Part, entry: &[u8]) -> Result<(), CacheError> {
        let mac = self.mac(digest, part, entry).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let path = self.path(digest, part);
        let temporary = temporary(&path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written = file.write_all(&mac.finalize().into_bytes()).and_then(|()| file.write_all(entry));
        if let Err(error) = written.and_then(|()| fs::rename(&temporary, &path)) {
            fs::remove_file(&temporary)?;
            return Err(error.into());
        }
        Ok(())
    }

    fn path(&self, digest: &str, part: Part) -> PathBuf {
        let name = claw_policy::digest(format!("{FORMAT}\n{digest}\n{}\n{}", self.engine, part.name()).as_bytes());
        self.folder.join(name.trim_start_matches("sha256:"))
    }

    /// Over what the file is for too, so that one entry cannot stand in for another.
    fn mac(&self, digest: &str, part: Part, entry: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for part in [FORMAT, digest, &self.engine, part.name()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(entry);
        Some(mac)
    }
}

impl fmt::Debug for Cache {
    /// Without its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Code => "code",
        }
    }
}

fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
