//! Memory beyond the limit is refused, not trapped: a program that asks can go on with less.

fn main() {
    let mut bytes: Vec<u8> = Vec::new();
    assert!(bytes.try_reserve_exact(1 << 30).is_err());
    bytes.try_reserve_exact(32 << 20).unwrap();
    bytes.resize(32 << 20, 1);
    assert_eq!(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 32 << 20);
}
