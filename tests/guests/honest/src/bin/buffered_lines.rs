//! Buffered readers and writers work line by line.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, LineWriter, Write};

fn main() {
    let lines: Vec<String> = BufReader::new(File::open("/in/a.md").unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["first", "second", "third"]);
    let mut writer = BufWriter::new(File::create("/out/lines").unwrap());
    for number in 0..10_000 {
        writeln!(writer, "{number}").unwrap();
    }
    writer.flush().unwrap();
    assert_eq!(fs::read_to_string("/out/lines").unwrap().lines().last(), Some("9999"));
    let mut lines = LineWriter::new(File::create("/out/lines").unwrap());
    lines.write_all(b"whole\npart").unwrap();
    assert_eq!(fs::read_to_string("/out/lines").unwrap(), "whole\n");
}
