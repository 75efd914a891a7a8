//! Changes files and folders, where the grant lets them be changed.
//!
//! INVARIANT: each name is checked against the grant before wasmtime is called, and wasmtime is given that name alone, in
//! the open folder that [`walk`] ended in, so that there is no link left for it to follow.

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorType, ErrorCode, HostDescriptor, NewTimestamp, PathFlags,
};
use wasmtime_wasi::p2::{DynOutputStream, FsResult};

use super::filesystem_list::failed;
use super::filesystem_open::{is_missing, parent};
use super::path::{PATH_BYTES_MAX, hidden, join};
use super::place::{Place, Rule};
use super::walk::{End, Walked, walk};
use super::{Host, same};

/// A path: the folder that it starts in, the place of that, and what is asked for from there.
type At<'a> = (&'a Resource<Descriptor>, &'a Place, &'a str);

impl Host {
    /// Walks `path`, from `dir` on, to a name that may be changed as far as its grant goes without its `files`.
    pub(super) fn end_to_change(&mut self, dir: &Dir, place: &Place, path: &str) -> FsResult<End> {
        if path.len() > PATH_BYTES_MAX {
            return Err(ErrorCode::NameTooLong.into());
        }
        let granted = self.granted(place)?;
        let (write, dotfiles) = (granted.write, granted.dotfiles);
        if join(&place.path, path).is_none() {
            return Err(self.deny(place, path, Rule::Escape));
        }
        if !write {
            return Err(self.deny(place, path, Rule::ReadOnly));
        }
        if place.through_link {
            return Err(self.deny(place, path, Rule::Link));
        }
        let end = match walk(&dir.dir, &place.path, path) {
            Walked::To(end) => end,
            Walked::Link => return Err(self.deny(place, path, Rule::Link)),
            // Above the folder that it starts in, and still in the granted one: WASI refuses that, and no grant does.
            Walked::Escape => return Err(ErrorCode::NotPermitted.into()),
            Walked::Failed(error) => return Err(failed(error)),
        };
        if !dotfiles && hidden(&end.path) {
            return Err(self.deny(place, path, Rule::Hidden));
        }
        Ok(end)
    }

    /// Checks the end of a walk, if it is no folder, against the grant's `files`.
    pub(super) fn check_file_rule(&mut self, place: &Place, path: &str, end: &End) -> FsResult<()> {
        match &self.granted(place)?.files {
            Some(files) if !files.is_match(&end.path) => Err(self.deny(place, path, Rule::Files)),
            _ => Ok(()),
        }
    }

    fn folder_to_change(&mut self, (fd, place, path): At<'_>) -> FsResult<(Dir, End)> {
        let dir = self.dir(fd)?;
        let mut end = self.end_to_change(&dir, place, path)?;
        Ok((parent(dir, &mut end), end))
    }

    fn file_to_change(&mut self, at: At<'_>) -> FsResult<(Dir, End)> {
        let (parent, end) = self.folder_to_change(at)?;
        let (_, place, path) = at;
        self.check_file_rule(place, path, &end)?;
        Ok((parent, end))
    }

    /// Takes a new name from the session's budget. One that exists costs nothing: the call after it will fail.
    async fn take_new(&mut self, parent: &Dir, end: &End) -> FsResult<bool> {
        match self.kind(parent, &end.name, false).await {
            Err(error) if is_missing(&error) => Ok(self.created.take(1).map(|()| true)?),
            _ => Ok(false),
        }
    }

    /// Gives it back if nothing was created.
    fn settle_new(&mut self, taken: bool, result: FsResult<()>) -> FsResult<()> {
        if taken && result.is_err() {
            self.created.give_back(1);
        }
        result
    }

