//! What a log was at a moment, signed: a C2SP tlog-checkpoint in a C2SP signed note.
//!
//! <https://c2sp.org/tlog-checkpoint>, <https://c2sp.org/signed-note>. Ed25519, by the key of this user on this machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::merkle::{Hash, Tree};

/// The name that a key signs under.
const NAME: &str = "claw";
/// What signed notes call Ed25519.
const ALGORITHM: u8 = 1;
/// The most bytes of a checkpoint that is read.
pub const CHECKPOINT_BYTES_MAX: u64 = 4 << 10;

/// The size and the root of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: [`run_origin`], or [`MACHINE_ORIGIN`].
    pub origin: String,
    /// How many lines it had.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// The origin of the machine's log.
pub const MACHINE_ORIGIN: &str = "claw/machine";

/// The origin of the log of the run `id`.
pub fn run_origin(id: &str) -> String {
    format!("claw/run/{id}")
}

/// The key that signs.
#[derive(Clone)]
pub struct Key(SigningKey);

/// The key that is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a checkpoint is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not in the form of one.
    #[error("it is no checkpoint")]
    Form,
    /// It is one of another log.
    #[error("it is the checkpoint of another log")]
    Origin,
    /// It has no signature of this key.
    #[error("it is not signed by this key")]
    Key,
    /// The signature does not fit what is signed.
    #[error("its signature does not hold")]
    Signature,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(secret)")
    }
}

impl Key {
    /// The key of the secret `seed` (RFC 8032).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What its signatures are checked with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl PublicKey {
    /// The key in the form of signed notes, `NAME+ID+KEY`: to be kept by who wants to check a log later.
    pub fn to_text(self) -> String {
        let id = u32::from_be_bytes(self.id());
        format!("{NAME}+{id:08x}+{}", STANDARD.encode(self.with_algorithm()))
    }

    /// Reads that form.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.trim_end().split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let bytes = STANDARD.decode(key).ok()?;
        let (algorithm, key) = bytes.split_first()?;
        let key = Self(VerifyingKey::from_bytes(key.try_into().ok()?).ok()?);
        let right = *algorithm == ALGORITHM && name == NAME && id == format!("{:08x}", u32::from_be_bytes(key.id()));
        right.then_some(key)
    }

    /// The start of the hash of name and key.
    fn id(self) -> [u8; 4] {
        let hash = Sha256::new_with_prefix(NAME).chain_update("\n").chain_update(self.with_algorithm()).finalize();
        let mut id = [0; 4];
        id.iter_mut().zip(hash).for_each(|(to, byte)| *to = byte);
        id
    }

    fn with_algorithm(self) -> Vec<u8> {
        [&[ALGORITHM], &self.0.to_bytes()[..]].concat()
    }
}

impl Checkpoint {
    /// What the log of `origin` is when its lines hash to `tree`.
    pub fn of(origin: &str, tree: &Tree) -> Self {
        Self { origin: origin.to_owned(), size: tree.size(), root: tree.root() }
    }

    /// Whether it is of a log whose lines hash to `tree`.
    pub(crate) fn is_of(&self, tree: &Tree) -> bool {
        self.size == tree.size() && self.root == tree.root()
    }

    /// The signed note.
    pub fn sign(&self, key: &Key) -> String {
        let text = self.text();
        let signature = key.0.sign(text.as_bytes()).to_bytes();
        let line = STANDARD.encode([&key.public().id()[..], &signature].concat());
        format!("{text}\n\u{2014} {NAME} {line}\n")
    }

