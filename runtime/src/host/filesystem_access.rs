//! What a descriptor gives access to, what is refused, and how calls on it begin and end.

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{FsError, FsResult};

use super::path::{PATH_BYTES_MAX, join};
use super::place::{Held, Place, Rule};
use super::stop::Stop;
use super::tape::Asked;
use super::{Granted, Host};

impl From<Stop> for FsError {
    fn from(stop: Stop) -> Self {
        Self::trap(stop)
    }
}

/// The error of a call that gives a guest none: it traps.
pub(super) fn trapped(error: FsError) -> wasmtime::Error {
    error.downcast().map_or_else(|trap| trap, Into::into)
}

impl Host {
    /// What a descriptor stands for.
    pub(super) fn place(&self, handle: &Resource<Descriptor>) -> FsResult<Arc<Place>> {
        match self.places.get(handle.rep()) {
            Some(Held::Descriptor(place)) => Ok(Arc::clone(place)),
            _ => Err(ResourceTableError::NotPresent.into()),
        }
    }

    /// The folder that `place` came from.
    pub(super) fn granted(&self, place: &Place) -> FsResult<&Granted> {
        self.granted.get(place.folder).ok_or_else(|| ResourceTableError::NotPresent.into())
    }

    /// The open folder that a descriptor is.
    pub(super) fn dir(&self, handle: &Resource<Descriptor>) -> FsResult<Dir> {
        match self.table.get(handle)? {
            Descriptor::Dir(dir) => Ok(dir.clone()),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }

    /// The path that `path`, from `place` on, is for the guest; without `.` and `..`, unless it leaves the folder.
    /// None for one that is too long to be any.
    pub(super) fn subject(&self, place: &Place, path: &str) -> Option<String> {
        if path.len() > PATH_BYTES_MAX {
            return None;
        }
        Some(match join(&place.path, path) {
            Some(inside) => self.guest_path(place, &[&inside]),
            None => self.guest_path_as_asked(place, path),
        })
    }

    fn guest_path_as_asked(&self, place: &Place, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { self.guest_path(place, &[&place.path, path]) }
    }

    fn guest_path(&self, place: &Place, parts: &[&str]) -> String {
        let root = self.granted.get(place.folder).map_or("", |granted| granted.guest_path.trim_end_matches('/'));
        let mut path = root.to_owned();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            path.push('/');
            path.push_str(part);
        }
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// Refuses `path`, from `place` on, by `rule`. The first that is refused in a step is remembered.
    pub(super) fn deny(&mut self, place: &Place, path: &str, rule: Rule) -> FsError {
        self.note_denied(self.guest_path_as_asked(place, path), rule);
        ErrorCode::NotPermitted.into()
    }

    /// Checks a path that is only read through: wasmtime refuses what leaves the folder, and does not say that it did.
    pub(super) fn check_inside(&mut self, place: &Place, path: &str) -> FsResult<()> {
        if path.len() > PATH_BYTES_MAX {
            return Err(ErrorCode::NameTooLong.into());
        }
        // From a folder inside the granted one, `..` above it is refused too; that alone breaks no rule of the grant.
        if join("", path).is_none() {
            return Err(match join(&place.path, path) {
                Some(_) => ErrorCode::NotPermitted.into(),
                None => self.deny(place, path, Rule::Escape),
            });
        }
        Ok(())
    }

    /// What wasmtime did with a path that [`Self::check_inside`] let through: if that was not permitted, a link led out.
    pub(super) fn led_inside<T>(&mut self, place: &Place, path: &str, result: FsResult<T>) -> FsResult<T> {
        match result {
            Err(error) if matches!(error.downcast_ref(), Some(ErrorCode::NotPermitted)) => {
                Err(self.deny(place, path, Rule::Escape))
            }
            result => result,
        }
    }

    /// Begins a call on the descriptor `handle` and, from there, `path`: counts it, and says what it asks.
    pub(super) fn begin(
        &mut self,
        call: &'static str,
        handle: &Resource<Descriptor>,
        path: &str,
    ) -> FsResult<(Asked, Arc<Place>)> {
        self.bound()?;
        let place = self.place(handle)?;
        let subject = self.subject(&place, path);
        Ok((self.ask(call).about(&place, subject).text(path), place))
    }
}
