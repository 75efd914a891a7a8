//! Opens files and folders: what they are is looked at first, and where they are to be written no link is followed.

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, FsError, FsResult};

use super::Host;
use super::filesystem_list::failed;
use super::place::{Held, Place, Rule};
use super::stop::{Limit, Stop};
use super::walk::{End, Walked, walk};

/// What stands in the table in a replay, where a run has an open file or folder.
struct StandIn;

/// What `open-at` was asked for, besides the path.
#[derive(Clone, Copy)]
struct How {
    path: PathFlags,
    open: OpenFlags,
    flags: DescriptorFlags,
}

impl How {
    /// Whether a file's bytes can change by it.
    fn writes(self) -> bool {
        let Self { open, flags, .. } = self;
        open.contains(OpenFlags::CREATE)
            || open.contains(OpenFlags::EXCLUSIVE)
            || open.contains(OpenFlags::TRUNCATE)
            || flags.contains(DescriptorFlags::WRITE)
    }

    fn without_following(self) -> Self {
        Self { path: PathFlags::empty(), ..self }
    }
}

impl Host {
    /// Opens `path`, from the folder `fd` on, which is at `place`.
    pub(super) async fn open(
        &mut self,
        fd: &Resource<Descriptor>,
        place: &Arc<Place>,
        path_flags: PathFlags,
        path: &str,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        if self.places.open() + self.peers.count() >= self.limits.open_files {
            return Err(Stop::Limit(Limit::OpenFiles).into());
        }
        let how = How { path: path_flags, open: open_flags, flags };
        let dir = self.dir(fd)?;
        if how.writes() {
            self.open_to_write(dir, place, path, how).await
        } else {
            self.open_to_read(dir, place, path, how).await
        }
    }

    async fn open_to_read(&mut self, dir: Dir, place: &Place, path: &str, how: How) -> FsResult<Resource<Descriptor>> {
        self.check_inside(place, path)?;
        let granted = self.granted(place)?;
        // A folder that is reached over no link can be written in. How it was reached matters only where writing does.
        let walked = match granted.write && !place.through_link {
            true => walk(&dir.dir, &place.path, path),
            false => Walked::Link,
        };
        let inside = super::path::join(&place.path, path).unwrap_or_default();
        let (opened, through_link, inside) = match walked {
            Walked::To(mut end) => match self.open_end(&dir, place, path, &mut end, how).await? {
                Some(opened) => (opened, false, end.path),
                None => (self.open_followed(&dir, place, path, how).await?, true, inside),
            },
            Walked::Link => (self.open_followed(&dir, place, path, how).await?, true, inside),
            Walked::Escape => return Err(ErrorCode::NotPermitted.into()),
            Walked::Failed(error) => return Err(failed(error)),
        };
        let place = Place { folder: place.folder, path: inside, through_link, written: false, opened: true };
        self.hold_opened(readable(opened, through_link), place)
    }

    /// Opens the end of a walk, or nothing if that is a link which is to be followed.
    async fn open_end(
        &mut self,
        dir: &Dir,
        place: &Place,
        path: &str,
        end: &mut End,
        how: How,
    ) -> FsResult<Option<Descriptor>> {
        let parent = parent(dir.clone(), end);
        match self.kind(&parent, &end.name, false).await? {
            DescriptorType::SymbolicLink if how.path.contains(PathFlags::SYMLINK_FOLLOW) || end.slash => Ok(None),
            DescriptorType::SymbolicLink | DescriptorType::RegularFile | DescriptorType::Directory => {
                self.wasmtime_open(&parent, end.slashed(), how.without_following()).await.map(Some)
            }
            _ => Err(self.deny(place, path, Rule::SpecialFile)),
        }
    }

    /// Opens `path` wherever its links lead to within the folder.
    async fn open_followed(&mut self, dir: &Dir, place: &Place, path: &str, how: How) -> FsResult<Descriptor> {
        let follow = how.path.contains(PathFlags::SYMLINK_FOLLOW);
        let mut kind = self.kind(dir, path, false).await;
        // Most are no links, and looking at a single name costs less without following it.
        if follow && matches!(kind, Ok(DescriptorType::SymbolicLink)) {
            kind = self.kind(dir, path, true).await;
        }
        match self.led_inside(place, path, kind)? {
            DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink => {
                let opened = self.wasmtime_open(dir, path.to_owned(), how).await;
                self.led_inside(place, path, opened)
            }
            _ => Err(self.deny(place, path, Rule::SpecialFile)),
        }
    }

