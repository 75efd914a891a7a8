//! Writes until nobody lets it any more, into many files.

use std::fs::OpenOptions;
use std::io::Write as _;

fn main() {
    let block = vec![b'x'; 64 << 10];
    for number in 0.. {
        let path = format!("/out/{}", number % 7);
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("it can be opened");
        // An error is no reason to stop.
        let _refused = file.write_all(&block);
    }
}
