//! Writes a secret, and then takes it away in every way: cut off, replaced, removed.

use std::fs::{self, File};

fn main() {
    let secret = b"LEFT-OVER".repeat(20_000);
    for name in ["cut", "removed", "replaced", "moved"] {
        fs::write(format!("/out/{name}"), &secret).unwrap();
    }
    File::options().write(true).open("/out/cut").unwrap().set_len(0).unwrap();
    fs::remove_file("/out/removed").unwrap();
    fs::rename("/out/moved", "/out/replaced").unwrap();
    fs::remove_file("/out/replaced").unwrap();
}
