//! Moves as much as there is from one stream to another, or to the file that it came from: see `/in/attack`.

use claw_hostile_guests::granted;
use wasip2::cli::{stdin, stdout};
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::io::streams::StreamError;

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let out = granted("/out");
    let (open, flags) = (OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE);
    let file = out.open_at(PathFlags::empty(), "file", open, flags).expect("it can be made");
    file.write(&[b'x'; 64 << 10], 0).expect("it can be written");
    file.write(&[b'x'; 64 << 10], 64 << 10).expect("it can be written");
    let input = file.read_via_stream(0).expect("it can be read");
    match attack.as_str() {
        "printed" => {
            let to = stdout::get_stdout();
            assert_eq!(to.splice(&input, u64::MAX).expect("it is moved"), 64 << 10);
            assert_eq!(to.blocking_splice(&input, u64::MAX).expect("it is moved"), 64 << 10);
            assert!(matches!(to.splice(&input, u64::MAX), Err(StreamError::Closed)));
            assert!(matches!(to.splice(&stdin::get_stdin(), u64::MAX), Err(StreamError::Closed)));
        }
        // A file that grows by what is read of it has no end.
        "itself" => {
            let to = file.append_via_stream().expect("it can be written");
            while to.splice(&input, u64::MAX).expect("it is moved") <= 64 << 10 {}
        }
        other => panic!("there is no attack `{other}`"),
    }
}
