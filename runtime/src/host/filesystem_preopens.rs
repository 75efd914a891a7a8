//! `wasi:filesystem/preopens`: hands out the granted folders. Authority: those folders, and no path of the host's.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::preopens;

use super::Host;
use super::place::{Held, Place};

impl preopens::Host for Host {
    /// A handle for each folder. They share the folder's descriptor, so they count as handles and not as open files.
    fn get_directories(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>> {
        self.bound()?;
        let asked = self.tape.ask("wasi:filesystem/preopens#get-directories", None);
        let mut directories = Vec::with_capacity(self.granted.len());
        for (index, granted) in self.granted.iter().enumerate() {
            let handle = self.table.push(Descriptor::Dir(granted.dir.clone()))?;
            self.places.hold(handle.rep(), Held::Descriptor(Arc::new(Place::root(index))));
            directories.push((handle, granted.guest_path.clone()));
        }
        self.tape.answer(asked, "ok");
        Ok(directories)
    }
}
