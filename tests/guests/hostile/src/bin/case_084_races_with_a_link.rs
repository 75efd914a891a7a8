//! Opens a file again and again while somebody swaps its folder for a link that leads out: what it reads must be its own.

use std::fs;

fn main() {
    let (mut read, mut refused) = (0, 0);
    for round in 0..20_000 {
        match fs::read_to_string("/out/swapped/key") {
            Ok(text) => {
                assert_eq!(text, "own", "that is somebody else's");
                read += 1;
            }
            Err(_) => refused += 1,
        }
        if round % 50 == 0 {
            // Also while writing, where what is outside must not change.
            let _swapped = fs::write("/out/swapped/key", "own");
            let _swapped = fs::write(format!("/out/swapped/new-{round}"), "own");
            let _swapped = fs::remove_file(format!("/out/swapped/new-{round}"));
        }
    }
    fs::write("/out/rounds", format!("{read} {refused}")).expect("it can be written");
}
