//! `wasi:cli`: an empty environment, a closed standard input, what is printed kept up to a bound, no terminal; exit is a stop.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr, terminal_stdin,
    terminal_stdout,
};
use wasmtime_wasi::p2::pipe::{ClosedInputStream, SinkOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::Host;
use super::place::Held;
use super::stop::Stop;

/// What a step prints, to both streams. Authority: none.
#[derive(Debug)]
pub(super) struct Printed {
    bytes: Vec<u8>,
    most: usize,
    cut: bool,
}

impl Printed {
    /// Keeps up to `most` bytes.
    pub(super) fn new(most: u64) -> Self {
        Self { bytes: Vec::new(), most: usize::try_from(most).unwrap_or(usize::MAX), cut: false }
    }

    /// Keeps what fits and drops the rest: a guest that talks too much is not failed for it.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let room = self.most - self.bytes.len();
        let (kept, dropped) = bytes.split_at(room.min(bytes.len()));
        self.bytes.extend_from_slice(kept);
        self.cut |= !dropped.is_empty();
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> &Vec<u8> {
        &self.bytes
    }

    /// What was kept, and whether something was dropped.
    pub(super) fn into_bytes(self) -> (Vec<u8>, bool) {
        (self.bytes, self.cut)
    }
}

impl Host {
    /// A stream for what is printed. Its table entry is a sink that nothing is written to: `io_streams` takes the bytes.
    fn printing(&mut self) -> Result<Resource<DynOutputStream>> {
        self.bound()?;
        let sink: DynOutputStream = Box::new(SinkOutputStream);
        let stream = self.table.push(sink)?;
        self.places.hold(stream.rep(), Held::Printed);
        Ok(stream)
    }
}

impl environment::Host for Host {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        self.bound()?;
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        self.bound()?;
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        self.bound()?;
        Ok(None)
    }
}

impl exit::Host for Host {
    fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        self.bound()?;
        Err(Stop::Exited(status.is_err().into()).into())
    }

    fn exit_with_code(&mut self, status_code: u8) -> Result<()> {
        self.bound()?;
        Err(Stop::Exited(status_code).into())
    }
}

impl stdin::Host for Host {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        self.bound()?;
        let closed: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(closed)?)
    }
}

impl stdout::Host for Host {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.printing()
    }
}

impl stderr::Host for Host {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.printing()
    }
}

impl terminal_stdin::Host for Host {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<terminal_input::TerminalInput>>> {
        self.bound()?;
        Ok(None)
    }
}

impl terminal_stdout::Host for Host {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<terminal_output::TerminalOutput>>> {
        self.bound()?;
        Ok(None)
    }
}

impl terminal_stderr::Host for Host {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<terminal_output::TerminalOutput>>> {
        self.bound()?;
        Ok(None)
    }
}

impl terminal_input::Host for Host {}
impl terminal_input::HostTerminalInput for Host {
    fn drop(&mut self, terminal: Resource<terminal_input::TerminalInput>) -> Result<()> {
        self.bound()?;
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for Host {}
impl terminal_output::HostTerminalOutput for Host {
    fn drop(&mut self, terminal: Resource<terminal_output::TerminalOutput>) -> Result<()> {
        self.bound()?;
        self.table.delete(terminal)?;
        Ok(())
    }
}
