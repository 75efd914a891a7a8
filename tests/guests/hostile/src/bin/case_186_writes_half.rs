//! Writes half of a file, takes a while, and fails.

fn main() {
    std::fs::write("/out/half", [b'x'; 8 << 10]).unwrap();
    for n in 0..500_000_000_u32 {
        std::hint::black_box(n);
    }
    std::process::abort();
}