    /// Reads a signed note, which has to be of the log `origin` and signed by `key`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn open(note: &str, origin: &str, key: PublicKey) -> Result<Self, CheckpointError> {
        // The text ends where the last empty line begins: what is signed is all before it, with its line feed.
        let note = note.strip_suffix('\n').ok_or(CheckpointError::Form)?;
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(CheckpointError::Form)?;
        let text = format!("{text}\n");
        let checkpoint = Self::parse(&text).ok_or(CheckpointError::Form)?;
        if checkpoint.origin != origin {
            return Err(CheckpointError::Origin);
        }
        let ours = signatures.lines().find_map(|line| signature(line, key)).ok_or(CheckpointError::Key)?;
        // Strict: no second signature of the same text is accepted either.
        key.0.verify_strict(text.as_bytes(), &ours).map_err(|_| CheckpointError::Signature)?;
        Ok(checkpoint)
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?.to_owned(), lines.next()?, lines.next()?);
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        let checkpoint = Self { origin, size: size.parse().ok()?, root };
        // One form: no other spelling of a number, and no lines of which nothing is known.
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

/// The signature of a line, if it is one of `key`.
fn signature(line: &str, key: PublicKey) -> Option<Signature> {
    let encoded = line.strip_prefix("\u{2014} ")?.strip_prefix(NAME)?.strip_prefix(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_at_checked(4)?;
    let signature = Signature::from_bytes(signature.try_into().ok()?);
    (id == key.id()).then_some(signature)
}

#[cfg(test)]
mod tests {
    use signed_note::{Note, StandardVerifier, VerifierList};

    use super::*;

    fn tree(lines: usize) -> Tree {
        let mut tree = Tree::default();
        (0..lines).for_each(|n| tree.push(n.to_string().as_bytes()));
        tree
    }

    fn signed() -> (Key, Checkpoint, String) {
        let key = Key::from_seed(&[7; 32]);
        let checkpoint = Checkpoint::of(&run_origin("20260101T000000Z-0a1b2c3d"), &tree(5));
        let note = checkpoint.sign(&key);
        (key, checkpoint, note)
    }

    #[test]
    fn the_library_for_signed_notes_reads_ours() {
        let (key, checkpoint, note) = signed();
        let verifier = StandardVerifier::new(&key.public().to_text()).unwrap();
        let read = Note::from_bytes(note.as_bytes()).unwrap();
        let (verified, unverified) = read.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
        assert_eq!((verified.len(), unverified.len()), (1, 0));
        assert_eq!(read.text(), checkpoint.text().as_bytes());
    }

    #[test]
    fn what_was_signed_is_read_again() {
        let (key, checkpoint, note) = signed();
        assert_eq!(Checkpoint::open(&note, &checkpoint.origin, key.public()), Ok(checkpoint));
        assert_eq!(PublicKey::parse(&key.public().to_text()), Some(key.public()));
        assert_eq!(format!("{key:?}"), "Key(secret)");
    }

    #[test]
    fn every_byte_that_changes_is_seen() {
        let (key, checkpoint, note) = signed();
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(changed) = String::from_utf8(bytes) {
                    let read = Checkpoint::open(&changed, &checkpoint.origin, key.public());
                    assert!(read.is_err(), "byte {at}, bit {bit}: {changed}");
                }
            }
        }
        for cut in 0..note.len() {
            let start = note.get(..cut).unwrap_or_default();
            assert!(Checkpoint::open(start, &checkpoint.origin, key.public()).is_err(), "cut to {cut}");
        }
    }

    #[test]
    fn another_log_another_key_and_another_spelling_are_refused() {
        let (key, checkpoint, note) = signed();
        let open = |note: &str, origin: &str, key: &Key| Checkpoint::open(note, origin, key.public());
        assert_eq!(open(&note, MACHINE_ORIGIN, &key), Err(CheckpointError::Origin));
        assert_eq!(open(&note, &checkpoint.origin, &Key::from_seed(&[8; 32])), Err(CheckpointError::Key));
        assert_eq!(open(&note.replace("\n5\n", "\n05\n"), &checkpoint.origin, &key), Err(CheckpointError::Form));
        assert_eq!(open(&note.replace("\n5\n", "\n6\n"), &checkpoint.origin, &key), Err(CheckpointError::Signature));
    }
}
