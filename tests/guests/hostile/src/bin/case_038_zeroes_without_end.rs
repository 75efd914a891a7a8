//! Writes more zeroes at once than a call may: to which stream, how, and how many, is in `/in/attack`.

use claw_hostile_guests::granted;
use wasip2::cli::{stderr, stdout};
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let [name, how, len] = attack.split(' ').collect::<Vec<_>>().try_into().expect("three words");
    let out = granted("/out");
    let file =
        out.open_at(PathFlags::empty(), "file", OpenFlags::CREATE, DescriptorFlags::WRITE).expect("it can be made");
    let stream = match name {
        "stdout" => stdout::get_stdout(),
        "stderr" => stderr::get_stderr(),
        "file" => file.write_via_stream(0).expect("it can be written"),
        other => panic!("there is no stream `{other}`"),
    };
    let len = len.parse().expect("a number");
    match how {
        "write-zeroes" => stream.write_zeroes(len),
        _ => stream.blocking_write_zeroes_and_flush(len),
    }
    .expect("it is written, or the guest is gone");
}
