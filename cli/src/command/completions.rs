//! `claw completions`: what makes a shell complete the command line.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::error::{DONE, Error};
use crate::report;

pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "claw", &mut script);
    report::print_text(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::from(DONE))
}
