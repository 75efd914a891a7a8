//! Asks for as many random bytes as one call gives, a million times.

fn main() {
    for _ in 0..1_000_000 {
        std::hint::black_box(wasip2::random::random::get_random_bytes(64 << 10));
    }
}
