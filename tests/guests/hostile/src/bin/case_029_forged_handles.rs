//! Calls a method with a number that is no handle of its resource; the method and the number are in `/in/attack`.

use wasip2::cli::stdout::get_stdout;
use wasip2::cli::terminal_input::TerminalInput;
use wasip2::cli::terminal_output::TerminalOutput;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DirectoryEntryStream, NewTimestamp, OpenFlags, PathFlags,
    filesystem_error_code,
};
use wasip2::io::error::Error;
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream};

/// The resource that `$number` is said to be.
macro_rules! forged {
    ($resource:ident, $number:expr) => {
        // The number is what is wrong: the host is to see it.
        unsafe { $resource::from_handle($number) }
    };
}

/// Leaves what the host gave as it is.
fn keep<T>(value: T) {
    std::mem::forget(value);
}

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (method, number) = attack.split_once(' ').expect("a method and a number");
    let (resource, method) = method.split_once('.').expect("a resource and its method");
    let number = match (number, resource) {
        // A handle that is good, of another resource.
        ("other", "pollable") => get_stdout().take_handle(),
        ("other", _) => subscribe_duration(0).take_handle(),
        // One that was.
        ("dropped", _) => {
            let pollable = subscribe_duration(0);
            pollable.handle()
        }
        // `wasip2` takes this one for a resource that is gone already, and drops nothing.
        ("4294967295", _) if method == "drop" => u32::MAX - 1,
        (number, _) => number.parse().expect("a number"),
    };
    match resource {
        "pollable" => pollable(method, number),
        "error" => error(method, number),
        "input" => input(method, number),
        "output" => output(method, number),
        "file" => file(method, number),
        "listing" => listing(method, number),
        "terminal" => terminal(method, number),
        other => panic!("there is no resource `{other}`"),
    }
}

fn pollable(method: &str, number: u32) {
    let it = forged!(Pollable, number);
    match method {
        "ready" => keep(it.ready()),
        "block" => it.block(),
        "poll" => keep(poll(&[&subscribe_duration(0), &it])),
        "drop" => drop(it),
        other => panic!("there is no method `{other}`"),
    }
}

fn error(method: &str, number: u32) {
    let it = forged!(Error, number);
    match method {
        "to-debug-string" => keep(it.to_debug_string()),
        "filesystem-error-code" => keep(filesystem_error_code(&it)),
        "drop" => drop(it),
        other => panic!("there is no method `{other}`"),
    }
}

fn input(method: &str, number: u32) {
    let it = forged!(InputStream, number);
    match method {
        "read" => keep(it.read(1)),
        "blocking-read" => keep(it.blocking_read(1)),
        "skip" => keep(it.skip(1)),
        "blocking-skip" => keep(it.blocking_skip(1)),
        "subscribe" => keep(it.subscribe()),
        "splice" => keep(get_stdout().splice(&it, 1)),
        "blocking-splice" => keep(get_stdout().blocking_splice(&it, 1)),
        "drop" => drop(it),
        other => panic!("there is no method `{other}`"),
    }
}

fn output(method: &str, number: u32) {
    let it = forged!(OutputStream, number);
    match method {
        "check-write" => keep(it.check_write()),
        "write" => keep(it.write(b"x")),
        "blocking-write-and-flush" => keep(it.blocking_write_and_flush(b"x")),
        "write-zeroes" => keep(it.write_zeroes(1)),
        "blocking-write-zeroes-and-flush" => keep(it.blocking_write_zeroes_and_flush(1)),
        "flush" => keep(it.flush()),
        "blocking-flush" => keep(it.blocking_flush()),
        "subscribe" => keep(it.subscribe()),
        "splice" => keep(it.splice(&wasip2::cli::stdin::get_stdin(), 1)),
        "blocking-splice" => keep(it.blocking_splice(&wasip2::cli::stdin::get_stdin(), 1)),
        "drop" => drop(it),
        other => panic!("there is no method `{other}`"),
    }
}

fn file(method: &str, number: u32) {
    let it = forged!(Descriptor, number);
    let none = PathFlags::empty();
    let good = || wasip2::filesystem::preopens::get_directories().swap_remove(0).0;
    match method {
        "read-via-stream" => keep(it.read_via_stream(0)),
        "write-via-stream" => keep(it.write_via_stream(0)),
        "append-via-stream" => keep(it.append_via_stream()),
        "advise" => keep(it.advise(0, 0, Advice::Normal)),
        "sync-data" => keep(it.sync_data()),
        "get-flags" => keep(it.get_flags()),
        "get-type" => keep(it.get_type()),
        "set-size" => keep(it.set_size(0)),
        "set-times" => keep(it.set_times(NewTimestamp::Now, NewTimestamp::Now)),
        "read" => keep(it.read(1, 0)),
        "write" => keep(it.write(b"x", 0)),
        "read-directory" => keep(it.read_directory()),
        "sync" => keep(it.sync()),
        "create-directory-at" => keep(it.create_directory_at("new")),
        "stat" => keep(it.stat()),
        "stat-at" => keep(it.stat_at(none, "notes.md")),
        "set-times-at" => keep(it.set_times_at(none, "notes.md", NewTimestamp::Now, NewTimestamp::Now)),
        "link-at" => keep(it.link_at(none, "notes.md", &good(), "new")),
        "link-at-to" => keep(good().link_at(none, "notes.md", &it, "new")),
        "open-at" => keep(it.open_at(none, "notes.md", OpenFlags::empty(), DescriptorFlags::READ)),
        "readlink-at" => keep(it.readlink_at("notes.md")),
        "remove-directory-at" => keep(it.remove_directory_at("new")),
        "rename-at" => keep(it.rename_at("notes.md", &good(), "new")),
        "rename-at-to" => keep(good().rename_at("notes.md", &it, "new")),
        "symlink-at" => keep(it.symlink_at("notes.md", "new")),
        "unlink-file-at" => keep(it.unlink_file_at("notes.md")),
        "is-same-object" => keep(it.is_same_object(&good())),
        "is-same-object-as" => keep(good().is_same_object(&it)),
        "metadata-hash" => keep(it.metadata_hash()),
        "metadata-hash-at" => keep(it.metadata_hash_at(none, "notes.md")),
        "drop" => drop(it),
        other => panic!("there is no method `{other}`"),
    }
}

fn listing(method: &str, number: u32) {
    let it = forged!(DirectoryEntryStream, number);
    match method {
        "read-directory-entry" => keep(it.read_directory_entry()),
        "drop" => drop(it),
        other => panic!("there is no method `{other}`"),
    }
}

fn terminal(method: &str, number: u32) {
    match method {
        "drop-input" => drop(forged!(TerminalInput, number)),
        "drop-output" => drop(forged!(TerminalOutput, number)),
        other => panic!("there is no method `{other}`"),
    }
}
