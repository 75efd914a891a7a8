//! `wasi:io/error`: an error's name, and nothing else of it.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::IoError;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi_io::bindings::wasi::io::error;

use super::Host;

impl error::Host for Host {}

impl error::HostError for Host {
    /// wasmtime's own prints the host's error with all its context.
    fn to_debug_string(&mut self, error: Resource<IoError>) -> Result<String> {
        self.bound()?;
        let error = self.table.get(&error)?.downcast_ref::<std::io::Error>();
        Ok(error.map_or("error", |error| ErrorCode::from(error).name()).to_owned())
    }

    fn drop(&mut self, error: Resource<IoError>) -> Result<()> {
        self.bound()?;
        error::HostError::drop(&mut self.table, error)
    }
}
