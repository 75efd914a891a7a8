//! `wasi:filesystem/preopens`: hands out the granted folders. Authority: those folders, and no path of the host's.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::preopens;

use super::Host;
use super::filesystem_access::trapped;
use super::place::{Held, Place};
use super::tape::answered;

impl preopens::Host for Host {
    /// A handle for each folder. They share the folder's descriptor, so they count as handles and not as open files.
    fn get_directories(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>> {
        self.bound()?;
        let asked = self.ask("wasi:filesystem/preopens#get-directories");
        // What is granted is the policy's to say, so that this is all there is to answer.
        let granted: FsResult<()> = answered!(self, asked, Ok(()));
        granted.map_err(trapped)?;
        let mut directories = Vec::with_capacity(self.granted.len());
        for index in 0..self.granted.len() {
            let Some(granted) = self.granted.get(index) else { break };
            let (guest_path, dir) = (granted.guest_path.clone(), granted.dir.clone());
            let place = Arc::new(Place::root(index));
            let handle = match dir {
                Some(dir) => self.table.push(Descriptor::Dir(dir))?,
                None => self.stand_in(Arc::clone(&place))?,
            };
            self.places.hold(handle.rep(), Held::Descriptor(place));
            directories.push((handle, guest_path));
        }
        Ok(directories)
    }
}
