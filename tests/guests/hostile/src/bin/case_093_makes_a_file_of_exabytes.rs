//! Makes files that say that they are exabytes long.

use std::fs::File;

fn main() {
    for bits in [62, 50, 40, 31] {
        let file = File::create("/out/sparse").expect("it can be made");
        let _refused = file.set_len(1 << bits);
    }
}
