//! Reads all that there is at once, and more, from everything that can be read.

use claw_hostile_guests::granted;
use wasip2::cli::stdin;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::io::streams::StreamError;

const MOST: u64 = 64 << 10;

fn main() {
    let out = granted("/out");
    let file = out.open_at(PathFlags::empty(), "long", OpenFlags::empty(), DescriptorFlags::READ).expect("it is there");
    let at_most = |bytes: usize| assert!((1..=MOST).contains(&(bytes as u64)), "{bytes} bytes were read at once");
    for len in [MOST + 1, 1 << 32, 1 << 40, u64::MAX] {
        for offset in [0, 1, 1 << 40] {
            let (bytes, end) = file.read(len, offset).expect("it can be read");
            at_most(bytes.len().max(usize::from(end)));
        }
        let stream = file.read_via_stream(0).expect("it can be read");
        at_most(stream.read(len).expect("it can be read").len());
        at_most(stream.blocking_read(len).expect("it can be read").len());
        at_most(stream.skip(len).expect("it can be read") as usize);
        at_most(stream.blocking_skip(len).expect("it can be read") as usize);
        let input = stdin::get_stdin();
        assert!(matches!(input.read(len), Err(StreamError::Closed)));
        assert!(matches!(input.blocking_read(len), Err(StreamError::Closed)));
        assert!(matches!(input.skip(len), Err(StreamError::Closed)));
        assert!(matches!(input.blocking_skip(len), Err(StreamError::Closed)));
    }
}
