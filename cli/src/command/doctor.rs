//! `claw doctor`: what on this machine would weaken the sandbox.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

use claw_policy::printable::printable;
use claw_runtime::{Cache, Compiler, Wall};
use serde::Serialize;

use crate::ambient::{self, Home};
use crate::error::{DONE, Error};
use crate::report;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    state: State,
    detail: String,
    help: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Good,
    Weak,
    Broken,
}

pub(crate) fn doctor(json: bool) -> Result<ExitCode, Error> {
    let home = Home::find()?;
    let (worker, wall) = worker(&home);
    let findings = [
        platform(),
        user(),
        openat2(),
        folder("records", &home.state),
        folder("cache", &home.cache),
        key(&home),
        worker,
        wall,
    ];
    if json {
        report::print_json(&findings)?;
    } else {
        let lines = findings.iter().map(line);
        report::print_text(&lines.collect::<String>())?;
    }
    let broken = findings.iter().any(|finding| finding.state == State::Broken);
    Ok(ExitCode::from(if broken { 1 } else { DONE }))
}

fn line(finding: &Finding) -> String {
    let state = match finding.state {
        State::Good => "good  ",
        State::Weak => "weak  ",
        State::Broken => "broken",
    };
    let help = finding
        .help
        .filter(|_| finding.state != State::Good)
        .map(|help| format!("\n          {help}"))
        .unwrap_or_default();
    format!("{state}  {}: {}{help}\n", finding.name, printable(&finding.detail))
}

fn finding(name: &'static str, state: State, detail: impl Into<String>, help: &'static str) -> Finding {
    Finding { name, state, detail: detail.into(), help: Some(help) }
}

fn platform() -> Finding {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let state = if os == "linux" && matches!(arch, "x86_64" | "aarch64") { State::Good } else { State::Weak };
    finding(
        "platform",
        state,
        format!("{os} on {arch}"),
        "Linux on x86-64 and arm64 is supported; elsewhere claw is untested",
    )
}

fn user() -> Finding {
    let root = rustix::process::geteuid().is_root();
    let detail = if root { "claw runs as root" } else { "claw runs as an ordinary user" };
    let state = if root { State::Weak } else { State::Good };
    finding("user", state, detail, "a mistake in the sandbox would be root's: run claw as an ordinary user")
}

/// Folders are held by the kernel with `openat2` (Linux 5.6); without it every path is walked part by part.
fn openat2() -> Finding {
    let opened = rustix::fs::openat2(
        rustix::fs::CWD,
        ".",
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
        rustix::fs::ResolveFlags::BENEATH,
    );
    match opened {
        Ok(_) => finding("openat2", State::Good, "the kernel keeps paths beneath their folder", ""),
        Err(error) => finding(
            "openat2",
            State::Weak,
            format!("the kernel does not: {error}"),
            "Linux 5.6 or later has it; a container may forbid it",
        ),
    }
}

fn folder(name: &'static str, path: &Path) -> Finding {
    let shown = path.to_string_lossy();
    match ambient::open_to_others(path) {
        Err(error) => {
            let help = "make it readable, or set XDG_STATE_HOME and XDG_CACHE_HOME";
            finding(name, State::Broken, format!("{shown}: {error}"), help)
        }
        Ok(Some(why)) => {
            let help = "no plan runs: give it to the user who runs claw, and run `chmod 700` on it";
            finding(name, State::Broken, format!("{shown} {why}"), help)
        }
        Ok(None) => match fs::metadata(path) {
            Ok(metadata) if metadata.mode() & 0o077 != 0 => {
                finding(name, State::Weak, format!("others can look into {shown}"), "run `chmod 700` on it")
            }
            Ok(_) => finding(name, State::Good, format!("{shown} is its user's alone"), ""),
            Err(_) => finding(name, State::Good, format!("{shown} is made on first use"), ""),
        },
    }
}

fn key(home: &Home) -> Finding {
    match Cache::open(&home.cache, &home.state) {
        Ok(_) => finding("cache key", State::Good, "compiled components are authenticated", ""),
        Err(error) => finding(
            "cache key",
            State::Broken,
            error.to_string(),
            "remove the key; it is made again, and components are compiled again",
        ),
    }
}

/// Starts a worker as every run does, with a component that needs nothing; and what of the second wall stood around it.
fn worker(home: &Home) -> (Finding, Finding) {
    let help = "a run would fail the same way; `claw -vv run …` says more";
    let tried = ambient::program().map_err(|_| "this program cannot be found".to_owned()).and_then(|program| {
        let cache = Cache::open(&home.cache, &home.state).map_err(|error| error.to_string())?;
        claw_runtime::self_test(&Compiler { cache: &cache, program: &program }).map_err(|error| error.to_string())
    });
    match tried {
        Ok(stands) => (finding("worker", State::Good, "starts, and runs a component", ""), wall(stands)),
        Err(why) => {
            (finding("worker", State::Broken, why, help), finding("wall", State::Broken, "there is no worker", help))
        }
    }
}

/// The second wall, for a guest that gets out of wasmtime.
fn wall(stands: Wall) -> Finding {
    let missing = stands.missing();
    if missing.is_empty() {
        return finding("wall", State::Good, "landlock and seccomp stand around the worker", "");
    }
    let detail = format!("the kernel has no {}", missing.join(" and no "));
    finding("wall", State::Weak, detail, "a newer kernel has it; a policy can require it: `[sandbox] require`")
}