    pub(super) async fn create_directory(
        &mut self,
        fd: &Resource<Descriptor>,
        place: &Place,
        path: &str,
    ) -> FsResult<()> {
        let (parent, end) = self.folder_to_change((fd, place, path))?;
        let taken = self.take_new(&parent, &end).await?;
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(parent))?;
        let result = self.wasmtime_over(&mut table).create_directory_at(handle, end.slashed()).await;
        self.settle_new(taken, result)
    }

    pub(super) async fn remove_directory(
        &mut self,
        fd: &Resource<Descriptor>,
        place: &Place,
        path: &str,
    ) -> FsResult<()> {
        let (parent, end) = self.folder_to_change((fd, place, path))?;
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(parent))?;
        self.wasmtime_over(&mut table).remove_directory_at(handle, end.name).await
    }

    pub(super) async fn unlink(&mut self, fd: &Resource<Descriptor>, place: &Place, path: &str) -> FsResult<()> {
        let (parent, end) = self.file_to_change((fd, place, path))?;
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(parent))?;
        self.wasmtime_over(&mut table).unlink_file_at(handle, end.slashed()).await
    }

    pub(super) async fn set_times_of(
        &mut self,
        fd: &Resource<Descriptor>,
        place: &Place,
        path: &str,
        atim: NewTimestamp,
        mtim: NewTimestamp,
    ) -> FsResult<()> {
        let (parent, end) = self.folder_to_change((fd, place, path))?;
        match self.kind(&parent, &end.name, false).await? {
            DescriptorType::Directory => {}
            DescriptorType::RegularFile => self.check_file_rule(place, path, &end)?,
            DescriptorType::SymbolicLink => return Err(self.deny(place, path, Rule::Link)),
            _ => return Err(self.deny(place, path, Rule::SpecialFile)),
        }
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(parent))?;
        self.wasmtime_over(&mut table).set_times_at(handle, PathFlags::empty(), end.slashed(), atim, mtim).await
    }

    pub(super) async fn symlink(
        &mut self,
        fd: &Resource<Descriptor>,
        place: &Place,
        target: String,
        path: &str,
    ) -> FsResult<()> {
        let (parent, end) = self.file_to_change((fd, place, path))?;
        // wasmtime refuses absolute targets only; others may look at this folder with other tools than claw.
        if target.starts_with('/') || target.split('/').any(|part| part == "..") {
            return Err(self.deny(place, path, Rule::Link));
        }
        let taken = self.take_new(&parent, &end).await?;
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(parent))?;
        let result = self.wasmtime_over(&mut table).symlink_at(handle, target, end.slashed()).await;
        self.settle_new(taken, result)
    }

    /// A second name for a file is a way to write it: both names have to be ones that may be written.
    pub(super) async fn link(&mut self, old: At<'_>, flags: PathFlags, new: At<'_>) -> FsResult<()> {
        let (_, place, path) = old;
        let (old_parent, old_end) = self.file_to_change(old)?;
        let (new_parent, new_end) = self.file_to_change(new)?;
        if place.folder != new.1.folder {
            return Err(ErrorCode::CrossDevice.into());
        }
        match self.kind(&old_parent, &old_end.name, false).await? {
            DescriptorType::RegularFile | DescriptorType::Directory => {}
            DescriptorType::SymbolicLink => return Err(self.deny(place, path, Rule::Link)),
            _ => return Err(self.deny(place, path, Rule::SpecialFile)),
        }
        let taken = self.take_new(&new_parent, &new_end).await?;
        let mut table = ResourceTable::new();
        let from = table.push(Descriptor::Dir(old_parent))?;
        let to = table.push(Descriptor::Dir(new_parent))?;
        let result =
            self.wasmtime_over(&mut table).link_at(from, flags, old_end.slashed(), to, new_end.slashed()).await;
        self.settle_new(taken, result)
    }

    pub(super) async fn rename(&mut self, old: At<'_>, new: At<'_>) -> FsResult<()> {
        let ((_, place, path), (_, new_place, new_path)) = (old, new);
        let (old_parent, old_end) = self.folder_to_change(old)?;
        let (new_parent, new_end) = self.folder_to_change(new)?;
        if place.folder != new_place.folder {
            return Err(ErrorCode::CrossDevice.into());
        }
        match self.kind(&old_parent, &old_end.name, false).await? {
            // What is in it would get other paths, and has to match `files` under each.
            DescriptorType::Directory if self.granted(place)?.files.is_some() => {
                return Err(self.deny(place, path, Rule::Files));
            }
            DescriptorType::Directory => {}
            _ => {
                self.check_file_rule(place, path, &old_end)?;
                self.check_file_rule(new_place, new_path, &new_end)?;
            }
        }
        let mut table = ResourceTable::new();
        let from = table.push(Descriptor::Dir(old_parent))?;
        let to = table.push(Descriptor::Dir(new_parent))?;
        self.wasmtime_over(&mut table).rename_at(from, old_end.slashed(), to, new_end.slashed()).await
    }

    /// Checks that the descriptor at `place` may change what it stands for.
    fn check_written(&mut self, place: &Place) -> FsResult<()> {
        if !self.granted(place)?.write {
            return Err(self.deny(place, "", Rule::ReadOnly));
        }
        if place.through_link {
            return Err(self.deny(place, "", Rule::Link));
        }
        if !place.written {
            return Err(ErrorCode::BadDescriptor.into());
        }
        Ok(())
    }

    /// Checks that the times of what `fd` is may be set: a file opened for writing, or a folder that may be written in.
    pub(super) fn check_times(&mut self, fd: &Resource<Descriptor>, place: &Place) -> FsResult<()> {
        match self.dir(fd) {
            Ok(dir) => self.end_to_change(&dir, place, ".").map(drop),
            Err(_) => self.check_written(place),
        }
    }

    /// Bytes from the end of the file `fd` to `offset`, which is what writing there adds besides what is written.
    async fn gap(&mut self, fd: &Resource<Descriptor>, offset: u64) -> FsResult<u64> {
        if offset == 0 {
            return Ok(0);
        }
        Ok(offset.saturating_sub(self.wasmtime_files().stat(same(fd)).await?.size))
    }

    pub(super) async fn write_at(
        &mut self,
        place: &Place,
        fd: Resource<Descriptor>,
        bytes: Vec<u8>,
        offset: u64,
    ) -> FsResult<u64> {
        self.check_written(place)?;
        let len = bytes.len() as u64;
        let gap = if len == 0 { 0 } else { self.gap(&fd, offset).await? };
        self.written.take(gap.saturating_add(len))?;
        let written = self.wasmtime_files().write(fd, bytes, offset).await?;
        self.written.give_back(len.saturating_sub(written));
        Ok(written)
    }

    pub(super) async fn resize(&mut self, place: &Place, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        self.check_written(place)?;
        let gap = self.gap(&fd, size).await?;
        self.written.take(gap)?;
        self.wasmtime_files().set_size(fd, size).await
    }

    /// A stream that writes the file `fd` from `offset` on, or at its end.
    pub(super) fn write_stream(
        &mut self,
        place: Arc<Place>,
        fd: Resource<Descriptor>,
        offset: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.check_written(&place)?;
        let gap = match (offset, self.table.get(&fd)?) {
            (Some(offset), Descriptor::File(file)) if offset > 0 => offset.saturating_sub(file.file.metadata()?.len()),
            _ => 0,
        };
        let stream = match offset {
            Some(offset) => self.wasmtime_files().write_via_stream(fd, offset)?,
            None => self.wasmtime_files().append_via_stream(fd)?,
        };
        self.hold_output(&stream, place, gap);
        Ok(stream)
    }
}
