//! Writes one more file and takes a while: every moment of a run of several is one to be interrupted in.

fn main() {
    let number = std::fs::read_dir("/out").unwrap().count();
    std::fs::write(format!("/out/{number}"), "x").unwrap();
    for n in 0..100_000_000_u32 {
        std::hint::black_box(n);
    }
}
