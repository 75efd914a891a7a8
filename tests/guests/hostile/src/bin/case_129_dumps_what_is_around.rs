//! Writes down all that it is given without asking: environment, arguments, folder, input, open folders.

use std::io::Read as _;

fn main() {
    let mut input = Vec::new();
    let read = std::io::stdin().read_to_end(&mut input).map_err(|error| error.kind());
    let environment: Vec<_> = std::env::vars_os().collect();
    let arguments: Vec<_> = std::env::args_os().collect();
    let folder = std::env::current_dir().map_err(|error| error.kind());
    let initial = wasip2::cli::environment::initial_cwd();
    let opened: Vec<String> =
        wasip2::filesystem::preopens::get_directories().into_iter().map(|(_, name)| name).collect();
    let terminal = wasip2::cli::terminal_stdin::get_terminal_stdin().is_some();
    let found = format!(
        "{environment:?}\n{arguments:?}\n{folder:?}\n{initial:?}\n{read:?} {input:?}\n{opened:?}\n{terminal}\n"
    );
    std::fs::write("/out/found", found).unwrap();
    for path in ["/proc/self/environ", "/proc/self/cmdline", "/etc/hostname", "/etc/passwd", "/dev/stdin", "/tmp", "."]
    {
        assert!(std::fs::read(path).is_err(), "{path}");
        assert!(std::fs::metadata(path).is_err() || path == ".", "{path}");
    }
}