    async fn open_to_write(&mut self, dir: Dir, place: &Place, path: &str, how: How) -> FsResult<Resource<Descriptor>> {
        let mut end = self.end_to_change(&dir, place, path)?;
        let parent = parent(dir, &mut end);
        let exists = match self.kind(&parent, &end.name, false).await {
            Ok(DescriptorType::RegularFile) => true,
            // A folder cannot be opened for writing: the system says so.
            Ok(DescriptorType::Directory) => return Err(self.open_folder_to_write(&parent, &end, how).await),
            Ok(DescriptorType::SymbolicLink) => return Err(self.deny(place, path, Rule::Link)),
            Ok(_) => return Err(self.deny(place, path, Rule::SpecialFile)),
            Err(error) if is_missing(&error) && how.open.contains(OpenFlags::CREATE) => false,
            Err(error) => return Err(error),
        };
        self.check_file_rule(place, path, &end)?;
        if !exists {
            self.created.take(1)?;
        }
        let opened = self.wasmtime_open(&parent, end.slashed(), how.without_following()).await;
        if !exists && opened.is_err() {
            self.created.give_back(1);
        }
        let place = Place { folder: place.folder, path: end.path, through_link: false, written: true, opened: true };
        self.hold_opened(opened?, place)
    }

    async fn open_folder_to_write(&mut self, parent: &Dir, end: &End, how: How) -> FsError {
        match self.wasmtime_open(parent, end.slashed(), how.without_following()).await {
            Ok(_) => ErrorCode::IsDirectory.into(),
            Err(error) => error,
        }
    }

    /// What `path`, from `dir` on, is.
    pub(super) async fn kind(&mut self, dir: &Dir, path: &str, follow: bool) -> FsResult<DescriptorType> {
        let follow = if follow { PathFlags::SYMLINK_FOLLOW } else { PathFlags::empty() };
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(dir.clone()))?;
        Ok(self.wasmtime_over(&mut table).stat_at(handle, follow, path.to_owned()).await?.type_)
    }

    async fn wasmtime_open(&mut self, dir: &Dir, path: String, how: How) -> FsResult<Descriptor> {
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(dir.clone()))?;
        let opened = self.wasmtime_over(&mut table).open_at(handle, how.path, path, how.open, how.flags).await?;
        Ok(table.delete(opened)?)
    }

    /// wasmtime's own implementation, over handles that the guest does not have.
    pub(super) fn wasmtime_over<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiFilesystemCtxView<'a> {
        WasiFilesystemCtxView { ctx: &mut self.files, table }
    }

    /// A stream that reads the file `fd` from `offset` on.
    pub(super) fn read_stream(
        &mut self,
        place: Arc<Place>,
        fd: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynInputStream>> {
        let stream = self.wasmtime_files().read_via_stream(fd, offset)?;
        self.hold_input(&stream, place);
        Ok(stream)
    }

    /// A handle for what stood at `place` when it was recorded.
    pub(super) fn stand_in(&mut self, place: Arc<Place>) -> Result<Resource<Descriptor>, ResourceTableError> {
        let handle = Resource::new_own(self.table.push(StandIn)?.rep());
        self.places.hold(handle.rep(), Held::Descriptor(place));
        Ok(handle)
    }

    /// Closes what `fd` stands for.
    pub(super) fn close(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        let rep = fd.rep();
        if self.tape.plays() {
            self.table.delete(Resource::<StandIn>::new_own(rep))?;
        } else {
            HostDescriptor::drop(&mut self.wasmtime_files(), fd)?;
        }
        self.places.release(rep);
        Ok(())
    }

    fn hold_opened(&mut self, opened: Descriptor, place: Place) -> FsResult<Resource<Descriptor>> {
        let handle = self.table.push(opened)?;
        self.places.hold(handle.rep(), Held::Descriptor(Arc::new(place)));
        Ok(handle)
    }
}

/// The folder that holds the end of a walk from `dir`, taken out of it.
pub(super) fn parent(dir: Dir, end: &mut End) -> Dir {
    match end.parent.take() {
        None => dir,
        Some(parent) => Dir::new(parent.into(), dir.perms, dir.open_mode, true),
    }
}

/// What was opened to be read. INVARIANT: nothing can be changed through it, except names in a folder that was reached
/// over no link, and those are checked one by one.
fn readable(mut opened: Descriptor, through_link: bool) -> Descriptor {
    match &mut opened {
        Descriptor::File(file) => file.perms = FsPerms::ReadOnly,
        Descriptor::Dir(dir) if through_link => dir.perms = FsPerms::ReadOnly,
        Descriptor::Dir(_) => {}
    }
    opened
}

/// Whether the error says that there is nothing of that name.
pub(super) fn is_missing(error: &FsError) -> bool {
    matches!(error.downcast_ref(), Some(ErrorCode::NoEntry))
}
