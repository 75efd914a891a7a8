//! `wasi:filesystem/types`: what is done with files and folders. Authority: the granted folders, by their grants.
//!
//! What a descriptor stands for is in `filesystem_access`, opening in `filesystem_open`, what changes a folder in `filesystem_change`, listing in `filesystem_list`.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor,
    HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult, IoError, ReaddirIterator};

use super::filesystem_access::trapped;
use super::path::PATH_BYTES_MAX;
use super::tape::answered;
use super::{Host, same};

macro_rules! descriptor {
    ($method:literal) => {
        concat!("wasi:filesystem/types#[method]descriptor.", $method)
    };
}

impl Host {
    /// The number that stands for what wasmtime's hash stands for, which would tell device and inode: the same for the
    /// same file or folder within the step, and nothing besides.
    fn identity(&mut self, hash: MetadataHashValue) -> MetadataHashValue {
        let next = self.identities.len() as u64 + 1;
        MetadataHashValue { lower: *self.identities.entry(hash.lower).or_insert(next), upper: 0 }
    }

    /// A path with a slash at its end names a folder, over links, or nothing, as POSIX has it; wasmtime would take the
    /// slash away. Gives the flags to look with.
    async fn with_slash(&mut self, fd: &Resource<Descriptor>, flags: PathFlags, path: &str) -> FsResult<PathFlags> {
        if !path.ends_with('/') && !path.ends_with("/.") {
            return Ok(flags);
        }
        let flags = flags | PathFlags::SYMLINK_FOLLOW;
        let stat = self.wasmtime_files().stat_at(same(fd), flags, path.to_owned()).await?;
        if stat.type_ == DescriptorType::Directory { Ok(flags) } else { Err(ErrorCode::NotDirectory.into()) }
    }
}

impl types::Host for Host {
    fn convert_error_code(&mut self, error: FsError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<IoError>) -> Result<Option<ErrorCode>> {
        self.bound()?;
        types::Host::filesystem_error_code(&mut self.wasmtime_files(), error)
    }
}

impl HostDescriptor for Host {
    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let (asked, place) = self.begin(descriptor!("open-at"), &fd, &path)?;
        let asked = asked.numbers([follow(path_flags), first(open_flags.as_array()), first(flags.as_array())]);
        answered!(self, asked, self.open(&fd, &place, path_flags, &path, open_flags, flags).await)
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> Result<()> {
        self.bound()?;
        self.close(fd)
    }

