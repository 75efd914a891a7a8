//! The interfaces that are linked, and what each gives a guest.

use claw_policy::catalogue::Authority;
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::p2::bindings as wasi;
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_io::bindings::wasi::io;

use super::Host;

/// Every interface that is linked, without its version, and what it gives. An import of any other is refused.
/// Without a grant of folders, requests or addresses, those that give them have to be in the capability's `inert`, and
/// give nothing then.
pub const LINKED: &[(&str, Authority)] = &[
    ("wasi:cli/environment", Authority::Inert),
    ("wasi:cli/exit", Authority::Inert),
    ("wasi:cli/stdin", Authority::Inert),
    ("wasi:cli/stdout", Authority::Inert),
    ("wasi:cli/stderr", Authority::Inert),
    ("wasi:cli/terminal-input", Authority::Inert),
    ("wasi:cli/terminal-output", Authority::Inert),
    ("wasi:cli/terminal-stdin", Authority::Inert),
    ("wasi:cli/terminal-stdout", Authority::Inert),
    ("wasi:cli/terminal-stderr", Authority::Inert),
    ("wasi:clocks/monotonic-clock", Authority::Inert),
    ("wasi:clocks/wall-clock", Authority::Inert),
    ("wasi:io/error", Authority::Inert),
    ("wasi:io/poll", Authority::Inert),
    ("wasi:io/streams", Authority::Inert),
    ("wasi:random/random", Authority::Inert),
    ("wasi:random/insecure", Authority::Inert),
    ("wasi:random/insecure-seed", Authority::Inert),
    ("wasi:filesystem/preopens", Authority::Folders),
    ("wasi:filesystem/types", Authority::Folders),
    ("wasi:http/outgoing-handler", Authority::Http),
    ("wasi:http/types", Authority::Http),
    ("wasi:sockets/instance-network", Authority::Network),
    ("wasi:sockets/ip-name-lookup", Authority::Network),
    ("wasi:sockets/network", Authority::Network),
    ("wasi:sockets/tcp", Authority::Network),
    ("wasi:sockets/tcp-create-socket", Authority::Network),
    ("wasi:sockets/udp", Authority::Network),
    ("wasi:sockets/udp-create-socket", Authority::Network),
];

/// The newest version of WASI 0.2 that is linked. An import of a later one could ask for functions that are not there.
const WASI_PATCH_MAX: u64 = 12;

/// What the interface `import`, named with its version, gives a guest.
pub fn authority(import: &str) -> Authority {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let patch = version.strip_prefix("0.2.").and_then(|patch| patch.parse::<u64>().ok());
    match LINKED.iter().find(|(linked, _)| *linked == interface) {
        Some((_, authority)) if patch.is_some_and(|patch| patch <= WASI_PATCH_MAX) => *authority,
        _ => Authority::Unknown,
    }
}

/// Adds all of [`LINKED`] to `linker` that is the same for every component; [`super::with_udp`] adds the rest. Never for a step.
///
/// # Errors
/// The linker has one of them already.
pub fn link(linker: &mut Linker<Host>) -> Result<()> {
    macro_rules! add {
        ($($interface:path),* $(,)?) => {
            $({ use $interface as interface; interface::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)?; })*
        };
    }
    add! {
        wasi::cli::environment, wasi::cli::exit, wasi::cli::stdin, wasi::cli::stdout, wasi::cli::stderr,
        wasi::cli::terminal_input, wasi::cli::terminal_output,
        wasi::cli::terminal_stdin, wasi::cli::terminal_stdout, wasi::cli::terminal_stderr,
        wasi::clocks::monotonic_clock, wasi::clocks::wall_clock,
        io::error, io::poll, io::streams,
        wasi::random::random, wasi::random::insecure, wasi::random::insecure_seed,
        wasi::filesystem::preopens, wasi::filesystem::types,
        http::outgoing_handler,
        wasi::sockets::instance_network, wasi::sockets::ip_name_lookup, wasi::sockets::tcp,
        wasi::sockets::tcp_create_socket,
    }
    let options = wasi::sockets::network::LinkOptions::default();
    wasi::sockets::network::add_to_linker::<Host, HasSelf<Host>>(linker, &options, |host| host)?;
    http::types::add_to_linker::<Host, HasSelf<Host>>(linker, &http::types::LinkOptions::default(), |host| host)
}
