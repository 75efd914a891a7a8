//! Writes nothing, again and again, to the stream that `/in/attack` names, with and without flushing it.

use claw_hostile_guests::granted;
use wasip2::cli::{stderr, stdout};
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let out = granted("/out");
    let file =
        out.open_at(PathFlags::empty(), "file", OpenFlags::CREATE, DescriptorFlags::WRITE).expect("it can be made");
    let (name, flush) = attack.split_once(' ').expect("a stream, and whether it is flushed");
    let stream = match name {
        "stdout" => stdout::get_stdout(),
        "stderr" => stderr::get_stderr(),
        "file" => file.write_via_stream(0).expect("it can be written"),
        "append" => file.append_via_stream().expect("it can be written"),
        other => panic!("there is no stream `{other}`"),
    };
    for _ in 0..10_000_000 {
        stream.write(&[]).expect("nothing can be written anywhere");
        if flush == "flushed" {
            stream.flush().expect("it can be flushed");
        }
    }
}