    async fn read(&mut self, fd: Resource<Descriptor>, len: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let (asked, _) = self.begin(descriptor!("read"), &fd, "")?;
        let asked = asked.numbers([len, offset]);
        answered!(self, asked, self.wasmtime_files().read(fd, len, offset).await)
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        let (asked, place) = self.begin(descriptor!("write"), &fd, "")?;
        let asked = asked.sends(&bytes).numbers([offset]);
        answered!(self, asked, self.write_at(&place, fd, bytes, offset).await)
    }

    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynInputStream>> {
        let (asked, place) = self.begin(descriptor!("read-via-stream"), &fd, "")?;
        let asked = asked.numbers([offset]);
        answered!(self, asked, self.read_stream(place, fd, offset))
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        let (asked, place) = self.begin(descriptor!("write-via-stream"), &fd, "")?;
        let asked = asked.numbers([offset]);
        answered!(self, asked, self.write_stream(place, fd, Some(offset)))
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let (asked, place) = self.begin(descriptor!("append-via-stream"), &fd, "")?;
        answered!(self, asked, self.write_stream(place, fd, None))
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("set-size"), &fd, "")?;
        let asked = asked.numbers([size]);
        answered!(self, asked, self.resize(&place, fd, size).await)
    }

    async fn set_times(&mut self, fd: Resource<Descriptor>, atim: NewTimestamp, mtim: NewTimestamp) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("set-times"), &fd, "")?;
        let asked = asked.numbers(time(&atim)).numbers(time(&mtim));
        answered!(
            self,
            asked,
            match self.check_times(&fd, &place) {
                Ok(()) => self.wasmtime_files().set_times(fd, atim, mtim).await,
                Err(error) => Err(error),
            }
        )
    }

    async fn advise(&mut self, fd: Resource<Descriptor>, offset: u64, len: u64, advice: Advice) -> FsResult<()> {
        let (asked, _) = self.begin(descriptor!("advise"), &fd, "")?;
        let asked = asked.numbers([offset, len, advice as u64]);
        answered!(self, asked, self.wasmtime_files().advise(fd, offset, len, advice).await)
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        let (asked, _) = self.begin(descriptor!("sync-data"), &fd, "")?;
        answered!(self, asked, self.wasmtime_files().sync_data(fd).await)
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        let (asked, _) = self.begin(descriptor!("sync"), &fd, "")?;
        answered!(self, asked, self.wasmtime_files().sync(fd).await)
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        let (asked, _) = self.begin(descriptor!("get-flags"), &fd, "")?;
        answered!(self, asked, self.wasmtime_files().get_flags(fd).await)
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        let (asked, _) = self.begin(descriptor!("get-type"), &fd, "")?;
        answered!(self, asked, self.wasmtime_files().get_type(fd).await)
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        let (asked, _) = self.begin(descriptor!("stat"), &fd, "")?;
        answered!(self, asked, self.wasmtime_files().stat(fd).await)
    }

    async fn stat_at(&mut self, fd: Resource<Descriptor>, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let (asked, place) = self.begin(descriptor!("stat-at"), &fd, &path)?;
        let asked = asked.numbers([follow(flags)]);
        answered!(self, asked, {
            let result = match self.check_inside(&place, &path) {
                Ok(()) => match self.with_slash(&fd, flags, &path).await {
                    Ok(flags) => self.wasmtime_files().stat_at(fd, flags, path.clone()).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            self.led_inside(&place, &path, result)
        })
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let (asked, place) = self.begin(descriptor!("readlink-at"), &fd, &path)?;
        // What it points to may be outside: wasmtime does not tell absolute targets, and reading a link leads nowhere.
        answered!(
            self,
            asked,
            match self.check_inside(&place, &path) {
                Ok(()) => self.wasmtime_files().readlink_at(fd, path).await,
                Err(error) => Err(error),
            }
        )
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        let (asked, _) = self.begin(descriptor!("metadata-hash"), &fd, "")?;
        answered!(self, asked, {
            let result = self.wasmtime_files().metadata_hash(fd).await;
            result.map(|hash| self.identity(hash))
        })
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let (asked, place) = self.begin(descriptor!("metadata-hash-at"), &fd, &path)?;
        let asked = asked.numbers([follow(flags)]);
        answered!(self, asked, {
            let result = match self.check_inside(&place, &path) {
                Ok(()) => match self.with_slash(&fd, flags, &path).await {
                    Ok(flags) => self.wasmtime_files().metadata_hash_at(fd, flags, path.clone()).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            self.led_inside(&place, &path, result).map(|hash| self.identity(hash))
        })
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> Result<bool> {
        let (asked, _) = self.begin(descriptor!("is-same-object"), &a, "").map_err(trapped)?;
        let other = self.place(&b).map_err(trapped)?;
        let asked = asked.to(self.subject(&other, ""));
        let same: FsResult<bool> =
            answered!(self, asked, self.wasmtime_files().is_same_object(a, b).await.map_err(FsError::trap));
        same.map_err(trapped)
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<ReaddirIterator>> {
        let (asked, _) = self.begin(descriptor!("read-directory"), &fd, "")?;
        answered!(self, asked, self.list(&fd))
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("create-directory-at"), &fd, &path)?;
        answered!(self, asked, self.create_directory(&fd, &place, &path).await)
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("remove-directory-at"), &fd, &path)?;
        answered!(self, asked, self.remove_directory(&fd, &place, &path).await)
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("unlink-file-at"), &fd, &path)?;
        answered!(self, asked, self.unlink(&fd, &place, &path).await)
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        _flags: PathFlags,
        path: String,
        atim: NewTimestamp,
        mtim: NewTimestamp,
    ) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("set-times-at"), &fd, &path)?;
        let asked = asked.numbers(time(&atim)).numbers(time(&mtim));
        answered!(self, asked, self.set_times_of(&fd, &place, &path, atim, mtim).await)
    }

    async fn symlink_at(&mut self, fd: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("symlink-at"), &fd, &path)?;
        let asked = asked.text(&target).to((target.len() <= PATH_BYTES_MAX).then(|| target.clone()));
        answered!(self, asked, self.symlink(&fd, &place, target, &path).await)
    }

    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("link-at"), &fd, &path)?;
        let new_place = self.place(&new_fd)?;
        let asked = asked.numbers([follow(flags)]).text(&new_path).to(self.subject(&new_place, &new_path));
        answered!(self, asked, self.link((&fd, &place, &path), flags, (&new_fd, &new_place, &new_path)).await)
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (asked, place) = self.begin(descriptor!("rename-at"), &fd, &path)?;
        let new_place = self.place(&new_fd)?;
        let asked = asked.text(&new_path).to(self.subject(&new_place, &new_path));
        answered!(self, asked, self.rename((&fd, &place, &path), (&new_fd, &new_place, &new_path)).await)
    }
}

/// Flags as a number, for what a call was asked with.
fn first<const N: usize>(flags: [u32; N]) -> u64 {
    flags.first().copied().unwrap_or_default().into()
}

fn follow(flags: PathFlags) -> u64 {
    first(flags.as_array())
}

fn time(time: &NewTimestamp) -> [u64; 3] {
    match time {
        NewTimestamp::NoChange => [0, 0, 0],
        NewTimestamp::Now => [1, 0, 0],
        NewTimestamp::Timestamp(time) => [2, time.seconds, time.nanoseconds.into()],
    }
}

impl HostDirectoryEntryStream for Host {
    async fn read_directory_entry(&mut self, stream: Resource<ReaddirIterator>) -> FsResult<Option<DirectoryEntry>> {
        self.bound()?;
        self.next_entry(&same(&stream))
    }

    fn drop(&mut self, stream: Resource<ReaddirIterator>) -> Result<()> {
        self.bound()?;
        self.drop_listing(&stream)
    }
}
