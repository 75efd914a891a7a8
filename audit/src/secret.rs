//! Secrets of 32 random bytes in files of their own, made on first use, that nobody else can read.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, System, write_all};

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Others could read or change it.
    #[error("others can read the key `{}`", .0.display())]
    Shared(PathBuf),
    /// It is no key: cut off, too long, or nothing but zeroes.
    #[error("the key `{}` is none: it is cut off, too long, or empty of all but zeroes", .0.display())]
    None(PathBuf),
    /// It could not be read or made.
    #[error("the key `{}` cannot be used: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads the secret in the file `path`, which is made with mode 0600 if it is not there.
///
/// # Errors
/// When it cannot be made or read, is not this user's alone, or is no secret.
pub fn secret(path: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    secret_on(&System, path)
}

/// The same, on a disk of the caller's.
pub(crate) fn secret_on(disk: &dyn Disk, path: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    let failed = |source| SecretError::Io { path: path.to_owned(), source };
    if !path.exists() {
        make(disk, path).map_err(failed)?;
    }
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & 0o077 != 0 || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(SecretError::Shared(path.to_owned()));
    }
    let mut secret = [0; SECRET_BYTES];
    if metadata.len() != SECRET_BYTES as u64 || file.read_exact(&mut secret).is_err() || secret == [0; SECRET_BYTES] {
        return Err(SecretError::None(path.to_owned()));
    }
    Ok(secret)
}

/// Makes a secret whole, under a name of its own, before it gets its name: two first uses at once agree on one.
fn make(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    let temporary = temporary(path)?;
    let file = disk.create(&temporary)?;
    let written = write_all(disk, &file, &secret).and_then(|()| disk.sync(&file));
    let linked = written.and_then(|()| match disk.link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    disk.remove(&temporary)?;
    linked?;
    // What is signed with it could not be verified without it.
    disk.sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// A name beside `path` that nobody else uses.
///
/// # Errors
/// When the system gives no random numbers.
pub fn temporary(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(path.with_extension(format!("{:016x}.tmp", u64::from_be_bytes(random))))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = secret(&path).unwrap();
        assert_eq!(secret(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert_ne!(secret(&folder.path().join("other")).unwrap(), first);
    }

    #[test]
    fn what_others_can_read_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let good = secret(&path).unwrap();
        for bad in [&[][..], &good[..31], &[&good[..], b"x"].concat(), &[0; 32]] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(secret(&path), Err(SecretError::None(_))), "{bad:?}");
        }
        fs::write(&path, good).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(secret(&path), Err(SecretError::Shared(_))), "{mode:o}");
        }
    }
}
