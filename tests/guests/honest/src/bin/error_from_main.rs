//! A program whose `main` returns an error fails its step.

use std::fs;
use std::io;

fn main() -> io::Result<()> {
    fs::read("/in/missing").map(drop)
}
