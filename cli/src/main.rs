//! `claw`: runs what a language model plans, without trusting the model.

#![forbid(unsafe_code)]

/// Tells a person something, on standard error. Nobody listening is no reason to stop.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _nobody_listens = writeln!(anstream::stderr(), $($text)*);
    }};
}

#[cfg(windows)]
compile_error!(
    "claw does not run on Windows: its sandbox hands folders to workers as descriptors, which Windows does not have"
);

mod account;
mod ambient;
mod approve;
mod arguments;
mod command;
mod config;
mod error;
mod load;
mod memory;
mod model;
mod moment;
mod network;
mod opening;
mod prepared;
mod progress;
mod records;
mod report;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    ambient::leave_no_core();
    // A worker is this program started again; it reads no command line, no environment and no file.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == claw_runtime::WORKER_ARGUMENT) {
        return worker();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return report::usage(&error, std::env::args().any(|argument| argument == "--json")),
    };
    ambient::log_to_stderr(arguments.verbose);
    let json = arguments.json;
    match command::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            report::error(&error, json);
            error.exit_code()
        }
    }
}

fn worker() -> ExitCode {
    match claw_runtime::worker_socket().map_err(Into::into).and_then(claw_runtime::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}
